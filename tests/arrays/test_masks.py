"""One meaning of a mask: True is left out, everywhere, and weights are no mask."""

import dask.array as da
import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.disc.find import find_disc
from stemwidgets.arrays.kernels.detector_major import DetectorMajor
from stemwidgets.arrays.overview import overview
from stemwidgets.rrvae.data.sampling import preparing

SCAN, PATTERN = (12, 13), (24, 20)
HIDDEN = np.zeros(PATTERN, dtype=bool)
HIDDEN[4, 5] = HIDDEN[13] = HIDDEN[10:13, 15:] = True
DISC = sw.DiscDetector((11, 9), 6)


def counts(dtype="u2"):
    """A disc that wanders, with a faint dark field."""
    rng = np.random.default_rng(0)
    iy, ix = np.indices(SCAN)
    y, x = np.indices(PATTERN)
    middle_y = 11 + 2 * np.sin(2 * np.pi * ix / 5)[..., None, None]
    middle_x = 9 + 2 * np.sin(2 * np.pi * iy / 4)[..., None, None]
    disc = 1 / (1 + np.exp(np.hypot(y - middle_y, x - middle_x) - 5))
    return rng.poisson(40 * disc + 0.5).astype(dtype)


def spoilt(dtype="u2", value=60_000):
    """The same, with pixels that outshine all where they are hidden."""
    data = counts(dtype)
    data[..., HIDDEN] = value
    return data


def centers(data, mask):
    com = sw.center_of_mass(data, mask=mask)
    return com.positions


def calibrated(data, mask):
    found = sw.calibrate(data, mask=mask, rotation=0)
    return np.array([*found.disc_center, found.disc.radius, *found.descan.positions.ravel()])


def learned_from(data, mask):
    steps = preparing(data, (1.0, 1.0), mask)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            preparation, sample = end.value
            return np.concatenate([preparation.mask.ravel(), sample.ravel()])


def looked(data, mask):
    seen = overview(data, mask, detectors=True, bin_by=2)
    return np.concatenate(
        [
            np.ravel(part)
            for part in (
                seen.com,
                seen.sum_image,
                seen.reference,
                seen.disc.center,
                seen.disc.radius,
                seen.bright_field,
                seen.dark_field,
                seen.binned,
            )
        ]
    )


ENTRIES = {
    "center_of_mass": centers,
    "center_of_mass, lazy": lambda data, mask: centers(da.from_array(data, (3, 4, 24, 20)), mask),
    "center_of_mass, threshold": lambda data, mask: (
        sw.center_of_mass(data, mask, threshold=3).positions
    ),
    "center_of_mass, background": lambda data, mask: (
        sw.center_of_mass(data, mask, background=0.5).positions
    ),
    "center_of_mass, weights": lambda data, mask: (
        sw.center_of_mass(data, mask, weights=DISC).positions
    ),
    "calibrate": calibrated,
    "fit": learned_from,
    "overview": looked,
    "virtual_image, BF": lambda data, mask: sw.virtual_image(data, "BF", mask).data,
    "virtual_image, quadrants": lambda data, mask: (
        sw.virtual_image(data, sw.SegmentDetector((11, 9), 0, 10), mask).data
    ),
    "virtual_image, weights": lambda data, mask: (
        sw.virtual_image(data, np.random.default_rng(1).random(PATTERN), mask).data
    ),
    "a dragged detector": lambda data, mask: DetectorMajor(data).image(DISC, mask),
    "find_disc": lambda data, mask: np.array(
        [*(disc := find_disc(data.mean(axis=(0, 1)), mask=mask)).center, disc.radius]
    ),
    "pca": lambda data, mask: sw.pca(data, 2, mask=mask).explained_variance.data,
    "nmf": lambda data, mask: np.nan_to_num(sw.nmf(data, 2, mask=mask).patterns.data),
    "Preparation": lambda data, mask: sw.Preparation().mask(mask).apply(data),
}


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize(("dtype", "value"), [("u2", 60_000), ("f4", np.nan), ("f8", np.inf)])
def test_the_same_mask_leaves_out_the_same_pixels(name, dtype, value):
    found = ENTRIES[name](spoilt(dtype, value), HIDDEN)

    np.testing.assert_array_equal(found, ENTRIES[name](spoilt(dtype, 0), HIDDEN))


