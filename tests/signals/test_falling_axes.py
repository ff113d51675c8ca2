"""Axes with a negative scale: vectors and angles are those of the flipped scan with a positive one.

A scan of known rotation is written down with each axis rising or falling from pixel to pixel; its
coordinates, and with them everything that is measured, stay the same.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.calibration.scan_rotation import ScanRotation
from stemwidgets.signals.conversion import arrays_to_signal

SHAPE = (20, 22, 18, 21)
ROTATION = 0.7  # rad
AXES = Axes(
    Axis(20, 0.3, 1.0, "Å"),
    Axis(22, 0.2, -2.0, "Å"),
    Axis(18, 0.05, -0.45, "1/Å"),
    Axis(21, 0.04, -0.38, "1/Å"),
)
DETECTOR = [(1, 1, *signs) for signs in itertools.product((1, -1), repeat=2)]
ALL = list(itertools.product((1, -1), repeat=4))


def turned_deflections():
    """Patterns that a random object deflects, on a detector that is turned against the scan."""
    rng = np.random.default_rng(0)
    steps = [axis.scale for axis in AXES[:2]]
    dark = ndimage.gaussian_filter(rng.standard_normal(SHAPE[:2]), 2.0)
    dark /= np.abs(dark).max()
    field = np.gradient(dark, *steps)
    y, x = ScanRotation(ROTATION).to_detector(*field)
    size = 0.08 / np.hypot(y, x).max()
    ky, kx = (axis.coordinate(np.arange(axis.size)) for axis in AXES[2:])
    dy = ky[:, None] - size * y[..., None, None]
    dx = kx - size * x[..., None, None]
    disc = 1 / (1 + np.exp((np.hypot(dy, dx) - 0.2) / 0.015))
    scattered = dark[..., None, None]  # out of the disc, where atoms are
    counts = 200 * disc * (1 - 0.1 * scattered) + 2 + scattered
    return rng.poisson(counts).astype("u2")


@pytest.fixture(scope="module")
def counts():
    return turned_deflections()


def written(counts, signs):
    """The same scan with some axes written down in falling order."""
    axes = (
        replace(axis, size=size)
        if sign > 0
        else Axis(size, -axis.scale, axis.coordinate(size - 1), axis.units)
        for sign, size, axis in zip(signs, counts.shape, AXES, strict=True)
    )
    return arrays_to_signal(flipped(counts, signs), Axes(*axes))


def flipped(values, signs):
    return values[tuple(slice(None, None, sign) for sign in signs[: values.ndim])]


def middle(signs):
    """The optic axis in pixels."""
    at = ((9.0, 8.0), (9.5, 10.5))
    return tuple(pixel[sign < 0] for pixel, sign in zip(at, signs[2:], strict=True))


def circular_gap(a, b):
    return np.abs(np.angle(np.exp(1j * (np.asarray(a) - np.asarray(b)))))


@pytest.mark.parametrize("signs", ALL)
def test_deflections_and_what_follows_from_them(counts, signs):
    right, found = (sw.center_of_mass(written(counts, s)) for s in ((1, 1, 1, 1), signs))

    for name in ("x", "y", "magnitude", "divergence", "curl"):
        expected, values = (getattr(com, name).data for com in (right, found))
        np.testing.assert_allclose(flipped(values, signs), expected, rtol=1e-6, atol=1e-9)
    potentials = [com.potential().data for com in (right, found)]
    np.testing.assert_allclose(flipped(potentials[1], signs), potentials[0], atol=1e-6)
    assert circular_gap(flipped(found.angle.data, signs), right.angle.data).max() < 1e-6


@pytest.mark.parametrize("signs", ALL)
def test_the_calibration_finds_the_rotation_that_was_put_in(counts, signs):
    signal = written(counts, signs)
    found = sw.calibrate(signal)

    assert circular_gap(found.rotation, ROTATION) < 0.1
    assert found.scan_rotation.handedness == 1
    in_scan = found.apply(sw.center_of_mass(signal))
    plain = written(counts, (1, 1, 1, 1))
    right = sw.calibrate(plain).apply(sw.center_of_mass(plain))
    np.testing.assert_allclose(flipped(in_scan.x.data, signs), right.x.data, atol=1e-4)
    np.testing.assert_allclose(flipped(in_scan.y.data, signs), right.y.data, atol=1e-4)


@pytest.mark.parametrize("kind", ["harmonic", "paper"])
def test_the_angle_of_the_rrvae_is_that_of_the_com(counts, kind):
    few = counts[:8, :9]
    angles, decoded = [], []
    for signs in DETECTOR:
        signal = written(few, signs)
        model = sw.RRVAE(seed=0, kind=kind, epochs=None if kind == "harmonic" else 2)
        maps = model.fit(signal).encode(signal)
        angles.append(maps.angle.data)
        rows, columns = np.nonzero(model.used_pixels.inside)
        for pixel, k, sign in zip(
            (rows, columns), model.used_pixels.coordinates, signs[2:], strict=True
        ):
            assert np.corrcoef(sign * pixel, k)[0, 1] > 0.99
        pattern = model.decode(np.zeros(2), angle=0.3)
        decoded.append(flipped(pattern, signs[2:]))
        if kind == "harmonic":
            com = sw.center_of_mass(signal)
            compared = sw.compare_angles(maps.angle, com.angle, com.magnitude)
            assert compared.handedness == 1
            assert compared.correlation > 0.95
    for angle, pattern in zip(angles, decoded, strict=True):
        if kind == "harmonic":
            assert np.median(circular_gap(angle, angles[0])) < 0.02
            np.testing.assert_allclose(pattern, decoded[0], atol=4, equal_nan=True)


def test_a_model_refuses_patterns_that_are_written_the_other_way(counts):
    few = counts[:5, :6]
    model = sw.RRVAE(seed=0)
    steps = model.steps(written(few, (1, 1, 1, 1)))
    next(steps)
    steps.close()

    with pytest.raises(sw.InputError, match="ky to rise"):
        model.encode(written(few, (1, 1, -1, 1)))
    with pytest.raises(sw.InputError, match="kx to rise"):
        model.fit(written(few, (1, 1, 1, -1)))


@pytest.mark.parametrize("signs", ALL)
def test_a_session_shows_the_same_vectors(counts, signs):
    shown = []
    for written_down in ((1, 1, 1, 1), signs):
        signal = written(counts[:8, :9], written_down)
        session = sw.Session(signal)
        session.detector = sw.SegmentDetector(middle(written_down), 0.0, 8.0)
        session.wait(20)
        assert session.problem == ""
        names = ("COM x", "COM y", "COM divergence", "DPC x", "DPC y")
        shown.append([session.channels[name].values for name in names])
        session.close()
    for expected, found in zip(*shown, strict=True):
        np.testing.assert_allclose(flipped(found, signs), expected, rtol=1e-4, atol=1e-4)
