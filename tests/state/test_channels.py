"""Maps over the scan know where they come from, whatever they are called."""

import numpy as np
import pytest
from scans import AXES, SHAPE, Sorter, turning_spot

from stemwidgets.arrays.detectors import AnnularDetector
from stemwidgets.arrays.errors import InputError
from stemwidgets.state import Channel, ScanSession
from stemwidgets.state.channels import expected_source, latents, names_from


@pytest.fixture(scope="module")
def session():
    session = ScanSession(turning_spot(), AXES, make_model=Sorter)
    session.detector = AnnularDetector((4.0, 4.0), 0.0, 3.0)
    session.training.start()
    session.training.wait(30)
    session.decomposition.start("PCA", 2)
    session.decomposition.wait(30)
    session.decomposition.start("k-means on PCA", 2)
    session.decomposition.wait(30)
    session.wait(30)
    yield session
    session.close()


def test_every_map_has_the_origin_that_its_name_promises(session):
    sources = {name: channel.source for name, channel in session.channels.items()}
    assert sources == {name: expected_source(name) for name in sources}
    assert {"scan", "COM", "detector", "model", "decomposition"} <= set(sources.values())


def test_components_of_one_method_are_replaced_together(session):
    session.decomposition.start("PCA", 3)
    session.decomposition.wait(30)
    assert names_from(session.channels, "decomposition") == ("clusters", "PCA 1", "PCA 2", "PCA 3")


def test_a_map_of_the_user_is_no_latent_and_outlives_a_model(session):
    mine = Channel("z9", np.zeros(SHAPE[:2], np.float32))
    count = len(latents(session.channels))
    session.channel_store.put(mine)
    assert mine.source == "user"
    assert len(latents(session.channels)) == count > 0
    session.learned.forget()
    assert not latents(session.channels)
    assert session.channels["z9"] is mine


def test_an_unknown_name_promises_nothing():
    assert expected_source("strain") is None
    assert expected_source("NMF 12") == "decomposition"
    assert expected_source("z3") == "model"


def test_a_map_of_ones_own_is_added_and_replaced(session):
    session.add_map("spread", np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE[:2]), "1/Å²")
    mine = session.channels["spread"]
    assert (mine.values.dtype, mine.units, mine.source) == (np.float32, "1/Å²", "user")
    session.add_map("spread", np.full(SHAPE[:2], np.nan))
    assert np.isnan(session.channels["spread"].values).all()


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("COM angle", np.zeros(SHAPE[:2]), "of that name itself. Choose another"),
        ("PCA 7", np.zeros(SHAPE[:2]), "of that name itself. Choose another"),
        ("", np.zeros(SHAPE[:2]), "the map's name on screen, got ''"),
        ("spread", np.zeros(SHAPE[:2]).T, r"shape \(4, 6\), got float64 of shape \(6, 4\)"),
        ("spread", np.zeros(SHAPE[:2], complex), "real numbers.*complex128"),
        ("spread", [["a"]], "real numbers"),
    ],
)
def test_what_is_no_map_of_the_scan_is_refused(session, name, values, words):
    with pytest.raises(InputError, match=words):
        session.add_map(name, values)
