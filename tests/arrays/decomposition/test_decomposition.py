"""Principal components, non-negative factors and clusters of scans that are made of known parts."""

from functools import cache

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scans import AXES, SHAPE, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.decomposition import clusters as array_clusters
from stemwidgets.arrays.decomposition import nmf, pca, streaming_pca
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.signals.conversion import arrays_to_signal

ROWS, COLUMNS, HEIGHT, WIDTH = 7, 9, 13, 11


def spots(positions, radius=1.8):
    ky, kx = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([np.exp(-((ky - y) ** 2 + (kx - x) ** 2) / radius**2) for y, x in positions])


def mixture(dose=None, seed=0):
    """Three spots, each as strong as its map says; a share of each in every pattern."""
    rng = np.random.default_rng(seed)
    maps = rng.dirichlet([0.4, 0.4, 0.4], (ROWS, COLUMNS))
    patterns = spots([(3, 2), (9, 4), (5, 8)])
    patterns /= patterns.sum(axis=(1, 2), keepdims=True)
    scan = np.einsum("yxk,kij->yxij", maps, patterns)
    return maps, patterns, scan if dose is None else rng.poisson(dose * scan)


def moving_spot():
    """A spot that moves along kx from column to column: the first component is its derivative."""
    iy, ix = np.mgrid[:ROWS, :COLUMNS]
    ky, kx = np.mgrid[:HEIGHT, :WIDTH]
    x = 5 + 0.05 * (ix[..., None, None] - 4) + 0 * iy[..., None, None]
    return 100 * np.exp(-((ky - 6) ** 2 + (kx - x) ** 2) / 6)


@pytest.fixture(params=["covariance", "readings"])
def way(request, monkeypatch):
    """Both ways to the principal axes: few pixels, and too many for a covariance."""
    if request.param == "readings":
        monkeypatch.setattr(streaming_pca, "MOST_PIXELS", 0)
    return request.param


def singular_values(scan):
    flat = scan.reshape(-1, HEIGHT * WIDTH)
    return np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)


def test_components_are_those_of_a_singular_value_decomposition(way):
    scan = mixture(dose=500)[2]
    _, values, axes = singular_values(scan)

    found = pca.pca(scan, 4)

    exact = 1e-5 if way == "covariance" else 2e-3
    np.testing.assert_allclose(found.explained_variance, values[:4] ** 2 / 63, rtol=exact)
    overlap = np.abs(found.patterns.reshape(4, -1) @ axes[:4].T)
    np.testing.assert_allclose(overlap, np.eye(4), atol=2e-3 if way == "covariance" else 0.05)
    share = values[:4] ** 2 / (values**2).sum()
    np.testing.assert_allclose(found.explained_variance_ratio, share, rtol=exact)
    np.testing.assert_allclose(found.maps.var(axis=(0, 1)), found.explained_variance, rtol=1e-5)


def test_fewer_patterns_than_directions_give_no_component_twice(way):
    rng = np.random.default_rng(1)
    scan = rng.normal(size=(2, 3, 34, 29))
    values = np.linalg.svd((scan - scan.mean(axis=(0, 1))).reshape(6, -1), compute_uv=False)

    found = pca.pca(scan, 5)

    np.testing.assert_allclose(found.explained_variance, values[:5] ** 2 / 6, rtol=1e-4)
    flat = found.patterns.reshape(5, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(5), atol=1e-5)


def test_two_components_hold_a_mixture_of_three_patterns(way):
    scan = 1000 * mixture()[2]

    found = pca.pca(scan, 5)

    assert found.explained_variance_ratio[:2].sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(found.denoised(2), scan, atol=1e-3)


def test_all_components_give_the_scan_again():
    scan = mixture(dose=300)[2]

    found = pca.pca(scan, ROWS * COLUMNS - 1)

    np.testing.assert_allclose(found.denoised(), scan, atol=1e-3)


def test_denoising_brings_patterns_nearer_to_the_truth():
    truth, scan = 400 * mixture()[2], mixture(dose=400)[2]

    denoised = pca.pca(scan, 10).denoised(2)

    assert np.square(denoised - truth).mean() < 0.1 * np.square(scan - truth).mean()


def test_component_of_a_motion_points_along_it(way):
    found = pca.pca(moving_spot(), 1)

    kx = np.arange(WIDTH)
    assert (found.patterns[0] * kx).sum() > 0
    assert (np.diff(found.maps[0, :, 0]) > 0).all()


def test_signs_do_not_depend_on_the_order_of_patterns():
    scan = mixture(dose=500)[2]
    turned = np.flip(scan, axis=(0, 1))

    found, again = pca.pca(scan, 3), pca.pca(turned, 3)

    np.testing.assert_allclose(again.patterns, found.patterns, atol=1e-4)


