import io
import json
import re

import numpy as np
import pytest
from mouse import key, mouse
from PIL import Image
from scans import AXES, SHAPE, Sorter, turning_spot

from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.errors import InputError
from stemwidgets.state import ScanSession
from stemwidgets.state.channels import Channel
from stemwidgets.views.map_view import MapView
from stemwidgets.views.pictures import colors
from stemwidgets.views.pictures.display import Display
from stemwidgets.views.pictures.histogram import Histogram
from stemwidgets.views.pictures.scale_bar import ScaleBar
from stemwidgets.views.pictures.screen import Frame, round_length


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, make_model=Sorter)
    yield session
    session.close()


@pytest.fixture
def scan_map(session):
    """A map with its controls open."""
    scan_map = MapView(session, "COM magnitude")
    scan_map.parts["display"].value = True
    return scan_map


def picture(figure):
    """The picture that a figure shows, as pixels [row, column, RGBA]."""
    return np.asarray(Image.open(io.BytesIO(figure.marks[0].image.value)).convert("RGBA"))


def controls(scan_map):
    return scan_map.parts["controls"]


def handles(scan_map):
    """Where the handles of the histogram stand."""
    return tuple(controls(scan_map)["histogram"].marks[2].x)


def drag(scan_map, start, *stops):
    raster = scan_map._controls.histogram.raster
    mouse(raster, "mousedown", x=start, y=0.5)
    for stop in stops:
        mouse(raster, "mousemove", x=stop, y=0.5)
    mouse(raster, "mouseup", x=stops[-1], y=0.5)


def test_controls_are_made_when_they_are_opened(session):
    scan_map = MapView(session, "sum")
    assert "controls" not in scan_map.parts
    scan_map.parts["display"].value = True
    assert controls(scan_map)["scaling"].value == "linear"
    scan_map.parts["display"].value = False
    assert scan_map._below.layout.display == "none"


def test_the_handles_stand_at_the_percentiles(scan_map, session):
    values = session.channels["COM magnitude"].values
    np.testing.assert_allclose(handles(scan_map), np.percentile(values, [0.5, 99.5]))
    np.testing.assert_allclose(
        [controls(scan_map)["low"].value, controls(scan_map)["high"].value],
        handles(scan_map),
        rtol=0.01,
    )


def test_a_dragged_handle_changes_the_limit_and_the_colours(scan_map, session):
    low, high = handles(scan_map)
    half = (low + high) / 2
    drag(scan_map, high, (half + high) / 2, half)
    frame = scan_map._controls.histogram.raster.frame
    pixel = (frame.right - frame.left) / frame.width
    assert scan_map.display.limits == pytest.approx((low, half), abs=pixel)
    assert controls(scan_map)["high"].value == pytest.approx(half, abs=2 * pixel)
    assert controls(scan_map)["percentiles"].value == "as set by hand"
    shown = picture(scan_map.parts["figure"])[..., :3]
    bright = session.channels["COM magnitude"].values > half + pixel
    assert (shown[bright] == np.rint(255 * colors.SEQUENTIAL[-1])).all()
    assert "−" not in scan_map.parts["legend"].value


def test_an_angle_is_limited_in_degrees(session):
    spread = np.linspace(0.1, 0.9, 24, dtype=np.float32).reshape(session.scan.shape[:2])
    session.channel_store.put(Channel("spread", spread, "rad"))
    scan_map = MapView(session, "spread")
    scan_map.parts["display"].value = True
    low, high = handles(scan_map)
    assert high == pytest.approx(np.degrees(np.percentile(spread, 99.5)), rel=1e-3)
    drag(scan_map, high, 30.0)
    assert scan_map.display.limits == pytest.approx((np.radians(low), np.radians(30)), rel=0.02)
    assert controls(scan_map)["high"].value == pytest.approx(30, rel=0.02)


@pytest.mark.parametrize(("low", "high"), [(9.972e6, 1.001e7), (0.0, 3030.0), (-1e-3, 2e-3)])
def test_numbers_below_the_histogram_do_not_run_into_each_other(low, high):
    histogram = Histogram(250, lambda _: None)
    values = np.linspace(low, high, 100)
    histogram.show(values, (low, high), lambda v: np.zeros((len(v), 4), np.uint8), "counts")
    frame, numbers = histogram.raster.frame, histogram.raster.axes[0].tick_values
    apart = np.diff(numbers) / (frame.right - frame.left) * frame.width
    assert len(numbers) >= 2
    assert (apart >= 8 * max(len(f"{number:.12g}") for number in numbers)).all()


