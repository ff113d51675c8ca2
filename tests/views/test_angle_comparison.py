"""The view that shows the rrVAE angle beside the COM angle."""

import io

import numpy as np
import pytest
from PIL import Image
from scans import AXES, SHAPE, Pacer, Sorter, turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.state import ScanSession
from stemwidgets.views.angle_comparison import AngleComparisonView
from stemwidgets.views.pictures import colors


class Follower(Pacer):
    """Its angle turns the other way, and one position is off by a right angle."""

    def encode(self, data, descan="find"):
        plain = super().encode(data)
        angle = -np.broadcast_to(2 * np.pi * np.arange(SHAPE[1]) / SHAPE[1], SHAPE[:2]) + 1.0
        plain.angle[...] = angle
        plain.angle[2, 3] += np.pi / 2
        plain.confidence[1, 4] = 0.0
        return plain


def trained(model):
    session = ScanSession(turning_spot(), AXES, make_model=model)
    view = AngleComparisonView(session)
    session.training.start()
    session.training.wait(10)
    return session, view


@pytest.fixture
def followed():
    session, view = trained(Follower)
    yield session, view
    session.close()


def picture(figure):
    return np.asarray(Image.open(io.BytesIO(figure.marks[0].image.value)).convert("RGBA"))


def click(figure, x, y):
    glass = figure.marks[-1]
    content = {"event": "element_click", "data": {"click_x": x, "click_y": y}}
    glass._handle_custom_msgs(glass, content)


def test_before_training_it_says_what_to_do():
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    view = AngleComparisonView(session)
    assert view.difference.message == view.joint.message == "press Train"
    assert "appears with" in view.parts["words"].value
    session.close()


def test_an_unknown_keyword_is_refused(followed):
    with pytest.raises(InputError, match="colour_map"):
        AngleComparisonView(followed[0], colour_map="jet")


def test_what_was_removed_is_told_in_words(followed):
    words = followed[1].parts["words"].value
    assert "circular correlation" in words
    assert "mirrored removed" in words


def test_equal_angles_have_one_colour_and_the_one_that_is_off_another(followed):
    session, view = followed
    painted = picture(view.parts["difference"])
    assert painted.shape == (*SHAPE[:2], 4)
    faint = session.channels["COM angle"].confidence[2, 3]
    expected = colors.cyclic(np.array([[np.pi / 2]]) * -1, np.array([[faint]]))[0, 0]
    assert np.abs(painted[2, 3].astype(int) - expected).max() < 40
    assert np.abs(painted[2, 3, :3].astype(int) - painted[2, 2, :3]).max() > 25


def test_the_difference_is_paler_where_either_angle_means_little(followed):
    painted = picture(followed[1].parts["difference"])
    assert np.ptp(painted[1, 4, :3].astype(int)) <= 1
    assert np.ptp(painted[1, 3, :3].astype(int)) > np.ptp(painted[0, 3, :3].astype(int))


def test_equal_angles_lie_on_the_diagonal_of_the_histogram(followed):
    filled = picture(followed[1].parts["joint"])[..., 3] > 0
    assert filled.shape == (36, 36)
    row, column = np.nonzero(filled)
    from_below = 35 - row  # the axis of the rrVAE angle points up
    assert followed[1].joint.scales["y"].reverse is False
    apart = np.abs((from_below - column + 18) % 36 - 18)
    assert (apart > 3).sum() == 1  # the position that is off
    assert len(apart) >= 6


def test_a_click_in_the_difference_moves_the_position_and_the_ring(followed):
    session, view = followed
    click(view.parts["difference"], 1.0 + 0.3 * 2.1, 0.2 * 2.9)
    assert session.position == (3, 2)
    com = np.degrees(session.channels["COM angle"].values[3, 2])
    np.testing.assert_allclose(view.parts["ring"].x, [com], atol=1e-3)
    assert abs(view.parts["ring"].y[0] - com) < 15


def test_a_threefold_scan_is_compared_within_its_period():
    session, view = trained(Sorter)
    assert view.joint.frame.right == 60
    assert "modulo 120°" in view.parts["legend"].value
    session.position = (2, 3)  # no counts
    assert not view.parts["ring"].visible
    session.close()


def test_a_model_without_angle_leaves_nothing_to_compare():
    class Straight(Pacer):
        turning = False

        def encode(self, data, descan="find"):
            plain = super().encode(data)
            plain.angle[...] = np.nan
            return plain

    session, view = trained(Straight)
    assert view.joint.message == "nothing to compare"
    assert "does not turn" in view.parts["words"].value
    session.close()