@pytest.mark.parametrize("method", [pca.pca, nmf.nmf])
@pytest.mark.parametrize("weighting", ["none", "poisson"])
@pytest.mark.parametrize("chunks", [(2, 4, 5, 11), (7, 1, 13, 6)])
def test_lazy_patterns_give_the_same_as_those_in_memory(method, weighting, chunks, way):
    scan = mixture(dose=500)[2].astype(np.uint16)

    eager = method(scan, 3, weighting)
    lazy = method(da.from_array(scan, chunks=chunks), 3, weighting)

    rounds = 0.5 if method is nmf.nmf else 0.01  # counts of 500
    np.testing.assert_allclose(lazy.maps, eager.maps, atol=rounds)
    np.testing.assert_allclose(lazy.patterns, eager.patterns, atol=1e-3)
    np.testing.assert_allclose(
        lazy.denoised(2, lazy=True).compute(), eager.denoised(2), atol=rounds
    )


@cache
def taken_apart():
    """A noisy scan and its principal components, which examples share."""
    scan = mixture(dose=500)[2]
    return scan, pca.pca(scan, 2)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 7), st.integers(1, 9), st.integers(1, 13), st.integers(1, 11))
def test_any_chunking_gives_the_same_components(rows, columns, height, width):
    scan, eager = taken_apart()
    chunked = da.from_array(scan, chunks=(rows, columns, height, width))

    lazy = pca.pca(chunked, 2)

    np.testing.assert_allclose(lazy.maps, eager.maps, atol=1e-3)
    np.testing.assert_allclose(lazy.patterns, eager.patterns, atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.floats(1e-6, 1e6))
def test_a_brighter_beam_scales_maps_and_not_patterns(factor):
    scan, found = taken_apart()

    brighter = pca.pca(factor * scan, 2)

    np.testing.assert_allclose(brighter.patterns, found.patterns, atol=1e-4)
    np.testing.assert_allclose(brighter.maps / factor, found.maps, atol=0.05)


def test_lazy_scans_are_not_held_whole():
    scan = mixture(dose=500)[2]
    held, most = set(), [0]

    def watched(block, block_info=None):
        if block_info:
            held.add(str(block_info[0]["chunk-location"]))
            most[0] = max(most[0], block.nbytes)
        return block

    lazy = da.from_array(scan, chunks=(2, 3, HEIGHT, WIDTH)).map_blocks(watched, dtype=scan.dtype)
    pca.pca(lazy, 3)

    assert len(held) == 12
    assert most[0] <= scan.nbytes / 8


def test_poisson_weighting_finds_a_faint_change_beside_a_bright_noisy_disc():
    rng = np.random.default_rng(3)
    bright, faint = spots([(6, 5)], 3.0)[0], spots([(1, 9)], 1.0)[0]
    amount = np.tile(np.linspace(0, 1, COLUMNS), (ROWS, 1))
    expected = 5000 * bright + 80 * amount[..., None, None] * faint
    scan = rng.poisson(expected)

    def likeness(weighting):
        found = pca.pca(scan, 1, weighting)
        return abs(np.corrcoef(found.maps[..., 0].ravel(), amount.ravel())[0, 1])

    assert likeness("none") < 0.5
    assert likeness("poisson") > 0.9


@pytest.mark.parametrize("weighting", ["none", "poisson"])
def test_nmf_finds_the_patterns_that_a_scan_is_made_of(weighting):
    maps, patterns, scan = mixture(dose=5000)

    found = nmf.nmf(scan, 3, weighting)

    assert (found.patterns >= 0).all()
    assert (found.maps >= 0).all()
    np.testing.assert_allclose(found.patterns.sum(axis=(1, 2)), 1, rtol=1e-5)
    flat = found.patterns.reshape(3, -1)
    order = np.argmax(np.corrcoef(flat, patterns.reshape(3, -1))[:3, 3:], axis=0)
    assert sorted(order) == [0, 1, 2]
    for component, truth in zip(order, range(3), strict=True):
        expected = 5000 * maps[..., truth]
        assert np.abs(found.maps[..., component] - expected).mean() < 0.05 * 5000
    total = found.maps.sum(axis=-1)
    np.testing.assert_allclose(total, scan.sum(axis=(2, 3)), rtol=0.05)


def test_nmf_is_as_near_to_the_scan_as_that_of_scikit_learn():
    from sklearn.decomposition import NMF

    scan = mixture(dose=1000)[2]
    flat = scan.reshape(-1, HEIGHT * WIDTH).astype(float)
    peer = NMF(3, init="nndsvda", max_iter=2000, tol=1e-6)
    theirs = np.linalg.norm(flat - peer.fit_transform(flat) @ peer.components_)

    ours = np.linalg.norm(scan - nmf.nmf(scan, 3).denoised())

    assert ours < 1.005 * theirs


