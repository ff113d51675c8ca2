"""Error bars of the centre of mass as signals."""

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.signals.conversion import with_patterns


@pytest.fixture(scope="module")
def truth():
    return sw.center_of_mass(sw.samples.graphene())


def covered(com, truth):
    """Share of the angles that are off by no more than their bars."""
    return np.mean(np.abs(wrap(com.angle.data - truth.angle.data)) <= com.angle_std.data)


@pytest.mark.parametrize("dose", [1e3, 1e4, 1e5, 1e6])
def test_bars_cover_the_truth(truth, dose):
    seen = [sw.center_of_mass(sw.samples.graphene(dose=dose, seed=seed)) for seed in range(3)]
    assert 0.62 < np.mean([covered(com, truth) for com in seen]) < 0.74
    off = [com.x.data - truth.x.data for com in seen]
    assert np.std(off) == pytest.approx(seen[0].std.data.mean(), rel=0.07)


def test_they_are_maps_of_the_scan():
    com = sw.center_of_mass(sw.samples.graphene(dose=1e4))
    for found, quantity in ((com.std, "COM std (1/Å)"), (com.angle_std, "COM angle std (rad)")):
        assert found.data.shape == (14, 24)
        assert found.metadata.Signal.quantity == quantity
        assert found.axes_manager.signal_axes[0].units == "Å"
    assert com.std is com.std
    assert com.angle_std.data.max() <= 0.6827 * np.pi + 1e-4


def test_patterns_are_read_for_it_when_it_is_asked_for():
    signal = sw.samples.graphene(dose=1e4)
    com, eager = sw.center_of_mass(signal), sw.center_of_mass(signal).std.data
    counts = signal.data.copy()
    signal.data[:] = 0
    assert np.isnan(com.std.data).all()
    signal.data[:] = counts
    lazy = sw.center_of_mass(signal.as_lazy())
    np.testing.assert_array_equal(lazy.std.data, eager)


def test_units_are_those_of_the_com():
    signal = sw.samples.graphene(dose=1e4)
    com, pixels = sw.center_of_mass(signal), sw.center_of_mass(signal, units="px")
    step = com.axes.kx.scale
    np.testing.assert_allclose(pixels.std.data * step, com.std.data, rtol=0.02)  # not square
    np.testing.assert_allclose(pixels.angle_std.data, com.angle_std.data, rtol=0.2)


def test_a_calibration_turns_the_com_and_leaves_its_error():
    signal = sw.samples.graphene(dose=1e5)
    com = sw.center_of_mass(signal)
    turned = sw.calibrate(signal, rotation=0.5).apply(com)
    np.testing.assert_array_equal(turned.std.data, com.std.data)
    assert np.median(turned.angle_std.data / com.angle_std.data) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("factor", [1.0, 7.0, 0.01])
def test_the_unit_of_the_counts_does_not_matter(factor):
    signal = sw.samples.graphene_silicon(dose=1e4)
    other = with_patterns(signal, (signal.data * factor).astype("f4"))
    expected, found = sw.center_of_mass(signal), sw.center_of_mass(other)
    np.testing.assert_allclose(found.std.data, expected.std.data, rtol=0.04)


def test_a_camera_with_noise_of_the_readout_has_longer_bars():
    camera = sw.Camera(readout_noise=2.0)
    clean = sw.center_of_mass(sw.samples.experiment(dose=None, camera=sw.Camera()))
    com = sw.center_of_mass(sw.samples.experiment(dose=1e4, camera=camera))
    assert 0.62 < covered(com, clean) < 0.75
    off = [com.x.data - clean.x.data, com.y.data - clean.y.data]
    assert np.std(off) == pytest.approx(com.std.data.mean(), rel=0.04)


def test_a_faulty_pixel_and_a_cosmic_ray_do_not_widen_it():
    signal = sw.samples.graphene_silicon(dose=1e4)
    expected = sw.center_of_mass(signal).std.data
    signal.data[:, :, 3, 30] = 5000
    signal.data[0, 0, 30, 3] = 50_000  # of the first pattern, which is in every sample
    found = sw.center_of_mass(signal)
    assert found.left_out.any
    np.testing.assert_allclose(found.std.data, expected, rtol=0.01)


@pytest.mark.parametrize(
    "options",
    [
        {"mask": np.indices((36, 36))[0] == 20},
        {"threshold": 5.0},
        {"background": 1.5, "weights": sw.AnnularDetector((18, 18), 0, 15)},
    ],
    ids=lambda options: "-".join(options),
)
def test_options_of_the_com_count(options):
    clean = sw.samples.graphene_silicon()
    expected = clean.data / clean.data.sum(axis=(2, 3)).mean() * 1e4 + 1.5
    rng = np.random.default_rng(0)
    com = [
        sw.center_of_mass(with_patterns(clean, rng.poisson(expected)), **options) for _ in range(8)
    ]
    scatter = np.sqrt(
        np.mean(
            [
                np.var([c.y.data for c in com], axis=0, ddof=1),
                np.var([c.x.data for c in com], axis=0, ddof=1),
            ]
        )
    )
    assert np.sqrt(np.mean(com[0].std.data ** 2)) == pytest.approx(scatter, rel=0.05)


def test_counts_without_the_noise_of_electrons_have_no_bar(truth):
    assert np.isnan(truth.std.data).all()
    assert np.isnan(truth.angle_std.data).all()


def test_empty_patterns_have_no_bar():
    signal = sw.samples.graphene(dose=1e4)
    signal.data[3, 4:6] = 0
    com = sw.center_of_mass(signal)
    for found in (com.std.data, com.angle_std.data):
        assert np.argwhere(np.isnan(found)).tolist() == [[3, 4], [3, 5]]
