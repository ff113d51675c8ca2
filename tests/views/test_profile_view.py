"""The profile along the session's line, and what region and line say in words."""

import numpy as np
import pytest
from scans import AXES, SHAPE, Sorter, turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.summary import circular_summary, majority, summary
from stemwidgets.state import Channel, ScanSession
from stemwidgets.views.profile_view import ProfileView
from stemwidgets.views.readout_view import ReadoutView


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, make_model=Sorter)
    iy, ix = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    angle = np.float32(np.pi) * (2 * (ix % 3) / 3 - 1) + 0.1
    session.channel_store.put(
        Channel("COM x", 2 * ix + iy, "nm"),
        Channel("COM angle", angle, "rad", "angle"),
    )
    yield session
    session.close()


def test_without_a_line_the_view_says_how_to_draw_one(session):
    view = ProfileView(session)
    assert "Line" in view.raster.message
    assert not view.parts["curve"].visible


def test_a_channel_is_shown_against_the_distance_on_the_specimen(session):
    view = ProfileView(session, "COM x")
    session.selection.line = ((1, 0), (1, 5))
    curve = view.parts["curve"]
    assert curve.visible
    assert curve.x[-1] == pytest.approx(5 * 0.3)
    np.testing.assert_allclose(curve.y, 1 + 2 * np.array(curve.x) / 0.3, rtol=1e-6)
    assert view.raster.axes[0].label == "distance (Å)"
    assert view.parts["label"].value == "COM x (nm)"
    assert "1.50 Å long, mean 6.0 ± 3.2 nm" in view.parts["words"].value
    session.selection.line = None
    assert not curve.visible


def test_a_profile_of_angles_is_interrupted_where_they_go_round(session):
    view = ProfileView(session, "COM angle")
    session.selection.line = ((2, 0), (2, 5))
    drawn = np.array(view.parts["curve"].y)
    assert np.isnan(drawn).sum() >= 1
    assert np.nanmax(np.abs(np.diff(drawn))) < 180
    assert view.parts["label"].value == "COM angle (°)"


def test_the_width_averages_across(session):
    values = np.zeros(SHAPE[:2], np.float32)
    values[2] = 6.0
    session.channel_store.put(Channel("COM x", values, "nm"))
    view = ProfileView(session, "COM x", averaged=0.4)
    session.selection.line = ((2, 1), (2, 4))
    np.testing.assert_allclose(view.parts["curve"].y, 2.0)  # of three rows
    view.parts["width"].value = 0.0
    np.testing.assert_allclose(view.parts["curve"].y, 6.0)


def test_classes_and_what_is_not_there_yet(session):
    view = ProfileView(session, "classes")
    session.selection.line = ((0, 2), (3, 2))
    assert "Train" in view.raster.message
    session.training.start()
    session.training.wait(10)
    np.testing.assert_array_equal(view.parts["curve"].y, [0, 1, 2, 2])


def test_ends_are_typed(session):
    view = ProfileView(session)
    view.parts["ends"].value = "1, 0.5 to 9, 4"
    assert session.selection.line == ((1.0, 0.5), (3.0, 4.0))  # on the scan
    assert view.parts["ends"].value == "1, 0.5 to 3, 4"
    view.parts["ends"].value = "1, 2"
    assert "both ends" in session.problem
    assert session.selection.line == ((1.0, 0.5), (3.0, 4.0))
    view.parts["ends"].value = ""
    assert session.selection.line is None


@pytest.mark.parametrize("nonsense", [{"averaged": -1}, {"channel": "nonsense"}, {"widht": 3}])
def test_nonsense_is_refused(session, nonsense):
    with pytest.raises(InputError):
        ProfileView(session, **nonsense)


def test_the_readout_tells_mean_and_spread_of_every_channel_in_the_region(session):
    readout = ReadoutView(session)
    table, where = readout.parts["table"], readout.parts["where"]
    assert where.layout.display == "none"
    session.selection.outline = ((0.5, 0.5), (0.5, 3.5), (2.5, 3.5), (2.5, 0.5))
    inside = session.channels["COM x"].values[1:3, 1:4]
    assert "6, mean ± std" in table.value
    assert f"{inside.mean():.1f} ± {inside.std():.1f} nm" in table.value
    assert where.layout.display is None
    session.position = (3, 5)
    assert "13.0 nm" in table.value
    where.value = "over the region"
    assert f"{inside.mean():.1f} ± {inside.std():.1f} nm" in table.value
    session.selection.region = None
    assert "13.0 nm" in table.value


def test_angles_are_summed_up_around_the_circle():
    rng = np.random.default_rng(0)
    angles = np.append(np.pi / 3 + rng.normal(0, 0.05, 20000), np.nan)
    wrapped = (angles + np.pi / 3) % (2 * np.pi / 3) - np.pi / 3
    mean, std, count = circular_summary(wrapped, symmetry=3)
    assert abs(mean) == pytest.approx(np.pi / 3, abs=2e-3)
    assert std == pytest.approx(0.05, rel=0.02)
    assert count == 20000


def test_nothing_has_no_mean():
    for found in (summary([np.nan]), circular_summary([])):
        assert found.defined == 0
        assert np.isnan([found.mean, found.std]).all()
    assert majority([np.nan]).defined == 0
    assert majority([2, 1, 2, np.nan]) == (2, pytest.approx(2 / 3), 3)


def test_marks_enclose_a_narrow_range_far_from_zero(session):
    values = np.linspace(9.972e6, 10.01e6, 24, dtype=np.float32).reshape(SHAPE[:2])
    session.channel_store.put(Channel("sum", values, "counts"))
    view = ProfileView(session)
    session.selection.line = ((0, 0), (3, 5))
    frame, marks = view.raster.frame, view.raster.axes[1].tick_values
    assert view.parts["label"].value == "sum of counts (10⁷ counts)"
    assert len(marks) >= 3
    assert frame.bottom <= 0.9972 < 1.001 <= frame.top
    assert (marks[0], marks[-1]) == (frame.bottom, frame.top)
    assert "(9.991 ± 0.012" in view.parts["words"].value
    assert ")·10⁶ counts" in view.parts["words"].value


def test_a_flat_profile_has_marks_too(session):
    session.channel_store.put(Channel("sum", np.zeros((4, 6), np.float32)))
    view = ProfileView(session)
    session.selection.line = ((0, 0), (3, 5))
    assert view.raster.frame.bottom < 0 < view.raster.frame.top