def test_a_handle_does_not_pass_the_other(scan_map):
    low, high = handles(scan_map)
    drag(scan_map, low, 2 * high - low)
    assert scan_map.display.limits[0] < scan_map.display.limits[1] == pytest.approx(high)


def test_limits_of_signed_values_move_together(session):
    scan_map = MapView(session, "COM x")
    scan_map.parts["display"].value = True
    low, high = handles(scan_map)
    assert low == -high
    drag(scan_map, low, low / 2)
    low_now, high_now = scan_map.display.limits
    assert low_now == -high_now
    assert low_now == pytest.approx(low / 2, rel=0.05)


def test_typed_limits_count(scan_map):
    controls(scan_map)["low"].value = 0.01
    controls(scan_map)["high"].value = 0.03
    assert scan_map.display.limits == (0.01, 0.03)
    assert handles(scan_map) == (0.01, 0.03)


def test_typed_limits_in_the_wrong_order_are_turned(scan_map):
    high = controls(scan_map)["high"].value
    controls(scan_map)["low"].value = 2 * high
    assert scan_map.display.limits == pytest.approx((high, 2 * high))


def test_angles_are_typed_in_degrees(session):
    session.training.start()
    session.training.wait(10)
    scan_map = MapView(session, "angle std")
    scan_map.parts["display"].value = True
    controls(scan_map)["high"].value = 90.0
    assert scan_map.display.limits[1] == pytest.approx(np.pi / 2)


def test_scaling_colours_and_percentiles_can_be_chosen(scan_map):
    parts = controls(scan_map)
    assert parts["exponent"].layout.display == "none"
    parts["scaling"].value = "power"
    parts["exponent"].value = 0.3
    parts["colors"].value = "cividis"
    parts["percentiles"].value = "percentiles 2 to 98 %"
    assert scan_map.display == Display("power", 0.3, (2, 98), colors="cividis")
    assert parts["exponent"].layout.display is None
    assert "power" in scan_map.parts["legend"].value


def test_auto_goes_back(scan_map):
    before = picture(scan_map.parts["figure"])
    controls(scan_map)["colors"].value = "grey"
    controls(scan_map)["high"].value = 0.02
    assert (picture(scan_map.parts["figure"]) != before).any()
    controls(scan_map)["auto"].click()
    assert scan_map.display == Display()
    np.testing.assert_array_equal(picture(scan_map.parts["figure"]), before)
    assert controls(scan_map)["colors"].value == "viridis"


def test_every_channel_keeps_its_own_display(scan_map):
    controls(scan_map)["colors"].value = "grey"
    scan_map.parts["channel"].value = "sum"
    assert scan_map.display == Display()
    assert controls(scan_map)["colors"].value == "viridis"
    scan_map.parts["channel"].value = "COM magnitude"
    assert scan_map.display.colors == "grey"


def test_angles_say_why_their_colours_stay(session):
    scan_map = MapView(session, "COM angle")
    scan_map.parts["display"].value = True
    assert "wheel" in controls(scan_map)["note"].value
    scan_map.parts["channel"].value = "sum"
    assert controls(scan_map)["note"].layout.display == "none"


def test_choices_are_plain_json_and_come_back(session, scan_map):
    controls(scan_map)["scaling"].value = "square root"
    drag(scan_map, handles(scan_map)[1], 0.02)
    scan_map.parts["fourier"].value = True
    controls(scan_map)["colors"].value = "grey"
    plain = json.loads(json.dumps(scan_map.choices))
    other = MapView(session, "sum")
    other.choices = plain
    assert (other.channel, other.fourier) == ("COM magnitude", True)
    assert other.display == scan_map.display
    assert other.display.colors == "grey"
    with pytest.raises(InputError, match="jet"):
        other.choices = plain | {"display": {"colors": "jet"}}


