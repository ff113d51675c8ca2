import numpy as np
import pytest

from stemwidgets.arrays.axes import Axis
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.fourier import direction_spectrum, reciprocal, spectrum

Y, X = Axis(48, 0.2, 1.0, "Å"), Axis(70, 0.3, -2.0, "Å")
GRAPHENE = 2.46  # Å


def places():
    iy, ix = np.mgrid[: Y.size, : X.size]
    return Y.coordinate(iy), X.coordinate(ix)


def strongest(found):
    """Frequency (qy, qx) of the strongest point."""
    iy, ix = np.unravel_index(np.argmax(found.magnitude), found.magnitude.shape)
    return found.qy.coordinate(iy), found.qx.coordinate(ix)


def lattice():
    """A triangular lattice: three cosines, one of them along x."""
    y, x = places()
    q = 2 / (np.sqrt(3) * GRAPHENE)
    turns = np.radians([0, 60, 120])
    return 7 + sum(np.cos(2 * np.pi * q * (np.cos(t) * x + np.sin(t) * y)) for t in turns), q


def test_a_lattice_shows_six_spots_at_its_spacing():
    values, q = lattice()
    found = spectrum(values, Y, X)
    iy, ix = np.indices(found.magnitude.shape)
    distance = np.hypot(found.qy.coordinate(iy), found.qx.coordinate(ix))
    direction = np.arctan2(found.qy.coordinate(iy), found.qx.coordinate(ix))
    step = max(found.qy.scale, found.qx.scale)
    for turn in np.radians([-120, -60, 0, 60, 120, 180]):
        near = np.hypot(
            distance * np.cos(direction) - q * np.cos(turn),
            distance * np.sin(direction) - q * np.sin(turn),
        )
        assert found.magnitude[near < step].max() > 0.3
    far = np.abs(distance - q) > 4 * step
    assert found.magnitude[far].max() < 0.01


def test_the_axes_are_frequencies_of_the_scan():
    found = spectrum(lattice()[0], Y, X)
    assert (found.qy.units, found.qx.units) == ("1/Å", "1/Å")
    assert found.qy.coordinate(Y.size // 2) == 0
    assert found.qx.coordinate(X.size // 2) == 0
    assert found.qy.coordinate(0) == pytest.approx(-1 / (2 * 0.2))
    assert found.qx.coordinate(0) == pytest.approx(-1 / (2 * 0.3))


def test_a_wave_keeps_its_sign_and_amplitude():
    y, x = places()
    qy, qx = 5 / (48 * 0.2), -9 / (70 * 0.3)
    found = spectrum(2.5 * np.exp(2j * np.pi * (qy * y + qx * x)), Y, X)
    assert strongest(found) == (pytest.approx(qy), pytest.approx(qx))
    assert found.magnitude.max() == pytest.approx(2.5, rel=1e-6)


def test_the_mean_is_gone_and_holes_do_not_matter():
    values, _ = lattice()
    holes = values.copy()
    holes[np.random.default_rng(0).random(values.shape) < 0.1] = np.nan
    whole, holed = spectrum(values, Y, X), spectrum(holes, Y, X)
    assert whole.magnitude[24, 35] < 1e-12
    assert strongest(holed) == strongest(whole)
    assert holed.magnitude.max() == pytest.approx(whole.magnitude.max(), rel=0.1)


@pytest.mark.parametrize("fold", [1, 3])
def test_an_angle_that_winds_is_one_frequency(fold):
    y, _ = places()
    q = 4 / (48 * 0.2)
    angle = 2 * np.pi * q * y / fold
    jumping = (angle + np.pi / fold) % (2 * np.pi / fold) - np.pi / fold
    found = direction_spectrum(jumping, Y, X, fold=fold)
    assert strongest(found) == (pytest.approx(q), 0)
    assert found.magnitude.max() == pytest.approx(1, rel=1e-6)


def test_angles_that_mean_nothing_do_not_count():
    rng = np.random.default_rng(1)
    y, x = places()
    angle, weight = 2 * np.pi * 0.5 * y, (x > 5).astype(float)
    noisy = np.where(weight > 0, angle, rng.uniform(-np.pi, np.pi, angle.shape))
    np.testing.assert_allclose(
        direction_spectrum(noisy, Y, X, weight).magnitude,
        direction_spectrum(angle, Y, X, weight).magnitude,
        atol=1e-12,
    )


def test_decades_end_at_the_strongest_and_are_finite():
    decades = spectrum(lattice()[0], Y, X).decades
    assert decades.max() == 0
    assert decades.min() >= -6


@pytest.mark.parametrize("value", [3.0, np.nan])
def test_a_map_without_contrast_has_no_spectrum(value):
    found = spectrum(np.full((48, 70), value), Y, X)
    assert found.magnitude.max() == 0
    assert np.isnan(found.decades).all()


def test_a_map_of_other_axes_is_refused():
    with pytest.raises(InputError, match=r"\(48, 70\)"):
        spectrum(np.zeros((70, 48)), Y, X)


def test_units_turn_over():
    assert reciprocal("nm") == "1/nm"
    assert reciprocal("1/Å") == "Å"