def test_patterns_without_counts_are_nan_and_teach_nothing(way):
    scan = mixture(dose=500)[2].astype(float)
    dead = scan.copy()
    dead[2, 3] = dead[6, 8] = 0

    found = pca.pca(dead, 2)

    empty = np.zeros((ROWS, COLUMNS), dtype=bool)
    empty[2, 3] = empty[6, 8] = True
    np.testing.assert_array_equal(np.isnan(found.maps).all(axis=-1), empty)
    alive = pca.pca(scan[~empty], 2)
    np.testing.assert_allclose(found.patterns, alive.patterns, atol=1e-4)
    assert (found.denoised()[empty] == 0).all()


def test_masked_pixels_may_hold_anything_and_stay_unknown(way):
    scan = mixture(dose=500)[2].astype(float)
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[4:6, 7] = True
    spoilt = np.where(mask, np.nan, scan)

    found = pca.pca(spoilt, 2, mask=mask)

    assert np.isnan(found.patterns[:, mask]).all()
    dark = pca.pca(np.where(mask, 0, scan), 2)
    np.testing.assert_allclose(found.maps, dark.maps, atol=0.1)  # counts of 500


def test_masked_arrays_say_themselves_which_pixels_are_left_out():
    scan = mixture(dose=500)[2]
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[4:6, 7] = True
    masked = np.ma.masked_array(scan, np.broadcast_to(mask, scan.shape))

    found, asked = pca.pca(masked, 2), pca.pca(scan, 2, mask=mask)

    np.testing.assert_array_equal(found.patterns, asked.patterns)
    np.testing.assert_array_equal(found.maps, asked.maps)


def test_negative_pixels_are_fine_for_pca_and_refused_by_nmf():
    scan = mixture(dose=500)[2] - 2.0

    assert np.isfinite(pca.pca(scan, 2).maps).all()
    with pytest.raises(InputError, match=r"down to -2.*numpy.clip"):
        nmf.nmf(scan, 2)


def test_nan_is_refused_with_the_number_of_patterns():
    scan = mixture(dose=500)[2].astype(float)
    scan[1, 2, 3, 4] = np.nan
    with pytest.raises(InputError, match="in 1 pattern of 63"):
        pca.pca(scan, 2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_components": 0}, "between 1 and 62"),
        ({"n_components": 63}, "between 1 and 62"),
        ({"n_components": 2.5}, "whole number"),
        ({"n_components": True}, "whole number"),
        ({"weighting": "sqrt"}, '"none" or "poisson"'),
        ({"mask": np.zeros((11, 13), dtype=bool)}, r"pattern's shape \(13, 11\)"),
        ({"mask": np.ones((13, 11), dtype=bool)}, "covers the whole detector"),
    ],
)
@pytest.mark.parametrize("method", [pca.pca, nmf.nmf])
def test_what_cannot_be_done_is_said(method, options, words):
    with pytest.raises(InputError, match=words):
        method(mixture(dose=500)[2], **options)


def test_scans_without_variation_or_patterns_have_no_components():
    with pytest.raises(InputError, match="all are alike"):
        pca.pca(np.ones((3, 4, 9, 8)))
    with pytest.raises(InputError, match="at least two patterns with counts, got 0"):
        pca.pca(np.zeros((3, 4, 9, 8)))
    with pytest.raises(InputError, match="mean was subtracted"):
        pca.pca(mixture(500)[2] - 500.0, 2, "poisson")


@pytest.mark.parametrize("kept", [-1, 0, 5, [], [0, 0], [4], [1.5], "ab", True])
def test_components_to_keep_must_be_there(kept):
    found = pca.pca(mixture(dose=500)[2], 4)
    with pytest.raises(InputError, match="components to keep"):
        found.denoised(kept)


def test_chosen_components_alone_are_kept():
    found = pca.pca(mixture(dose=500)[2], 4)

    second = found.denoised([1])

    np.testing.assert_allclose(
        second - found.mean, found.maps[..., 1, None, None] * found.patterns[1], atol=1e-3
    )


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("decompose", [sw.pca, sw.nmf])
def test_signals_give_calibrated_signals(decompose, lazy):
    data = turning_spot()
    source = da.from_array(data, chunks=(2, 3, 18, 15)) if lazy else data
    signal = arrays_to_signal(source, AXES, "spot")

    found = decompose(signal, 3)

    assert found.maps.data.shape == (3, *SHAPE[:2])
    assert [a.name for a in found.maps.axes_manager.signal_axes] == ["x", "y"]
    assert [a.scale for a in found.maps.axes_manager.signal_axes] == [0.3, 0.2]
    assert found.patterns.data.shape == (3, *SHAPE[2:])
    assert [a.scale for a in found.patterns.axes_manager.signal_axes] == [0.04, 0.05]
    assert found.patterns.axes_manager.signal_axes[0].units == "1/Å"
    assert found.mean.data.shape == (1, *SHAPE[2:])
    assert found.explained_variance_ratio.data.shape == (3,)
    assert repr(found).startswith(f"<{found.method}: 3 components, scan 4×6")
    denoised = found.denoised(2)
    assert denoised._lazy == lazy
    assert denoised.axes_manager.navigation_axes[0].scale == 0.3
    assert np.asarray(denoised.data).shape == SHAPE


