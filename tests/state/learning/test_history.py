"""Maps of earlier epochs of a training, and what is decoded while they are shown."""

from dataclasses import replace

import numpy as np
import pytest
from scans import AXES, SHAPE, Pacer, Sorter, turning_spot

from stemwidgets.state import ScanSession
from stemwidgets.state.learning.decodable import Code
from stemwidgets.state.learning.history import MOST, SavedMaps, with_maps
from stemwidgets.views.loss_view import LossView


class Growing(Pacer):
    """Its first latent variable is the epoch."""

    epoch = 0

    def steps(self, data, pixel_size=(1.0, 1.0), faulty="find", descan="find"):
        for progress in super().steps(data, pixel_size):
            self.epoch = progress.epoch
            yield replace(progress, encoding=self.encode(data))

    def encode(self, data, descan="find"):
        encoding = super().encode(data)
        return replace(encoding, latent=np.full_like(encoding.latent, self.epoch))


@pytest.fixture
def grown():
    session = ScanSession(turning_spot(), AXES, make_model=Growing)
    session.training.start(steps=40)
    session.training.wait(10)
    session.wait(10)
    yield session
    session.close()


def z1(session):
    [value] = np.unique(session.channels["z1"].values)
    return value


def test_saved_maps_stay_few_keep_both_ends_and_spread_evenly():
    history = ()
    for epoch in range(1, 101):
        history = with_maps(history, SavedMaps(epoch, None))
        assert len(history) <= MOST
    epochs = [maps.epoch for maps in history]
    assert (epochs[0], epochs[-1]) == (1, 100)
    assert max(np.diff(epochs)) <= 3 * min(np.diff(epochs)[:-1])


def test_later_maps_of_an_epoch_replace_the_first():
    history = with_maps((), SavedMaps(3, None))
    newer = SavedMaps(3, None)
    assert with_maps(history, newer) == (newer,)


def test_the_maps_go_back_to_an_epoch_and_forth_to_the_latest(grown):
    earlier = grown.training.map_history[3]
    grown.learned.earlier_maps = earlier
    assert z1(grown) == earlier.epoch < 40
    grown.learned.earlier_maps = None
    assert z1(grown) == 40


def test_an_earlier_epoch_is_not_decoded_by_what_was_learned_since(grown):
    assert grown.reconstruction is not None
    grown.learned.earlier_maps = grown.training.map_history[0]
    grown.wait(10)
    assert grown.learned.decodable is grown.reconstruction is None
    assert grown.learned.mean_reconstruction is None
    grown.learned.earlier_maps = None
    grown.wait(10)
    assert grown.learned.decodable.model is grown.model
    assert grown.reconstruction is not None
    assert grown.learned.mean_reconstruction is not None


def test_a_new_training_shows_its_own_maps(grown):
    grown.learned.earlier_maps = grown.training.map_history[0]
    grown.training.start(steps=3)
    assert grown.learned.earlier_maps is None
    grown.training.wait(10)
    assert z1(grown) == 3
    assert [maps.epoch for maps in grown.training.map_history] == [1, 2, 3]


def test_codes_are_decoded_in_the_background_and_the_latest_counts():
    session = ScanSession(turning_spot(), AXES, make_model=Sorter)
    got = []
    session.learned.decode("test", [[1.0, 0.0]], [0.0], [0], got.append)
    session.wait(10)
    assert got == []  # nothing was learned yet
    session.training.start()
    session.training.wait(10)
    session.learned.decode("test", [[1.0, 0.0], [3.0, 0.0]], [0.0, 0.2], [0, 2], got.append)
    session.wait(10)
    [patterns] = got
    assert patterns.shape == (2, *SHAPE[2:])
    np.testing.assert_allclose(patterns[:, 0, 0], [1, 2005])
    session.close()


def test_a_pattern_has_a_code_where_it_has_counts():
    session = ScanSession(turning_spot(), AXES, make_model=Sorter)
    assert session.code_here() is None
    session.training.start()
    session.training.wait(10)
    session.position = (3, 4)
    code = session.code_here()
    assert code.latent == (3.0, 4.0)
    assert code.angle == pytest.approx(float(session.channels["angle"].values[3, 4]))
    assert code.kind == 2
    session.position = (2, 3)
    assert session.code_here() is None
    session.close()


def test_an_equal_code_is_silent():
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    heard = []
    session.learned.observe(heard.append, "latent_code")
    session.learned.latent_code = Code((1.0, 2.0), 0.5)
    session.learned.latent_code = Code((1.0, 2.0), 0.5)
    assert len(heard) == 1
    session.close()


def test_nearly_all_latents_lie_in_their_range(grown):
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    assert session.learned.decodable is None
    session.training.start()
    session.training.wait(10)
    np.testing.assert_allclose(session.learned.decodable.ranges, [(0, 3), (0, 5)], atol=0.01)
    session.close()
    [low, high], _ = grown.learned.decodable.ranges
    assert low < 40 < high  # also where all patterns are alike


def test_the_slider_below_the_loss_goes_back_and_returns(grown):
    parts = LossView(grown).parts
    slider, words, history = parts["epoch"], parts["epoch_words"], grown.training.map_history
    assert slider.value == slider.max
    assert words.value == "the latest"
    slider.value = 2
    assert grown.learned.earlier_maps is history[2]
    assert words.value == f"epoch {history[2].epoch}"
    then = parts["figure"].marks[2]
    assert then.visible
    assert list(then.x) == [history[2].epoch] * 2
    slider.value = slider.max
    assert grown.learned.earlier_maps is None
    assert not then.visible


def test_a_few_epochs_share_the_slider_evenly():
    session = ScanSession(turning_spot(), AXES, make_model=Growing)
    session.training.start(steps=3)
    session.training.wait(10)
    slider = LossView(session).parts["epoch"]
    seen = []
    for value in range(slider.max + 1):
        slider.value = value
        seen.append(session.learned.earlier_maps and session.learned.earlier_maps.epoch)
    assert seen == [1, 1, 1, 2, 2, 2, 2, 2, 2, None, None, None]
    session.learned.earlier_maps = session.training.map_history[0]
    assert slider.value == 0
    session.close()


def test_the_slider_and_its_epoch_stay_while_others_come(grown):
    parts = LossView(grown).parts
    grown.learned.earlier_maps = shown = grown.training.map_history[1]
    where = parts["epoch"].value
    grown.training.set_trait("map_history", grown.training.map_history[4:])
    assert parts["epoch_words"].value == f"epoch {shown.epoch}"
    assert parts["epoch"].value == where
    assert grown.learned.earlier_maps is shown
    grown.training.start(steps=2)
    assert parts["epoch"].value == parts["epoch"].max
    grown.training.wait(10)
    assert grown.learned.earlier_maps is None


def test_there_is_no_slider_before_there_are_maps():
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    assert LossView(session)._row.layout.display == "none"
    session.close()
