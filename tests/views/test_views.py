import io
from dataclasses import replace
from threading import Event

import dask.array as da
import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from mouse import mouse
from PIL import Image
from scans import AXES, SHAPE, Pacer, Sorter, turning_spot, unreadable

from stemwidgets.arrays.axes import Axis
from stemwidgets.arrays.detectors import AnnularDetector
from stemwidgets.arrays.errors import InputError
from stemwidgets.state import Channel, ScanSession
from stemwidgets.views.detector_panel import DetectorPanel
from stemwidgets.views.latent_view import LatentView
from stemwidgets.views.loss_view import LossView
from stemwidgets.views.map_view import MapView
from stemwidgets.views.parts import words
from stemwidgets.views.pattern_view import PatternView
from stemwidgets.views.pictures import colors
from stemwidgets.views.pictures.painting import paint
from stemwidgets.views.pictures.raster import Raster
from stemwidgets.views.pictures.screen import Frame, Grid, ticks
from stemwidgets.views.readout_view import ReadoutView
from stemwidgets.views.train_panel import TrainPanel

VIEWS = [DetectorPanel, LatentView, LossView, PatternView, ReadoutView, MapView, TrainPanel]


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    yield session
    session.close()


@pytest.fixture
def trained(session):
    session.training.start(latent_dim=2)
    session.training.wait(10)
    return session


@pytest.fixture
def sorted_scan():
    session = ScanSession(turning_spot(), AXES, make_model=Sorter)
    session.training.start()
    session.training.wait(10)
    yield session
    session.close()


def picture(figure):
    """The picture that a figure shows, as pixels [row, column, RGBA]."""
    return np.asarray(Image.open(io.BytesIO(figure.marks[0].image.value)).convert("RGBA"))


def click(figure, x, y):
    """What the browser sends when one clicks at these coordinates."""
    glass = figure.marks[-1]
    content = {"event": "element_click", "data": {"click_x": x, "click_y": y}}
    glass._handle_custom_msgs(glass, content)


def press(view, x, y):
    """A short press of the mouse on a view that listens to drags."""
    mouse(view.raster, "mousedown", x=x, y=y)
    mouse(view.raster, "mouseup", x=x, y=y)


def cross(figure):
    """The coordinates x, y where the crosshair stands, or None."""
    mark = figure.marks[-3]
    return (mark.x[-1][0], mark.y[-4][0]) if mark.visible else None


def test_a_scan_that_cannot_be_read_says_so_where_it_would_be_shown():
    session = ScanSession(unreadable(), AXES)
    scan, pattern = MapView(session, "sum"), PatternView(session)
    session.wait(20)

    assert scan.raster._message.text[0] == "could not be read"
    assert pattern._pattern._message.text[0] == "could not be read"


@pytest.mark.parametrize("view", VIEWS)
def test_an_unknown_keyword_is_refused(session, view):
    with pytest.raises(InputError, match="colour_map"):
        view(session, colour_map="jet")


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_no_session_is_refused(view):
    with pytest.raises(InputError, match="Session"):
        view(turning_spot())


def test_a_map_has_one_pixel_for_each_position(session):
    figure = MapView(session, "sum").parts["figure"]
    assert picture(figure).shape == (*SHAPE[:2], 4)


def test_a_map_keeps_its_physical_shape(session):
    frame = MapView(session, "sum").raster.frame
    assert frame.width / frame.height == pytest.approx(6 * 0.3 / (4 * 0.2), rel=0.01)


def test_detector_pixels_keep_their_physical_shape(session):
    frame = Grid(AXES.ky, AXES.kx).frame(280)
    assert frame.width / frame.height == pytest.approx(15 * 0.04 / (18 * 0.05), rel=0.01)


def test_row_zero_is_at_the_top(session):
    scan_map = MapView(session, "sum")
    scales, image = scan_map.raster.scales, scan_map.parts["figure"].marks[0]
    assert scales["y"].reverse
    assert not scales["x"].reverse
    np.testing.assert_allclose(image.y, [0.7, -0.1])  # bottom, top
    np.testing.assert_allclose(image.x, [0.85, 2.65])


