"""Detectors that follow the beam: as even as where it is at rest, and nothing else changes."""

import json
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import stemwidgets as sw
from stemwidgets.arrays.calibration.descan import fit_descan
from stemwidgets.arrays.center_of_mass import centroids, moments
from stemwidgets.arrays.centring.beam_frame import fit_beam_frame
from stemwidgets.arrays.disc.find import find_disc
from stemwidgets.arrays.virtual_image import virtual_image

DISC = ((22.0, 22.0), 13.04)  # ky, kx and radius [px], of the sample
FAULTS = {"hot": 6, "dead": 1}
SEGMENTS = sw.SegmentDetector(DISC[0], 0.0, 9.0)


@cache
def scan(descan=0.0, dose=3e4, **faults):
    return sw.samples.experiment(dose=dose, seed=1, camera=sw.Camera(descan=descan, **faults))


def image(signal, detector, descan="find", **options):
    return sw.virtual_image(signal, detector, disc=DISC, descan=descan, **options)


def frame_of(data, hidden=None):
    hidden = np.zeros(data.shape[2:], bool) if hidden is None else hidden
    sums = moments(data, hidden)
    descan = fit_descan(centroids(sums, data.shape[2:]))
    return fit_beam_frame(descan, sums[..., 0], data, hidden)


def times_noise(one, other):
    """Root mean square difference of two images over that by the noise of both."""
    return np.sqrt(((one.data - other.data) ** 2).mean() / (2 * other.data.mean()))


@pytest.mark.parametrize("faults", [{}, FAULTS])
@pytest.mark.parametrize(("detector", "limit", "raw"), [("BF", 1.1, 8), ("ADF", 1.5, 150)])
def test_images_are_those_of_a_beam_at_rest(detector, limit, raw, faults):
    still, wandering = image(scan(**faults), detector), scan(5.0, **faults)

    assert times_noise(image(wandering, detector, None), still) > raw
    assert times_noise(image(wandering, detector), still) < limit


def test_the_direct_beam_is_found_in_a_mean_pattern_that_is_not_smeared():
    wandering = scan(5.0).data
    smeared, found = find_disc(wandering.mean(axis=(0, 1))), find_disc(frame_of(wandering).mean)

    assert_allclose((*found.center, found.radius), (*DISC[0], DISC[1]), atol=0.01)
    assert abs(smeared.radius - DISC[1]) > 0.1


def test_the_thickness_of_a_wedge_is_not_taken_off():
    still, wandering = scan(dose=None), scan(0.84, dose=None)
    iy, ix = np.indices(still.data.shape[:2])
    thickness = (1 + (ix - 0.6 * iy) / 64)[..., None, None]
    ky, kx = np.indices(still.data.shape[2:])
    beyond = np.hypot(ky - 22, kx - 22) > 15
    ring = sw.AnnularDetector(DISC[0], 16.0, 21.0)
    wedges = [np.where(beyond, each.data * thickness, each.data) for each in (still, wandering)]

    true, found = (image(data, ring).data for data in wedges)

    assert np.polyfit(true.ravel(), found.ravel(), 1)[0] == pytest.approx(1, abs=0.01)


def test_a_scan_without_descan_comes_through_bit_for_bit():
    still = scan(**FAULTS)
    for detector in ("BF", SEGMENTS):
        plain = image(still, detector, None)
        found = image(still, detector, "find")
        assert_array_equal(found.data, plain.data)
        assert not found.metadata.has_item("Stemwidgets.descan")


def test_lazy_patterns_and_a_descan_in_numbers_give_the_same():
    signal = scan(2.0, **FAULTS)
    eager = image(signal, "ADF")
    numbers = json.loads(eager.metadata.Stemwidgets.descan)
    descan = sw.Descan(**numbers | {"shape": tuple(numbers["shape"])})

    assert_array_equal(image(signal.as_lazy(), "ADF").data, eager.data)
    assert_allclose(image(signal, "ADF", descan).data, eager.data, rtol=1e-12)


@pytest.mark.parametrize("descan", [0.5, 3.0])
def test_images_are_sums_over_patterns_about_their_own_centres(descan):
    data, hidden = scan(descan, **FAULTS).data, np.zeros((44, 44), bool)
    hidden[20], hidden[3, 5] = True, True
    frame = frame_of(data, hidden)
    weights = np.linspace(-1, 2, 44 * 44).reshape(44, 44)

    for detector in (SEGMENTS, weights):
        one = frame.image(data, detector, hidden)
        assert_allclose(one, virtual_image(frame.of(data), detector, hidden), atol=0.01)


def test_what_a_left_out_pixel_holds_matters_nothing():
    counts, mask = scan(2.0).data.astype("f4"), np.zeros((44, 44), bool)
    mask[20, 25] = True
    broken = np.where(mask, np.nan, counts)

    assert_array_equal(*(image(data, "BF", mask=mask).data for data in (broken, counts)))


def test_the_descan_of_another_scan_is_refused():
    other = fit_descan(np.zeros((3, 4, 2)))
    with pytest.raises(sw.InputError, match="of a scan of"):
        image(scan(), "BF", other)