def test_com_and_training_agree_with_one_mask():
    """Two meanings once turned the COM by 83 degrees against the angle of the training."""
    data = spoilt()
    model = sw.RRVAE(seed=0).fit(data, mask=HIDDEN)
    com = sw.center_of_mass(data, HIDDEN)

    agreement = sw.compare_angles(model.encode(data).angle, com.angle, com.magnitude)

    assert agreement.correlation > 0.9
    alone = sw.center_of_mass(counts())
    turn = np.angle(np.mean(np.exp(1j * (com.angle.data - alone.angle.data))))
    assert np.degrees(abs(turn)) < 3


OLD_USE = {
    "weights of floats": np.ones(PATTERN),
    "weights of integers": (~HIDDEN).astype(int),
    "a disc": DISC,
    "a ring": sw.AnnularDetector((11, 9), 3, 7),
    "pixels": sw.PixelDetector(~HIDDEN),
    "a name": "BF",
    "another shape": HIDDEN.T,
    "every pixel": np.ones(PATTERN, dtype=bool),
    "used pixels": ~HIDDEN,
}
TOLD = ["weights of floats", "weights of integers", "a disc", "a ring", "pixels", "used pixels"]


@pytest.mark.parametrize("name", OLD_USE)
@pytest.mark.parametrize("entry", ["center_of_mass", "center_of_mass, lazy", "calibrate"])
def test_what_is_no_mask_is_refused(entry, name):
    words = "weights=" if name in TOLD else "True"
    with pytest.raises(sw.InputError, match=words):
        ENTRIES[entry](counts(), OLD_USE[name])


@pytest.mark.parametrize("name", [name for name in OLD_USE if name != "used pixels"])
@pytest.mark.parametrize("entry", ENTRIES)
def test_no_entry_takes_for_a_mask_what_is_none(entry, name):
    with pytest.raises(sw.InputError, match=r"mask|pixels"):
        ENTRIES[entry](counts(), OLD_USE[name])


def test_a_mask_over_the_direct_beam_is_warned_of():
    with pytest.warns(UserWarning, match=r"leaves out \d\d % of the counts .* pass ~mask"):
        sw.center_of_mass(counts(), DISC.pixels(PATTERN))


def beam_stop(data):
    """A bar and a disc in the beam, beside which the beam is still bright."""
    y, x = np.indices(PATTERN)
    stop = (np.hypot(y - 11, x - 9) < 3) | ((abs(x - 9) < 2) & (y > 11))
    data[..., stop] = 0
    return stop


def dead_half(data):
    """Half of the detector and a little more does not count."""
    dead = np.zeros(PATTERN, dtype=bool)
    dead[:, 10:] = dead[16:] = True
    data[..., dead] = 0
    return dead


def hot_rows(data):
    hot = np.zeros(PATTERN, dtype=bool)
    hot[10:12] = True
    data[..., hot] = 4095
    return hot


def hot_pixels(data):
    hot = np.random.default_rng(4).random(PATTERN) < 0.04
    data[..., hot] = 65535
    return hot


def nothing(data):
    return np.zeros(PATTERN, dtype=bool)


@pytest.mark.parametrize("fault", [beam_stop, dead_half, hot_rows, hot_pixels, nothing])
def test_an_honest_mask_is_taken_without_a_word(fault):
    data = counts()
    mask = fault(data)

    sound = sw.center_of_mass(data, mask)
    sw.calibrate(data, mask=mask, rotation=0)

    kept = np.where(mask, 0, data).astype(float)
    expected = (kept * np.arange(PATTERN[1])).sum((2, 3)) / kept.sum((2, 3))
    np.testing.assert_allclose(sound.positions[..., 1], expected, rtol=1e-12)


def test_weights_count_as_they_say():
    data, rng = counts("f8"), np.random.default_rng(3)
    weights = rng.random(PATTERN)
    kept = data * np.where(HIDDEN, 0, weights)
    expected = (kept * np.arange(PATTERN[1])).sum((2, 3)) / kept.sum((2, 3))

    found = sw.center_of_mass(data, HIDDEN, weights=weights)

    np.testing.assert_allclose(found.positions[..., 1], expected, rtol=1e-12)
    np.testing.assert_array_equal(
        sw.center_of_mass(data, weights=DISC).positions,
        sw.center_of_mass(data, weights=DISC.pixels(PATTERN)).positions,
    )


def test_a_detector_that_is_left_out_altogether_is_refused():
    with pytest.raises(sw.InputError, match="no pixel that is not left out by the mask"):
        sw.virtual_image(counts(), DISC, sw.DiscDetector((11, 9), 7).pixels(PATTERN))
