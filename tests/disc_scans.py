"""A scan of a plain disc."""

import numpy as np


def disc_scan(shape=(9, 11, 40, 44), radius=9.0, aspect=1.0, seed=0):
    """A disc that moves with random deflections, and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape[2:])
    moved = rng.normal(size=(2, *shape[:2], 1, 1))
    middle = (shape[2] / 2, shape[3] / 2)
    distance = np.hypot((y - middle[0] - moved[0]) * aspect, x - middle[1] - moved[1])
    return rng.poisson(200 / (1 + np.exp(2 * (distance - radius)))).astype(np.uint16)
