import numpy as np
import pytest
from benchmarks.rulers import angle_error, without_convention
from rotated_patterns import bragg, rotated_patterns

from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae import RRVAE


@pytest.fixture(scope="module")
def moving_spots():
    return rotated_patterns(bragg, n=500, dose=2e4, seed=3)


@pytest.fixture(scope="module")
def alike(moving_spots):
    return RRVAE(seed=0, convention="alike").fit(moving_spots.patterns)


def typical_error(encoding, truth):
    error = angle_error(encoding.angle, truth.angle, symmetry=1)
    return np.median(np.abs(without_convention(error, truth, symmetry=1)))


def test_where_the_com_moves_within_the_pattern_alike_is_more_precise(moving_spots, alike):
    com = RRVAE(seed=0).fit(moving_spots.patterns).encode(moving_spots.patterns)
    turned_alike = alike.encode(moving_spots.patterns)

    best = moving_spots.best_median_error
    assert typical_error(turned_alike, moving_spots) < 1.3 * best
    assert typical_error(turned_alike, moving_spots) < 0.9 * typical_error(com, moving_spots)
    assert np.median(turned_alike.angle_std) < 0.9 * np.median(com.angle_std)


def test_the_com_lies_along_kx_on_average(moving_spots, alike):
    angle = alike.encode(moving_spots.patterns).angle
    y, x = (center_of_mass(moving_spots.patterns) - 31.5).T
    unturned = (x + 1j * y) * np.exp(-1j * angle)
    assert np.angle(unturned.mean()) == pytest.approx(0, abs=np.radians(2))


def test_what_was_decoded_is_turned_as_it_was_encoded(moving_spots, alike, tmp_path):
    alike.save(tmp_path / "alike.rrvae")
    loaded = RRVAE.load(tmp_path / "alike.rrvae")
    patterns = moving_spots.patterns[:40]

    encoding = loaded.encode(patterns)

    np.testing.assert_array_equal(encoding.angle, alike.encode(patterns).angle)
    apart = {
        turn: np.nanstd(patterns - loaded.decode(encoding.latent, encoding.angle + turn))
        for turn in (0, 0.3)
    }
    assert apart[0] < 0.7 * apart[0.3]
    assert loaded.options.convention == "alike"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"convention": "procrustes"}, "one of com, alike"),
        ({"convention": "alike", "kind": "paper"}, "no convention"),
    ],
)
def test_a_convention_that_is_unknown_or_of_no_use_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        RRVAE(**options)
