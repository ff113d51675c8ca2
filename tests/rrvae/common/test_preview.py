"""Maps for those who watch a training."""

import numpy as np
import pytest

from stemwidgets.rrvae.common.preview import preview

MOST = 4096
COLUMNS = ("angle", "confidence", "residual", "angle_std", "symmetry_confidence")


def reading(asked):
    """Columns that hold the number of each pattern."""

    def read(numbers):
        asked.append(numbers)
        columns = {name: numbers.astype(np.float32) for name in COLUMNS}
        latent = np.stack([numbers, -numbers], axis=1).astype(np.float32)
        return columns | {"latent": latent, "symmetry": np.ones(len(numbers), np.uint8)}

    return read


def test_every_pattern_of_a_small_scan_is_read():
    asked = []
    *_, maps = preview(*[np.ones((5, 7), bool)] * 2, reading(asked), fold=3, most=MOST)
    np.testing.assert_array_equal(maps.angle, np.arange(35).reshape(5, 7))
    assert maps.shown is None
    assert maps.fold == 3


@pytest.mark.parametrize("shape", [(130, 97), (3, 5000), (20_011,)])
def test_of_a_large_scan_one_pattern_stands_for_its_block(shape):
    asked = []
    *waiting, maps = preview(*[np.ones(shape, bool)] * 2, reading(asked), fold=1, most=MOST)
    numbers = np.concatenate(asked)
    assert waiting == [None] * len(asked)
    assert MOST / 3 < len(numbers) <= MOST
    assert maps.latent.shape == (*shape, 2)
    here = np.indices(shape)
    stood_for = np.indices(shape).reshape(len(shape), -1)[:, maps.angle.astype(int).ravel()]
    step = np.abs(here.reshape(len(shape), -1) - stood_for).max() + 1
    for apart in here.reshape(len(shape), -1) - stood_for:
        assert apart.min() == 0
        assert apart.max() < step
    assert len(numbers) == np.prod([-(-size // step) for size in shape])
    np.testing.assert_array_equal(maps.shown, maps.angle)


def test_patterns_without_counts_stay_empty():
    filled = np.random.default_rng(0).random((140, 61)) < 0.5
    asked = []
    *_, maps = preview(filled, filled, reading(asked), fold=1, most=MOST)
    np.testing.assert_array_equal(np.isnan(maps.angle), ~filled)
    assert np.isnan(maps.latent[~filled]).all()
    # numbers count the patterns that have counts
    places = np.stack(np.nonzero(filled))
    stood_for = places[:, maps.angle[filled].astype(int)]
    assert np.abs(places - stood_for).max() <= 1
    whole = np.flatnonzero(filled)[maps.angle[filled].astype(int)]
    np.testing.assert_array_equal(maps.shown[filled], whole)
    assert (maps.shown[~filled] == -1).all()


def test_a_pattern_that_is_learned_from_stands_for_those_around_it_that_are_not():
    filled = np.ones((140, 61), bool)
    filled[20:30, 5:8] = False
    learned = filled & (np.random.default_rng(0).random(filled.shape) < 0.5)
    learned[90:94] = False
    asked = []
    *_, maps = preview(filled, learned, reading(asked), fold=1, most=MOST)
    drawn = np.isfinite(maps.angle)
    assert not drawn[~filled].any()
    assert not drawn[90:94].any()
    assert drawn[filled].mean() > 0.8
    places = np.stack(np.nonzero(learned))
    stood_for = places[:, maps.angle[drawn].astype(int)]
    assert np.abs(np.stack(np.nonzero(drawn)) - stood_for).max() <= 1