def blobs():
    """Features of three groups of 30, 20 and 10 positions, and three that are not known."""
    rng = np.random.default_rng(5)
    truth = rng.permutation(np.repeat([0, 1, 2, -1], [30, 20, 10, 3])).reshape(ROWS, COLUMNS)
    centers = np.array([[0.0, 0.0], [8.0, 1.0], [1.0, 9.0]])
    features = centers[truth] + rng.normal(size=(ROWS, COLUMNS, 2))
    features[truth < 0] = np.nan
    return truth, centers, features


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
def test_clusters_are_found_and_numbered_by_size(method, scale):
    truth, centers, features = blobs()

    found = array_clusters.cluster(scale * features, 3, method)

    np.testing.assert_array_equal(found.labels, truth)
    np.testing.assert_allclose(found.centers / scale, centers, atol=1.0)
    if method == "gmm":
        assert np.isnan(found.probability[truth < 0]).all()
        np.testing.assert_allclose(found.probability[truth >= 0].sum(axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_the_same_seed_gives_the_same_clusters(method):
    features = np.random.default_rng(0).normal(size=(6, 8, 3))

    first, again = (array_clusters.cluster(features, 4, method, seed=7) for _ in range(2))

    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_array_equal(first.centers, again.centers)


def test_each_cluster_has_its_mean_pattern():
    rng = np.random.default_rng(2)
    kind = rng.integers(0, 2, SHAPE[:2])
    kind[0, 0] = 0
    data = np.where(kind[..., None, None] == 1, 3.0, 1.0) * turning_spot()
    signal = arrays_to_signal(data, AXES)

    found = sw.cluster(sw.pca(signal, 4), 2, signal=signal)

    assert found.labels.data.dtype == np.int16
    assert found.labels.axes_manager.signal_axes[0].scale == 0.3
    assert found.patterns.axes_manager.signal_axes[0].scale == 0.04
    for name in range(2):
        expected = data[found.labels.data == name].mean(axis=0)
        np.testing.assert_allclose(found.patterns.data[name], expected, rtol=1e-5)
    assert found.counts.sum() == 24
    assert repr(found) == f"<Clusters, scan 4×6: {found.counts[0]}, {found.counts[1]} positions>"
    lazy = da.from_array(data, chunks=(3, 2, 18, 15))
    streamed = sw.cluster(sw.pca(signal, 4), 2, signal=lazy)
    np.testing.assert_allclose(streamed.patterns.data, found.patterns.data, rtol=1e-6)


def test_scans_maps_and_latents_can_be_clustered():
    truth, _, features = blobs()
    known = np.where(np.isnan(features), 0, features)
    ones = np.ones((ROWS, COLUMNS), np.float32)
    whole = ones.astype(np.uint8)
    encoding = Encoding(ones, features.astype(np.float32), ones, ones, ones, whole, ones)
    maps = sw.Maps.from_encoding(encoding, Axes.uncalibrated((ROWS, COLUMNS, 8, 9)))

    for source in (maps, maps.latent, features):
        np.testing.assert_array_equal(sw.cluster(source, 3).labels.data, truth)
    probability = sw.cluster(maps, 3, "gmm").probability
    assert probability.data.shape == (3, ROWS, COLUMNS)
    of_scan = sw.cluster(arrays_to_signal(turning_spot(), AXES), 2)
    assert of_scan.patterns.data.shape == (2, *SHAPE[2:])
    with pytest.raises(InputError, match="same scan"):
        sw.cluster(known, 3, signal=turning_spot())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_clusters": 0}, "between 1 and 1000"),
        ({"n_clusters": 2.0}, "whole number"),
        ({"n_clusters": 61}, "Expected at least 61 positions that differ"),
        ({"n_clusters": 2, "method": "dbscan"}, '"kmeans" or "gmm"'),
        ({"n_clusters": 2, "seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_clustered_is_said(options, words):
    with pytest.raises(InputError, match=words):
        sw.cluster(blobs()[2], **options)


def test_features_need_two_scan_axes():
    with pytest.raises(InputError, match=r"values\[..., None\]"):
        sw.cluster(np.zeros((4, 5)), 2)
    with pytest.raises(InputError, match="at least 2 positions that differ for 2 clusters, got 0"):
        sw.cluster(np.full((4, 5, 2), np.nan), 2)