def test_an_axis_that_runs_backwards_still_puts_its_first_pixel_left():
    frame = Grid(Axis(4, 0.2), Axis(6, -0.3, 1.0)).frame(100)
    assert frame.left > frame.right
    assert frame.scales()["x"].reverse


def test_a_click_on_a_map_moves_every_crosshair(session):
    maps = [MapView(session, name) for name in ("sum", "COM angle", "COM x")]
    mouse(maps[0].raster, "mousedown", x=1.0 + 0.3 * 4.2, y=0.2 * 2.8)
    assert session.position == (3, 4)
    for scan_map in maps:
        np.testing.assert_allclose(cross(scan_map.parts["figure"]), (1.0 + 0.3 * 4, 0.2 * 3))


def test_a_click_redraws_the_pattern(session):
    view = PatternView(session)
    before = picture(view.parts["figure"])
    session.position = (3, 3)
    assert (picture(view.parts["figure"]) != before).any()


@pytest.mark.parametrize("lazy", [False, True])
def test_a_click_paints_a_pattern_and_its_reconstruction_once_and_together(lazy, monkeypatch):
    scan = turning_spot()
    session = ScanSession(da.from_array(scan) if lazy else scan, AXES, make_model=Sorter)
    session.training.start()
    session.training.wait(30)
    session.wait(30)
    view, painted = PatternView(session), []
    monkeypatch.setattr(Raster, "show", lambda raster, _: painted.append(raster.figure))
    shown = []
    session.observe(lambda change: shown.append(change["new"]), "shown")
    pairs = []  # as whoever observes one of them finds both
    together = lambda _: pairs.append((session.pattern, session.reconstruction))  # noqa: E731
    session.observe(together, ["pattern", "reconstruction"])

    session.position = (1, 4)
    session.wait(30)

    assert painted == [view.parts["figure"], view.parts["reconstruction"]]
    (one,) = shown
    assert one.position == (1, 4)
    assert [list(map(id, pair)) for pair in pairs] == [
        [id(one.pattern), id(one.reconstruction)]
    ] * 2
    np.testing.assert_array_equal(one.pattern, scan[1, 4])
    maps = session.learned.latest
    latent, angle = (np.float32(code[1, 4]) for code in (maps.latent, maps.angle))
    decoded = session.model.decode(latent, angle, np.int64(maps.classes[1, 4]))
    np.testing.assert_array_equal(one.reconstruction, decoded)
    session.close()


def test_a_picture_is_another_image_and_nothing_is_left_behind(session):
    figure = PatternView(session).parts["figure"]
    others = [MapView(session, "sum"), ReadoutView(session)]
    session.position = (3, 3)
    old, alive = figure.marks[0].image, len(_instances)
    session.position = (1, 2)
    assert figure.marks[0].image is not old
    assert len(_instances) == alive, others


def test_a_map_waits_for_a_channel_that_training_brings(session):
    scan_map = MapView(session, "angle")
    assert cross(scan_map.parts["figure"]) is None
    session.training.start()
    session.training.wait(10)
    assert scan_map.channel == "angle"
    assert picture(scan_map.parts["figure"]).shape == (*SHAPE[:2], 4)
    assert cross(scan_map.parts["figure"]) is not None


def test_the_map_offers_every_channel_in_words(trained):
    labels = [label for label, _ in MapView(trained).parts["channel"].options]
    assert "rrVAE angle" in labels
    assert "rrVAE latent z2" in labels


def test_choosing_another_channel_redraws_the_map(session):
    scan_map = MapView(session, "sum")
    before = picture(scan_map.parts["figure"])
    scan_map.parts["channel"].value = "COM angle"
    assert (picture(scan_map.parts["figure"]) != before).any()
    assert "wheel" in scan_map.parts["legend"].value


