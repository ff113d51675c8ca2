"""The band limit of a session: found once, used for training and encoding, as without a screen."""

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError


@pytest.fixture(scope="module")
def noisy():
    return sw.samples.graphene(dose=1e4, seed=1)


@pytest.fixture
def session(noisy):
    session = sw.Session(noisy)
    yield session
    session.close()


def trained(session, **options):
    session.training.start(seed=0, **options)
    session.training.wait(120)
    session.wait(60)
    return session.channels


def test_rrvae_of_a_session_reads_neighbours_as_without_a_screen(session, noisy):
    channels = trained(session)
    maps = sw.RRVAE(band_limit="auto").fit(noisy).encode(noisy)

    np.testing.assert_array_equal(channels["angle"].values, maps.angle.data)
    np.testing.assert_array_equal(channels["z1"].values, maps.latent.data[0])
    np.testing.assert_array_equal(channels["angle std"].values, maps.angle_std.data)


def test_rrvae_reads_patterns_alone_where_the_session_asks_for_it(session, noisy):
    session.band_limit = None
    channels = trained(session)
    maps = sw.RRVAE(band_limit=None).fit(noisy).encode(noisy)

    np.testing.assert_array_equal(channels["angle"].values, maps.angle.data)


def test_model_keeps_its_limit_when_the_session_gets_another(session):
    angle = trained(session)["angle"].values
    session.band_limit = None
    session.learned.adopt(session.model)
    session.wait(60)

    np.testing.assert_array_equal(session.channels["angle"].values, angle)


def test_seeds_are_trained_with_the_limit_of_the_model_on_view(session):
    trained(session)
    session.band_limit = None
    session.seeds.start(2)
    session.seeds.wait(120)

    assert [one.model.limiting.band_limit for one in session.seeds.trained] == ["auto", "auto"]
    own = session.channels["angle"].values
    np.testing.assert_array_equal(np.float32(session.seeds.trained[0].encoding.angle), own)


def test_prepared_patterns_are_read_with_neighbours_as_without_a_screen(session, noisy):
    session.preparation.add("bin", factor=2)
    session.wait(60)
    channels = trained(session)
    recipe = sw.Preparation().bin(2)
    maps = sw.RRVAE(preparation=recipe).fit(noisy).encode(noisy)

    np.testing.assert_array_equal(channels["angle"].values, maps.angle.data)


def test_limit_is_found_when_it_is_asked_for(session):
    session.wait(60)
    assert session.limiting.chosen is None
    session.limiting.ask()
    session.wait(60)

    assert session.limiting.limit.frequency == pytest.approx(1.315, rel=0.02)
    assert "neighbours" in session.limiting.chosen.words
    session.band_limit = None
    session.wait(60)
    assert session.limiting.limit is None


@pytest.mark.parametrize("wrong", ["on", -1.0, 0.0, [1.3]])
def test_other_limits_are_refused(session, wrong):
    with pytest.raises(InputError, match="band_limit"):
        session.band_limit = wrong
    assert session.band_limit == "auto"


def test_limit_of_a_scan_without_calibration_is_refused(noisy):
    session = sw.Session(noisy.data)
    with pytest.raises(InputError, match="scan axes"):
        session.band_limit = 1.3
    session.close()
