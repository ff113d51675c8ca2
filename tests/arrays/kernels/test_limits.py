"""Patterns that have a pixel beyond its limits are told while their moments are added up."""

import numpy as np
import pytest

from stemwidgets.arrays.center_of_mass import pattern_moments
from stemwidgets.arrays.kernels.limits import Watch, watch_patterns

SHAPES = [(9, 8, 9), (5, 17, 16), (4, 40, 24), (7, 5, 300), (3, 9, 8)]
WAYS = {
    "all pixels": {},
    "mask": {"weights": True},
    "weights": {"weights": 0.5},
    "threshold": {"threshold": 7.0},
    "background": {"background": 1.5, "threshold": 2.0},
}
KERNELS = [  # one of each kind
    *(("all pixels", dtype) for dtype in ("u1", "u2", "f4")),
    *(("mask", dtype) for dtype in ("u1", "i1", "u2", "f4")),
    *(("weights", "u2"), ("threshold", "u2"), ("background", "f4")),
]


def scan(shape, dtype):
    """Noise within limits that differ from pixel to pixel."""
    rng = np.random.default_rng(0)
    signed = np.dtype(dtype).kind != "u"
    middle = rng.integers(20, 80, shape[1:])
    patterns = middle + rng.integers(-9, 10, shape)
    limits = (middle + 10).astype(dtype), (middle - 10).astype(dtype) if signed else None
    return patterns.astype(dtype), limits


def options(way, shape):
    """The pixel in the middle does not count, and is compared all the same."""
    given = dict(WAYS[way])
    if "weights" in given:
        given["weights"] = np.full(shape, given["weights"])
        given["weights"][shape[0] // 2, shape[1] // 2] = 0
    if "background" in given:
        given["background"] = np.full(shape, given["background"])
    return given


@pytest.mark.parametrize(("way", "dtype"), KERNELS)
def test_every_pixel_is_compared_and_no_sum_changes(way, dtype):
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        patterns, (highest, lowest) = scan(shape, dtype)
        given = options(way, shape[1:])
        places = [(0, 0), (shape[1] - 1, shape[2] - 1), (shape[1] // 2, shape[2] // 2)]
        places += [tuple(rng.integers(0, shape[1:])) for _ in range(3)]
        for side, sign in ((highest, 1), (lowest, -1)):
            for y, x in places if side is not None else ():
                hit = patterns.copy()
                hit[1::2, y, x] = side[y, x]
                hit[-1, y, x] = side[y, x] + sign
                watch = Watch.of(highest, lowest).over(len(hit))

                found = pattern_moments(hit, **given, watch=watch)

                assert np.flatnonzero(watch.beyond).tolist() == [len(hit) - 1], (shape, y, x)
                np.testing.assert_array_equal(found, pattern_moments(hit, **given))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_pixel_that_is_never_finite_hides_no_other(dtype, value):
    patterns, (highest, lowest) = scan((6, 16, 24), dtype)
    highest[3, 5], lowest[3, 5] = np.inf, -np.inf
    patterns[:, 3, 5] = value
    patterns[2, 4, 5] = 200
    patterns[4, 1, 5] = -200
    watch = Watch.of(highest, lowest).over(6)

    watch_patterns(patterns, watch)

    assert np.flatnonzero(watch.beyond).tolist() == [2, 4]