def test_fft_shows_where_the_frequencies_are():
    scan = Axes(Axis(20, 0.2, 0.0, "Å"), Axis(28, 0.3, 0.0, "Å"), Axis(9), Axis(11))
    _, ix = np.mgrid[:20, :28]
    wave = 5 + np.cos(2 * np.pi * 4 / 28 * ix)  # four periods of 2.1 Å across
    session = ScanSession(wave[..., None, None] * np.ones((9, 11)), scan)
    scan_map = MapView(session, "sum")
    scan_map.fourier = True
    figure = scan_map.parts["frequencies"]
    shown = picture(figure)
    assert shown.shape == (20, 28, 4)
    light = shown[..., :3].sum(axis=-1, dtype=int)
    peaks = {(int(y), int(x)) for y, x in np.argwhere(light == light.max())}
    assert peaks == {(10, 14 - 4), (10, 14 + 4)}
    assert figure.axes[0].label == "qx (1/Å)"
    assert scan_map._map.layout.display == "none"
    mouse(scan_map._fourier.raster, "mousedown", x=4 / 28 / 0.3, y=0.0)
    spacing = re.search(r"spacing <b>([\d.]+) Å", scan_map.parts["spacing"].value)[1]
    assert float(spacing) == pytest.approx(2.1, rel=0.03)  # the mouse has whole pixels
    scan_map.fourier = False
    assert picture(scan_map.parts["figure"]).shape == (20, 28, 4)
    assert scan_map._instead.layout.display == "none"


def test_fft_says_what_it_transforms(session):
    scan_map = MapView(session, "COM angle")
    scan_map.fourier = True
    assert "exp(i COM angle) × confidence" in scan_map.parts["spacing"].value
    session.training.start()
    session.training.wait(10)
    scan_map.channel = "angle"
    assert "exp(3i rrVAE angle)" in scan_map.parts["spacing"].value
    scan_map.channel = "classes"
    assert "none" in scan_map._fourier.raster.message


def test_a_scale_bar_has_a_round_length_within_a_third_of_the_map(session):
    scan_map = MapView(session, "sum")
    bar = scan_map.raster.scale_bar
    assert bar.words == "0.5 Å"
    left, right = scan_map.parts["figure"].marks[-4 - 1].x
    assert right - left == pytest.approx(0.5)
    scan_map.channel = "classes"
    assert not bar.marks[0].visible


@pytest.mark.parametrize(("most", "length"), [(1.0, 1.0), (0.6, 0.5), (0.049, 0.02), (420, 200)])
def test_round_lengths(most, length):
    assert round_length(most) == pytest.approx(length)


def test_a_closed_map_looks_no_more(session):
    scan_map = MapView(session, "sum")
    before = picture(scan_map.parts["figure"])
    scan_map.close()
    session.selection.region = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE[:2]) < 5
    np.testing.assert_array_equal(picture(scan_map.parts["figure"]), before)


@pytest.mark.parametrize(("end", "name", "steps"), [(0, "ArrowRight", 1), (1, "ArrowLeft", -1)])
def test_a_handle_walks_with_the_arrow_keys_once_it_is_taken(scan_map, end, name, steps):
    before = handles(scan_map)
    drag(scan_map, before[end], before[end])
    raster = scan_map._controls.histogram.raster
    taken = handles(scan_map)
    for shift, far in ((False, steps), (True, 5 * steps)):
        start, frame = handles(scan_map), raster.frame
        key(raster, name, shift)
        pixel = (frame.right - frame.left) / frame.width
        assert handles(scan_map)[end] - start[end] == pytest.approx(far * pixel)
    assert handles(scan_map)[1 - end] == taken[1 - end]


def test_other_keys_leave_the_handles(scan_map):
    before = handles(scan_map)
    for name in ("ArrowUp", "ArrowDown", "a"):
        key(scan_map._controls.histogram.raster, name)
    assert handles(scan_map) == before


@pytest.mark.parametrize("units", ["mrad", "1/Å", "Å", "px"])
@pytest.mark.parametrize("width", [60, 120, 214, 250])
def test_the_words_of_a_scale_bar_stay_on_the_picture(units, width):
    frame = Frame(-2.74, -2.49, -2.74, -2.44, width, 250)
    bar = ScaleBar(frame, units, frame.scales())
    middle = (bar._words.x[-1] - frame.left) / (frame.right - frame.left) * width
    assert middle - 8 * len(bar.words) / 2 >= 0
    assert middle <= max(width / 2, 12 + width / 6 + 1, 6 + 8.5 * len(bar.words) / 2 + 1)