def test_angles_have_a_colour_for_every_direction():
    angle = np.linspace(-np.pi, np.pi, 361)[None]
    painted = colors.cyclic(angle)[0, :, :3].astype(int)
    np.testing.assert_array_equal(painted[0], painted[-1])
    steps = np.abs(np.diff(painted, axis=0)).max(axis=1)
    assert steps.max() < 12  # no jump, also not across ±π
    assert len(np.unique(painted, axis=0)) > 200


def test_an_angle_without_confidence_has_no_hue():
    picture = colors.cyclic(np.array([[0.0, 2.0]]), np.array([[0.0, 0.0]]))
    assert np.ptp(picture[..., :3].astype(int), axis=-1).max() <= 1


def test_the_wheel_has_the_colours_of_the_map():
    wheel = colors.wheel(101)
    for angle in np.radians([0, 60, 135, 200, 300]):
        y, x = (50 + 0.97 * 50 * np.array([np.sin(angle), np.cos(angle)])).round().astype(int)
        expected = colors.cyclic(np.array([[angle]]))[0, 0, :3].astype(int)
        assert np.abs(wheel[y, x, :3].astype(int) - expected).max() < 25


@pytest.mark.parametrize("fold", [2, 3, 6])
def test_colours_of_a_symmetric_angle_repeat_with_its_period(fold):
    angle = np.linspace(-np.pi, np.pi, 97)
    painted = colors.cyclic(angle, fold=fold)
    np.testing.assert_array_equal(painted, colors.cyclic(angle + 2 * np.pi / fold, fold=fold))
    np.testing.assert_array_equal(painted, colors.cyclic(fold * angle))
    within = colors.cyclic(np.linspace(0, 2 * np.pi / fold, 256), fold=fold)
    assert len(np.unique(within, axis=0)) > 200


def test_the_legend_of_a_symmetric_angle_says_modulo_what_and_repeats_its_colours(sorted_scan):
    scan_map = MapView(sorted_scan, "angle")
    legend = scan_map.parts["legend"].value
    assert "modulo 120°" in legend
    assert "grey where undefined" in legend
    wheel = colors.wheel(101, fold=3).astype(int)
    for angle in np.radians([10, 55, 100]):
        around = angle + np.radians([0, 120, 240])
        y, x = (50 + 40 * np.array([np.sin(around), np.cos(around)])).round().astype(int)
        assert np.ptp(wheel[y, x, :3], axis=0).max() < 25


def test_round_patterns_are_grey_in_the_map_of_angles(sorted_scan):
    shown = picture(MapView(sorted_scan, "angle").parts["figure"])
    assert (shown[:, 0, :3] == colors.GREY).all()
    assert (shown[2, 3, :3] == colors.GREY).all()
    assert (shown[0, 1:, :3] != colors.GREY).any(axis=-1).all()


def test_every_category_has_a_colour_and_a_name(sorted_scan):
    scan_map = MapView(sorted_scan, "classes")
    shown = picture(scan_map.parts["figure"])[..., :3]
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) == 4  # three classes and grey
    legend = scan_map.parts["legend"].value
    for words_of_class in ("class 0: 26 %", "class 1: 26 %", "class 2: 48 %", "grey: undefined"):
        assert words_of_class in legend
    scan_map.channel = "symmetry"
    legend = MapView(sorted_scan, "symmetry").parts["legend"].value
    assert "round: 17 %" in legend
    assert "3-fold: 83 %" in legend


def test_the_swatch_of_a_category_has_its_colour_in_the_map():
    values = np.array([[0, 1, 2], [3, 4, 5]], dtype=np.float32)
    painted, legend = paint(Channel("classes", values, kind="category"))
    for color in painted.reshape(-1, 4):
        assert colors.css(color) in legend


MACHADO_2009 = {
    "protan": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deutan": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritan": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9309, 0.1476], [0.0047, 0.6914, 0.3039]],
}


