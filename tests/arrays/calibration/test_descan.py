import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from stemwidgets.arrays.calibration.descan import fit_descan
from stemwidgets.arrays.errors import InputError

SHAPE = (9, 14)
COEFFICIENTS = st.lists(st.floats(-20, 20), min_size=6, max_size=6)


def plane(coefficients, shape=SHAPE):
    y, x = np.indices(shape)
    parts = [c[0] + c[1] * y + c[2] * x for c in np.reshape(coefficients, (2, 3))]
    return np.stack(parts, axis=-1)


def deflections(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).standard_t(3, size=(*shape, 2))


@settings(deadline=None, max_examples=40)
@given(coefficients=COEFFICIENTS)
def test_any_plane_is_removed_exactly(coefficients):
    wandering = plane(coefficients)

    assert_allclose(fit_descan(wandering).positions, wandering, atol=1e-10)


@settings(deadline=None, max_examples=40)
@given(coefficients=COEFFICIENTS, seed=st.integers(0, 20))
def test_a_plane_on_top_leaves_the_deflections_what_they_were(coefficients, seed):
    com, wandering = deflections(seed), plane(coefficients)

    alone = com - fit_descan(com).positions
    moved = com + wandering - fit_descan(com + wandering).positions

    assert_allclose(moved, alone, atol=1e-8)


@pytest.mark.parametrize("order", range(5))
def test_polynomial_of_its_order_is_removed(order):
    y, x = np.indices(SHAPE)
    wandering = np.stack([(0.3 * y + 0.2 * x) ** order, (0.1 * x - 0.3 * y) ** order], axis=-1)

    assert_allclose(fit_descan(wandering, order).positions, wandering, atol=1e-9)


def one_cell(periods):
    """Deflections of a lattice, over a number of its periods."""
    y, x = (2 * np.pi * periods * i / n for i, n in zip(np.indices(SHAPE), SHAPE, strict=True))
    return np.stack([np.sin(y) + np.sin(x + y), np.sin(x) + np.sin(x + y)], axis=-1)


def test_a_plane_that_deflections_feign_is_left_in_them():
    com = one_cell(1)

    assert fit_descan(com, 1).size > 0.3
    assert fit_descan(com, None).order == 0
    assert_allclose(fit_descan(com, None).departure, 0, atol=1e-12)


@pytest.mark.parametrize("periods", [1, 2])
def test_a_plane_that_stands_out_is_taken_without_asking(periods):
    wandering = plane([3, 0.9, -0.8, 5, -0.7, 0.9])

    found = fit_descan(one_cell(periods) + wandering, None)

    assert found.order == 1
    assert np.abs(found.departure - wandering + wandering.mean(axis=(0, 1))).max() < 5 * found.error


def test_error_of_a_plane_in_noise_is_its_size():
    noise = np.random.default_rng(0).normal(size=(40, 9, 14, 2))
    fits = [fit_descan(com, 1) for com in noise]

    ratio = np.median([fit.size / fit.error for fit in fits])

    assert 0.6 < ratio < 1.5
    assert sum(fit_descan(com, None).order for com in noise) <= 3


def test_outliers_hardly_move_the_plane():
    wandering = plane([3, 0.2, -0.1, 5, -0.3, 0.15])
    com = wandering + 0.01 * deflections()
    com[2:4, 3:6] += 8

    robust = np.abs(fit_descan(com).positions - wandering).max()
    basis = np.stack([np.ones(SHAPE), *np.indices(SHAPE)], axis=-1).reshape(-1, 3)
    plain = basis @ np.linalg.lstsq(basis, com.reshape(-1, 2), rcond=None)[0]

    assert robust < 0.05
    assert np.abs(plain.reshape(com.shape) - wandering).max() > 1


def test_empty_patterns_and_unchosen_positions_are_left_out():
    wandering = plane([3, 0.2, -0.1, 5, -0.3, 0.15])
    com = wandering.copy()
    com[1, 2] = np.nan
    com[:, 7:] += deflections()[:, 7:]
    vacuum = np.zeros(SHAPE, dtype=bool)
    vacuum[:, :7] = True

    assert_allclose(fit_descan(com, where=vacuum).positions, wandering, atol=1e-10)


def test_departure_has_no_mean_and_extent_is_its_range():
    descan = fit_descan(plane([3, 0.2, -0.1, 5, -0.3, 0.0]))

    assert_allclose(descan.departure.mean(axis=(0, 1)), 0, atol=1e-12)
    assert_allclose(descan.extent, (0.2 * 8 + 0.1 * 13, 0.3 * 8))


def test_a_single_row_has_no_slope_down():
    descan = fit_descan(plane([3, 0.2, -0.1, 5, -0.3, 0.15], (1, 14)))

    assert_allclose(descan.positions, plane([3, 0.2, -0.1, 5, -0.3, 0.15], (1, 14)), atol=1e-10)


@pytest.mark.parametrize(
    ("com", "options", "words"),
    [
        (np.full((*SHAPE, 2), np.nan), {}, "got 0 of 126"),
        (plane([1] * 6), {"order": 5}, "from 0 .* to 4, got 5"),
        (plane([1] * 6), {"order": 0.5}, "got 0.5"),
        (plane([1] * 6), {"where": np.ones((3, 3))}, r"\(9, 14\), got the shape \(3, 3\)"),
        (plane([1] * 6)[..., 0], {}, r"\[iy, ix, 2\]"),
    ],
)
def test_what_cannot_be_fitted_is_refused(com, options, words):
    with pytest.raises(InputError, match=words):
        fit_descan(com, **options)


@pytest.mark.parametrize(("bend", "order"), [(0.0, 1), (0.4, 2)])
def test_a_curved_descan_is_taken_where_it_stands_out(bend, order):
    shape = (48, 60)
    y, x = (2 * np.pi * 8 * i / n for i, n in zip(np.indices(shape), shape, strict=True))
    lattice = 0.2 * np.stack([np.sin(y) + np.sin(x + y), np.sin(x) + np.sin(x + y)], axis=-1)
    noise = np.random.default_rng(0).normal(size=(*shape, 2)) * 0.1
    v, u = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    wandering = np.stack([bend * v**2 - 0.2 * u, 0.3 * u - bend * u * v], axis=-1)

    found = fit_descan(lattice + noise + wandering, None)

    assert found.order == order
    assert_allclose(found.departure, wandering - wandering.mean(axis=(0, 1)), atol=0.06)
