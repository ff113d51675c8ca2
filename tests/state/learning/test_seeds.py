"""Seeds are trained one after the other, and shown beside each other."""

import time

import numpy as np
import pytest
from scans import AXES, Pacer, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.state import ScanSession
from stemwidgets.views.seeds_panel import SeedsPanel


class Chooser(Pacer):
    """Its angle has an offset of its own, and one position that it cannot tell."""

    def __init__(self, seed: int = 0, pace: float = 0.0, **options):
        super().__init__(pace=pace)
        self.seed, self.given = seed, options

    def encode(self, data, descan="find"):
        plain = super().encode(data)
        plain.angle[...] = (-1) ** self.seed * plain.angle + self.seed
        plain.angle[2, 3] += np.pi * self.seed / 2
        return plain


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, make_model=Chooser)
    yield session
    session.close()


def test_seeds_come_one_after_the_other_and_leave_their_spread(session):
    session.seeds.start(3, first=4)
    assert session.seeds.status == "running"
    session.seeds.wait(20)
    assert [one.seed for one in session.seeds.trained] == [4, 5, 6]
    assert [one.model.seed for one in session.seeds.trained] == [4, 5, 6]
    assert session.seeds.share == 1.0
    spread = session.channels["angle spread"]
    assert spread.units == "rad"
    assert np.unravel_index(spread.values.argmax(), spread.values.shape) == (2, 3)
    others = np.delete(spread.values.ravel(), 2 * 6 + 3)
    assert others.max() < 0.3
    np.testing.assert_allclose(session.channels["latent spread"].values, 0, atol=1e-5)
    assert session.seeds.trained[0].comparison.correlation > 0.8
    assert session.model is None, "the session's own training is left alone"


def test_a_seed_is_shown_as_if_it_were_trained_alone(session):
    session.seeds.start(2)
    session.seeds.wait(20)
    session.seeds.show(1)
    one = session.seeds.trained[1]
    assert session.model is one.model
    np.testing.assert_array_equal(session.channels["angle"].values, one.encoding.angle)
    assert session.training.history == one.history
    assert session.training.endings == ("finished",)
    assert session.reconstruction is not None
    with pytest.raises(InputError, match="no training from seed 7"):
        session.seeds.show(7)


def test_they_can_be_held_and_stopped_and_what_is_done_stays(session):
    session.seeds.start(4, pace=0.03)
    while not session.seeds.trained:
        session.mailbox.drain()
    session.seeds.pause()
    time.sleep(0.2)
    session.mailbox.drain()
    share = session.seeds.share
    time.sleep(0.2)
    session.mailbox.drain()
    assert (session.seeds.status, session.seeds.share) == ("paused", share)
    with pytest.raises(InputError, match="seeds are being trained"):
        session.training.start()
    session.seeds.resume()
    session.seeds.stop()
    session.seeds.wait(5)
    assert session.seeds.status == "stopped"
    assert 1 <= len(session.seeds.trained) < 4


def test_they_do_not_begin_beside_a_training_and_need_two(session):
    session.training.start(pace=0.05)
    with pytest.raises(InputError, match="already running"):
        session.seeds.start(2)
    session.training.wait(10)
    for count, first in ((1, 0), (21, 0), (2, -1)):
        with pytest.raises(InputError, match="2 to 20 seeds"):
            session.seeds.start(count, first)


def test_what_goes_wrong_is_told(session):
    panel = SeedsPanel(session)
    session.seeds.start(2, classes="many", latent_dim=3)
    session.seeds.wait(10)
    assert session.seeds.trained[0].model.given == {"classes": "many", "latent_dim": 3}

    class Broken(Chooser):
        def steps(self, data, pixel_size=(1.0, 1.0), faulty="find", descan="find"):
            raise InputError("no counts")
            yield

    session.training._make_model = Broken
    session.seeds.start(2)
    with pytest.raises(InputError, match="no counts"):
        session.seeds.wait(10)
    assert "no counts" in panel.parts["status"].value
    assert "angle spread" not in session.channels


def test_the_panel_tells_of_each_seed(session):
    panel = SeedsPanel(session, count=3)
    assert panel.parts["table"].value == ""
    assert "angle and latent spread" in panel.parts["status"].value
    panel.parts["start"].click()
    assert panel.parts["start"].disabled
    assert "seed 1 of 3" in panel.parts["status"].value
    session.seeds.wait(20)
    assert "finished: 3 of 3 seeds" in panel.parts["status"].value
    table = panel.parts["table"].value
    assert table.count("<tr") == 4
    assert "mirrored" in table
    assert "1.000, 1.000" in table
    panel.parts["seed"].value = 2
    panel.parts["show"].click()
    assert session.model.seed == 2


@pytest.mark.parametrize("nonsense", [{"count": 1}, {"count": 2.5}, {"colour": "red"}])
def test_what_the_panel_does_not_take_is_refused(session, nonsense):
    with pytest.raises(InputError):
        SeedsPanel(session, **nonsense)


def test_seeds_are_made_as_the_model_that_is_shown():
    session = sw.Session(turning_spot())
    session.training.start(latent_dim=1, seed=8)
    session.training.wait(60)
    session.wait(60)
    session.seeds.start(2, first=8)
    session.seeds.wait(60)
    first, second = session.seeds.trained
    assert second.model.latent_dim == 1
    np.testing.assert_array_equal(first.encoding.angle, session.channels["angle"].values)
    session.seeds.show(9)
    assert "seed=9" in session.as_code()
    assert "model.fit(signal)" in session.as_code()
    session.close()
