"""Components and clusters of a session's scan, and the panel that shows them."""

import numpy as np
import pytest
from disc_scans import disc_scan
from scans import AXES, SHAPE, Pacer, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.conversion import arrays_to_signal
from stemwidgets.state import ScanSession
from stemwidgets.views.decomposition_panel import DecompositionPanel
from stemwidgets.views.map_view import MapView


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    yield session
    session.close()


@pytest.mark.parametrize(("method", "function"), [("PCA", sw.pca), ("NMF", sw.nmf)])
def test_channels_are_the_maps_of_the_components(session, method, function):
    session.decomposition.start(method, 3)
    session.decomposition.wait(20)

    expected = function(arrays_to_signal(turning_spot(), AXES), 3)
    names = [f"{method} {index}" for index in (1, 2, 3)]
    assert list(session.channels)[-3:] == names
    for name, values in zip(names, expected.maps.data, strict=True):
        np.testing.assert_allclose(session.channels[name].values, values, rtol=1e-5, atol=1e-4)
    assert session.decomposition.found.patterns.shape == (3, *SHAPE[2:])


def test_fewer_components_replace_more_of_their_kind_only(session):
    for method, components in (("PCA", 4), ("NMF", 2), ("PCA", 2)):
        session.decomposition.start(method, components)
        session.decomposition.wait(20)

    found = [name for name in session.channels if name[:3] in ("PCA", "NMF")]
    assert sorted(found) == ["NMF 1", "NMF 2", "PCA 1", "PCA 2"]


def test_clusters_are_categories_of_positions_that_are_alike(session):
    session.decomposition.start("k-means on PCA", 4)
    session.decomposition.wait(20)

    channel, found = session.channels["clusters"], session.decomposition.found
    assert channel.kind == "category"
    assert set(np.unique(channel.values)) == {0, 1, 2, 3}
    for index, share in enumerate(found.shares):
        inside = channel.values == index
        assert share == pytest.approx(inside.mean())
        np.testing.assert_allclose(
            found.patterns[index], turning_spot()[inside].mean(axis=0), rtol=1e-4
        )


def test_clusters_of_latents_need_a_training(session):
    session.decomposition.start("k-means on latents", 2)
    with pytest.raises(InputError, match="train an rrVAE first"):
        session.decomposition.wait(20)
    session.training.start(latent_dim=2)
    session.training.wait(10)
    session.decomposition.start("k-means on latents", 4)
    session.decomposition.wait(20)

    rows = session.channels["z1"].values  # the latent variables of this model are row and column
    first = session.channels["clusters"].values == session.channels["clusters"].values[0, 0]
    assert np.ptp(rows[first]) < np.ptp(rows)


def test_a_map_of_components_may_be_asked_for_before_they_are_computed(session):
    scan_map = MapView(session, "PCA 2")
    assert "Compute" in scan_map.raster.message
    session.decomposition.start("PCA", 2)
    session.decomposition.wait(20)
    assert scan_map.raster.message == ""
    for unknown in ("PCA", "PCA x", "SVD 1"):
        with pytest.raises(InputError, match="no channel"):
            MapView(session, unknown)


def test_one_press_shows_the_component_patterns_with_their_shares(session):
    panel = DecompositionPanel(session, n_components=3)
    panel.parts["compute"].click()
    assert panel.parts["compute"].disabled
    session.wait(20)

    assert not panel.parts["compute"].disabled
    assert "PCA 1 to PCA 3" in panel.parts["status"].value
    patterns = panel.parts["patterns"].value
    assert patterns.count("<img") == 3
    assert "share of the variance" in patterns
    panel.parts["method"].value = "k-means on PCA"
    panel.parts["compute"].click()
    session.wait(20)
    assert "cluster 2" in panel.parts["patterns"].value
    assert "share of the positions" in panel.parts["patterns"].value
    scan_map = MapView(session, "clusters")
    assert "cluster 0" in scan_map.parts["legend"].value


def test_too_many_components_are_refused_in_words(session):
    panel = DecompositionPanel(session, n_components=40)
    panel.parts["compute"].click()
    with pytest.raises(InputError):
        session.decomposition.wait(20)
    assert "between 1 and 23 components" in panel.parts["status"].value
    assert not panel.parts["compute"].disabled


@pytest.mark.parametrize("bad", [{"method": "ICA"}, {"n_components": 0}, {"colour_map": "jet"}])
def test_a_panel_refuses_what_it_does_not_know(session, bad):
    with pytest.raises(InputError):
        DecompositionPanel(session, **bad)


def test_a_calibration_and_a_decomposition_may_go_on_at_once():
    session = ScanSession(disc_scan((12, 15, 40, 44)))
    session.calibration.start()
    session.decomposition.start("PCA", 2)
    session.preparation.add("subtract_mean")
    session.wait(60)
    assert session.calibration.status == "finished"
    assert session.decomposition.status == "finished"
    assert session.preparation.status == "finished"
