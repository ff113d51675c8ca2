import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from stemwidgets.arrays.color_wheel import vector_image
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.fields import curl, divergence, electric_field, electron_speed
from stemwidgets.arrays.potential import potential
from stemwidgets.views.pictures.colors import cyclic

STEPS = (0.2, 0.3)
Y, X = np.meshgrid(0.2 * np.arange(17), 0.3 * np.arange(23), indexing="ij")


def waves():
    """A potential that is not periodic, and its slopes along y and x."""
    phase = 1.1 * Y + 0.7 * X
    value = np.sin(phase) + 0.2 * Y**2 - 0.5 * X
    return value, 1.1 * np.cos(phase) + 0.4 * Y, 0.7 * np.cos(phase) - 0.5


def rms(values):
    return np.sqrt(np.nanmean(np.square(values)))


def test_a_source_has_a_divergence_and_a_whirl_a_curl_up_to_the_edges():
    for field, source, whirl in (((Y, X), 2, 0), ((X, -Y), 0, 2)):
        np.testing.assert_allclose(divergence(*field, STEPS), source, atol=1e-12)
        np.testing.assert_allclose(curl(*field, STEPS), whirl, atol=1e-12)


def test_derivatives_are_central_differences():
    _, y, x = waves()
    along_y, along_x = np.gradient(y, 0.2, axis=0), np.gradient(x, 0.3, axis=1)

    np.testing.assert_allclose(divergence(y, x, STEPS), along_y + along_x)
    across_y, across_x = np.gradient(y, 0.3, axis=1), np.gradient(x, 0.2, axis=0)
    np.testing.assert_allclose(curl(y, x, STEPS), across_y - across_x, atol=1e-12)


def test_an_axis_that_runs_backwards_changes_nothing_but_the_order():
    _, y, x = waves()

    backwards = divergence(y[::-1], x[::-1], (-0.2, 0.3))

    np.testing.assert_allclose(backwards, divergence(y, x, STEPS)[::-1])


def test_derivatives_beside_a_gap_come_from_the_other_side():
    y, x = Y.copy(), X.copy()
    y[3, 4] = x[8, 9] = np.nan

    found = divergence(y, x, STEPS)

    assert np.argwhere(np.isnan(found)).tolist() == [[3, 4], [8, 9]]
    np.testing.assert_allclose(found[np.isfinite(found)], 2)


def test_a_position_without_neighbours_has_no_derivative():
    y = np.full((4, 5), np.nan)
    y[1, 2] = 1.0

    assert np.isnan(divergence(y, y)).all()


def test_the_potential_of_a_scan_that_is_not_periodic():
    truth, y, x = waves()

    found = potential(y, x, STEPS)

    assert abs(found.mean()) < 1e-12
    np.testing.assert_allclose(found, truth - truth.mean(), atol=2e-3 * rms(truth))


def test_the_potential_is_exact_for_parabolas():
    truth = 0.3 * Y**2 - 0.2 * X**2 + Y - 2 * X

    found = potential(0.6 * Y + 1, -0.4 * X - 2, STEPS)

    np.testing.assert_allclose(found, truth - truth.mean(), atol=1e-12)


def test_the_potential_does_not_see_a_whirl():
    _, y, x = waves()
    bump = np.exp(-((Y - 1.6) ** 2 + (X - 3.3) ** 2) / 0.4)
    whirl = -bump * (X - 3.3), bump * (Y - 1.6)

    change = potential(y + whirl[0], x + whirl[1], STEPS) - potential(y, x, STEPS)

    assert rms(change) < 0.01 * rms(bump)


def test_the_potential_bridges_gaps():
    truth, y, x = waves()
    y[5:8, 9:12] = x[3, 20] = y[:, 15] = np.nan
    known = np.isfinite(y) & np.isfinite(x)

    found = potential(y, x, STEPS)

    np.testing.assert_array_equal(np.isfinite(found), known)
    expected = np.where(known, truth - truth[known].mean(), np.nan)
    assert rms(found - expected) < 0.01 * rms(expected)


def test_the_potential_of_a_line_is_its_integral():
    x = np.cos(X[:1])

    found = potential(np.zeros_like(x), x, STEPS)

    np.testing.assert_allclose(found, np.sin(X[:1]) - np.sin(X[:1]).mean(), atol=1e-3)


def test_the_high_pass_subtracts_what_a_gaussian_smooths():
    _, y, x = waves()
    whole = potential(y, x, STEPS)

    passed = potential(y, x, STEPS, high_pass=0.6)

    smooth = gaussian_filter(whole, (0.6 / 0.2, 0.6 / 0.3), mode="reflect", truncate=8)
    np.testing.assert_allclose(passed, whole - smooth, atol=1e-3 * rms(whole))


def test_field_and_speed_of_a_known_case():
    assert electron_speed(300) == pytest.approx(0.7765 * 299_792_458, rel=1e-4)
    y, x = electric_field([[0.0]], [[0.01]], 300)
    assert (y[0, 0], x[0, 0]) == (0, pytest.approx(-96.28, rel=1e-3))
    assert electric_field([[0.0]], [[0.01]], 300, 10.0)[1][0, 0] == pytest.approx(-9.628, rel=1e-3)


def test_colours_of_vectors_are_those_of_the_angle_map():
    y, x = np.sin(X + Y), np.cos(X + Y)

    picture = vector_image(y, x, limit=1.0)

    np.testing.assert_array_equal(picture, cyclic(np.arctan2(y, x))[..., :3])


def test_short_vectors_are_pale_and_unknown_ones_grey():
    y, x = np.zeros((2, 3)), np.array([[0, 1e-9, 1], [2, np.nan, 1.0]])

    picture = vector_image(y, x, limit=1.0)

    assert picture[0, 0].tolist() == picture[0, 1].tolist() == [237, 237, 237]
    assert picture[1, 1].tolist() == [128, 128, 128]
    assert picture[0, 2].tolist() == picture[1, 0].tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: divergence(Y[:1], X[:1]), "line scan"),
        (lambda: curl(Y, X[:, :-1]), r"\(17, 23\) and \(17, 22\)"),
        (lambda: divergence(Y, X, (0, 1)), "steps"),
        (lambda: potential(Y, X, (1, np.nan)), "steps"),
        (lambda: potential(Y[0], X[0]), "two components"),
        (lambda: potential(Y, X, high_pass=0), "high_pass as a length"),
        (lambda: electric_field(Y, X, 0), "beam energy in keV"),
        (lambda: electric_field(Y, X, 60, -1), "thickness in Å"),
        (lambda: vector_image(Y, X, 0), "limit"),
    ],
)
def test_what_makes_no_field_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
