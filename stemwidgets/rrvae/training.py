"""Training of the harmonic rrVAE, as a generator of moments."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from stemwidgets.rrvae.learning_locally import ROUNDS, learn_locally
from stemwidgets.rrvae.learning_on_grid import learn_on_grid
from stemwidgets.rrvae.manifold import Manifold
from stemwidgets.rrvae.moment import Moment, Patterns, best_cells

NARROW = math.radians(1.5)  # with a posterior as narrow as that the grid is too coarse
SAMPLE = 512
ON_GRID = 0.6  # share of the time, if local rounds follow


def train(
    starts: Sequence[Manifold], patterns: Patterns, noise_floor: float, seed: int
) -> Iterator[Moment]:
    """Learn a manifold.

    Parameters
    ----------
    starts : sequence of Manifold
        Where to begin; what leads furthest is kept.
    patterns : Patterns
        On the manifolds' device.
    noise_floor : float
        Variance of shot noise; a better fit than that is not sought.
    seed : int
        Of the batches and draws.

    Yields
    ------
    Moment
        After every update.
    """
    generator = torch.Generator(patterns.dose.device).manual_seed(seed + 1)
    for moment in learn_on_grid(starts, patterns, noise_floor, seed):
        if moment.fraction < 1:
            yield replace(
                moment,
                epochs=moment.epochs + ROUNDS,
                fraction=ON_GRID * moment.fraction,
            )
    found = best_cells(moment, patterns.rows(slice(SAMPLE)))
    if float(found.covariance[:, -1, -1].median().sqrt()) > NARROW:
        yield moment
    else:
        for local in learn_locally(moment, patterns, noise_floor, generator):
            yield replace(local, fraction=ON_GRID + (1 - ON_GRID) * local.fraction)