@pytest.mark.parametrize("vision", ["normal", *MACHADO_2009])
def test_categories_differ_for_every_eye_and_are_not_taken_for_undefined(vision):
    undefined, faded = [np.array([grey]) / 255 for grey in (colors.GREY, (237, 237, 237))]
    shown = np.concatenate([colors.QUALITATIVE, undefined, faded])
    linear = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(MACHADO_2009.get(vision, np.eye(3))).T, 0, 1)
    cones = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    to_lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    oklab = np.cbrt(seen @ np.array(cones).T) @ np.array(to_lab).T
    apart = np.linalg.norm(oklab[:, None] - oklab, axis=-1) + 9 * np.eye(len(oklab))
    assert apart[:-2].min() > 0.1


def test_an_uncertain_category_is_faint():
    values = np.array([[2.0, 2.0]])
    sure, unsure = colors.qualitative(values, np.array([[1.0, 0.1]]))[0, :, :3].astype(int)
    np.testing.assert_array_equal(sure, colors.qualitative(values)[0, 0, :3])
    assert np.ptp(unsure) < 0.2 * np.ptp(sure)


def test_the_uncertainty_of_an_angle_is_drawn_in_degrees():
    _, legend = paint(Channel("angle std", np.radians([[1.0, 2.0], [4.0, 9.0]]), "rad"))
    for words_of_bar in (">1.0<", ">degrees<", ">8.9<"):  # half a per cent is left out
        assert words_of_bar in legend


def test_a_map_of_classes_says_so_when_the_model_has_none(session):
    scan_map = MapView(session, "classes")
    assert scan_map.raster.message == "press Train"
    session.training.start()
    session.training.wait(10)
    assert scan_map.raster.message == "trained without classes"


@pytest.mark.parametrize("kind", ["scalar", "signed", "angle", "category"])
def test_what_is_not_defined_is_grey(kind):
    values = np.array([[0.1, np.nan, 2.0], [1.0, 3.0, np.inf]], dtype=np.float32)
    painted, _ = paint(Channel("map", values, kind=kind))
    np.testing.assert_array_equal(painted[0, 1, :3], colors.GREY)
    np.testing.assert_array_equal(painted[1, 2, :3], colors.GREY)
    assert (painted[0, 0, :3] != colors.GREY).any()


@pytest.mark.parametrize("value", [np.nan, 3.0, 0.0])
def test_a_map_without_contrast_is_drawn(value):
    painted, legend = paint(Channel("map", np.full((4, 6), value, dtype=np.float32)))
    assert painted.shape == (4, 6, 4)
    assert legend


def test_zero_of_a_signed_map_is_white():
    painted, _ = paint(Channel("map", np.array([[-1.0, 0.0, 1.0]]), kind="signed"))
    assert painted[0, 1, :3].min() > 235


@pytest.mark.parametrize("display", ["linear", "square root", "logarithmic"])
def test_brightness_grows_with_counts(session, display):
    view = PatternView(session, display)
    luminance = picture(view.parts["figure"])[..., :3].sum(axis=-1, dtype=int).ravel()
    order = np.argsort(session.pattern.ravel())
    assert (np.diff(luminance[order].reshape(-1, 27).mean(axis=1)) >= -2).all()


def test_the_difference_from_the_mean_is_white_outside_the_disc(session):
    shown = picture(PatternView(session, "difference from the mean").parts["figure"])
    assert shown[0, 0, :3].min() > 230
    assert shown[8, 8, 0] > shown[8, 8, 2] + 60  # more counts: orange


def test_the_reconstruction_appears_after_training(session):
    figure = PatternView(session).parts["reconstruction"]
    assert picture(figure).shape[:2] == (1, 1)
    session.training.start()
    session.training.wait(10)
    assert picture(figure).shape[:2] == SHAPE[2:]


def test_the_detector_is_drawn_on_the_pattern(session):
    view = PatternView(session)
    rings = view._rings
    assert not rings.visible
    session.detector = AnnularDetector((8.0, 7.0), 2.0, 5.0)
    assert rings.visible
    np.testing.assert_allclose(rings.x[2].max(), -0.3 + 0.04 * 12, atol=1e-6)
    np.testing.assert_allclose(rings.y[1].min(), -0.45 + 0.05 * 6, atol=2e-3)
    session.detector = None
    assert not rings.visible


def test_the_panel_sets_a_detector_about_the_disc(session):
    panel = DetectorPanel(session)
    panel.parts["BF"].click()
    assert session.detector.inner == 0
    assert session.detector.outer == pytest.approx(6, abs=1)
    assert session.detector.center == pytest.approx((8, 7), abs=0.5)
    panel.parts["radii"].value = (0.08, 0.2)
    assert (session.detector.inner, session.detector.outer) == pytest.approx((2, 5))


def test_a_point_of_the_scatter_is_picked_by_a_click_near_it(trained):
    scatter = LatentView(trained)
    press(scatter, x=2.1, y=3.9)  # z1 is the row, z2 the column
    assert trained.position == (2, 4)
    np.testing.assert_allclose(scatter.parts["ring"].x, [2])
    np.testing.assert_allclose(scatter.parts["ring"].y, [4])


def test_the_scatter_has_a_point_for_each_pattern_in_the_colour_of_its_angle(trained):
    points = LatentView(trained).parts["points"]
    assert len(points.x) == len(points.colors) == SHAPE[0] * SHAPE[1]
    angle = trained.channels["angle"].values.ravel()
    expected = [colors.css(color) for color in colors.cyclic(angle)]
    assert points.colors == expected


def test_the_scatter_explains_its_colours(sorted_scan):
    scatter = LatentView(sorted_scan, "classes")
    assert "class 2: 48 %" in scatter.parts["legend"].value
    scatter.parts["color"].value = "angle"
    assert "modulo 120°" in scatter.parts["legend"].value


def test_many_points_are_drawn_as_a_histogram():
    data = np.ones((70, 60, 9, 8), dtype=np.float32)
    data[..., 4, 4] += np.arange(60)
    session = ScanSession(data, make_model=Pacer)
    scatter = LatentView(session)
    session.training.start(steps=1)
    session.training.wait(10)
    assert not scatter.parts["points"].visible
    assert "more patterns" in scatter.parts["legend"].value
    shown = picture(scatter.parts["figure"])
    assert (shown[..., 3] > 0).sum() == 70 * 60
    press(scatter, x=69, y=0)
    assert session.position == (69, 0)


def test_one_latent_dimension_is_drawn_against_the_misfit(session):
    scatter = LatentView(session)
    session.training.start(latent_dim=1)
    session.training.wait(10)
    assert scatter.parts["points"].visible
    assert "misfit" in scatter.raster.axes[1].label


def test_the_loss_is_drawn_epoch_by_epoch(session):
    plot = LossView(session)
    assert not plot.parts["line"].visible
    session.training.start(steps=7)
    session.training.wait(10)
    np.testing.assert_array_equal(plot.parts["line"].x, np.arange(1, 8))
    np.testing.assert_allclose(plot.parts["line"].y, 10 / np.arange(1, 8))
    assert plot.raster.scales["x"].max == 7


def test_the_loss_is_drawn_in_the_range_of_all_but_its_beginning(session):
    plot = LossView(session)
    session.training.start(steps=80)
    session.training.wait(10)
    assert plot.parts["line"].y[0] == 10
    assert plot.raster.scales["y"].min == 0
    assert 10 / 11 < plot.raster.scales["y"].max <= 1


def test_a_training_that_was_asked_for_twice_begins_once(session):
    panel = TrainPanel(session)
    session.training.start(steps=10**6)
    panel.parts["train"].click()
    assert session.problem == ""
    session.training.stop()
    session.training.wait(10)
    assert session.training.endings == ("stopped",)


def test_the_panel_trains_with_what_it_shows(session):
    panel = TrainPanel(session)
    panel.parts["latent_dim"].value = 3
    panel.parts["train"].click()
    session.training.wait(10)
    assert session.model.latent_dim == 3
    assert "finished" in panel.parts["status"].value
    assert panel.parts["progress"].value == 1


def test_the_panel_offers_what_the_chosen_model_takes(session):
    panel = TrainPanel(session, kind="paper")
    parts = panel.parts
    shown = [parts[name].layout.display is None for name in ("centered", "epochs")]
    assert shown == [True, True]
    parts["epochs"].value = 7
    parts["train"].click()
    session.training.wait(10)
    assert (session.model.kind, session.model.centered, session.model.epochs) == ("paper", True, 7)

    parts["kind"].value = "harmonic"
    assert [parts[name].layout.display for name in ("centered", "epochs")] == ["none", "none"]
    assert parts["kind"].layout.display is None
    parts["train"].click()
    session.training.wait(10)
    assert (session.model.kind, session.model.centered, session.model.epochs) == (
        "harmonic",
        False,
        None,
    )


def test_epochs_are_automatic_unless_given(session):
    parts = TrainPanel(session, kind="vae").parts
    parts["centered"].value = False
    parts["train"].click()
    session.training.wait(10)
    assert (session.model.kind, session.model.centered, session.model.epochs) == (
        "vae",
        False,
        None,
    )


def test_the_panel_pauses_resumes_and_stops(session):
    slow = ScanSession(
        turning_spot(), AXES, make_model=lambda **options: Pacer(steps=500, pace=0.01, **options)
    )
    parts = TrainPanel(slow).parts
    parts["train"].click()
    assert parts["train"].disabled
    assert not parts["stop"].disabled
    parts["pause"].click()
    assert "paused" in parts["status"].value
    assert parts["pause"].disabled
    parts["resume"].click()
    assert slow.training.status == "running"
    parts["stop"].click()
    assert parts["stop"].disabled
    assert "stopping" in parts["status"].value
    slow.training.wait(5)
    assert "stopped" in parts["status"].value
    assert not parts["train"].disabled


def test_the_panel_goes_on_with_a_model_that_can_and_says_what_either_button_does():
    class Learner(Pacer):
        resumable = True

    session = ScanSession(turning_spot(), AXES, make_model=Learner)
    parts = TrainPanel(session).parts
    assert (parts["resume"].description, parts["resume"].disabled) == ("Resume", True)
    parts["train"].click()
    assert (parts["resume"].description, parts["resume"].disabled) == ("Resume", True)
    session.training.wait(10)
    model = session.model
    assert (parts["resume"].description, parts["resume"].disabled) == ("Continue", False)
    assert "Train begins a new model, Continue trains this one" in parts["status"].value
    parts["resume"].click()
    assert "Continue" not in parts["status"].value
    session.training.wait(10)
    assert session.model is model
    parts["train"].click()
    session.training.wait(10)
    assert session.model is not model
    session.close()


def test_without_going_on_the_button_stays_as_it_is(trained):
    parts = TrainPanel(trained).parts
    assert (parts["resume"].description, parts["resume"].disabled) == ("Resume", True)
    assert "Continue" not in parts["status"].value


def test_the_panel_tells_what_went_otherwise_than_planned():
    class Hungry(Pacer):
        def steps(self, data, pixel_size=(1.0, 1.0), faulty="find", descan="find"):
            for progress in super().steps(data, pixel_size):
                yield replace(progress, notice="too large for the <memory>")

    session = ScanSession(turning_spot(), AXES, make_model=Hungry)
    status = TrainPanel(session).parts["status"]
    session.training.start()
    session.training.wait(10)
    assert status.value.endswith("<br>too large for the &lt;memory&gt;")
    session.close()


def test_while_the_first_training_prepares_every_view_says_so():
    prepared = Event()

    def prepare(**options):
        assert prepared.wait(10)
        return Pacer(**options)

    session = ScanSession(turning_spot(), AXES, make_model=prepare)
    views = MapView(session, "angle"), LatentView(session), LossView(session)
    assert {view.raster.message for view in views} == {"press Train"}
    status = TrainPanel(session).parts["status"]
    session.training.start()
    assert {view.raster.message for view in views} == {"comes with the first epochs"}
    assert "preparing the patterns" in status.value
    session.training.stop()
    assert status.value == "stopping after the preparation of the patterns"
    prepared.set()
    session.training.wait(10)
    assert "stopped" in status.value


def test_the_panel_says_how_long_it_will_take(session):
    panel = TrainPanel(session)
    session.training.start(pace=0.02, steps=100)
    while session.training.progress is None:
        session.mailbox.drain()
    assert "left" in panel.parts["status"].value
    assert "of 100" in panel.parts["status"].value


def test_an_error_is_shown_in_words_and_not_as_markup(session):
    panel = TrainPanel(session)
    session.report(InputError("the <disc> & the ring"))
    assert "the &lt;disc&gt; &amp; the ring" in panel.parts["problem"].value
    session.report("")
    assert panel.parts["problem"].value == ""


def test_the_readout_tells_every_channel_with_its_unit(trained):
    readout = ReadoutView(trained)
    trained.position = (3, 2)
    table = readout.parts["table"].value
    assert "3, 2" in table
    assert "1.60 Å" in table
    for label in ("COM magnitude", "rrVAE angle", "rrVAE latent z1"):
        assert label in table
    assert "°" in table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.234567, "1.23"),
        (-0.01234, "−0.0123"),
        (123456.0, "123456"),
        (1e7, "1.00·10⁷"),
        (3.2e-7, "3.20·10⁻⁷"),
        (np.nan, "–"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert words.number(value) == text


def test_angles_are_read_in_degrees():
    assert words.quantity(-np.pi / 2, "rad") == "−90°"


def test_no_label_of_a_tick_is_cut_at_the_edge():
    wide, narrow = (Frame(1727, edge, 0, 1, 250, 90) for edge in (1820.5, 1826))
    assert [frame.axes(frame.scales())[0].tick_values.tolist() for frame in (wide, narrow)] == [
        [1740, 1760, 1780, 1800],
        [1740, 1760, 1780, 1800, 1820],
    ]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.8, 0.75), (9.97e6, 1e7), (-2e-4, 3e-4)])
def test_ticks_are_few_round_and_within(low, high):
    marks = ticks(low, high, 5)
    assert 2 <= len(marks) <= 6
    step = marks[1] - marks[0]
    assert low - 1e-6 * step <= marks[0]
    assert marks[-1] <= high + 1e-6 * step
    assert round(step / 10 ** np.floor(np.log10(step) + 1e-9), 6) in (1, 2, 5)


@pytest.mark.parametrize(
    ("angle", "std", "fold", "text"),
    [
        (30.04, 0.026, 1, "30.04° ± 0.03°"),
        (30.04, 0.26, 1, "30.0° ± 0.3°"),
        (-30.04, 2.61, 3, "−30.0° ± 2.6° modulo 120°"),
        (30.04, 12.6, 1, "30° ± 13°"),
        (30.04, np.nan, 1, "30°"),
        (np.nan, np.nan, 3, "undefined"),
    ],
)
def test_an_angle_has_the_digits_that_its_uncertainty_leaves(angle, std, fold, text):
    assert words.uncertain_angle(np.radians(angle), np.radians(std), fold) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.003, "< 1 %"), (0.42, "42 %"), (0.998, "> 99 %"), (1.0, "100 %")],
)
def test_shares_are_told_in_per_cent(share, text):
    assert words.percent(share) == text


def test_the_readout_tells_the_uncertainty_with_the_angle_and_how_sure_a_category_is(sorted_scan):
    readout = ReadoutView(sorted_scan)
    sorted_scan.position = (1, 4)
    table = readout.parts["table"].value
    assert "40° ± 6° modulo 120°" in table
    assert "3-fold (90 %)" in table
    assert "class 1 (80 %)" in table
    assert "uncertainty" not in table
    sorted_scan.position = (1, 0)
    assert "undefined" in readout.parts["table"].value
    assert "round (90 %)" in readout.parts["table"].value
    sorted_scan.position = (2, 3)
    assert "nan" not in readout.parts["table"].value
