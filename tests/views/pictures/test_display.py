import json
from dataclasses import asdict

import numpy as np
import pytest

from stemwidgets.arrays.errors import InputError
from stemwidgets.state import Channel
from stemwidgets.views.pictures import colors
from stemwidgets.views.pictures.display import SCALINGS, Display
from stemwidgets.views.pictures.painting import paint

RAMP = np.linspace(0, 8, 5 * 7, dtype=np.float32).reshape(5, 7)


def lightness(picture):
    """Of sRGB pixels, between 0 and 1, as OKLab has it."""
    rgb = picture[..., :3] / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lms = linear @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    return np.cbrt(lms) @ [0.2104542553, 0.7936177850, -0.0040720468]


def color_of(value, channel, display):
    """The colour that a value between those of a channel gets."""
    picture, _ = paint(channel, display)
    index = np.argmin(np.abs(channel.values - value))
    return picture.reshape(-1, 4)[index]


def test_a_display_is_plain_json_and_comes_back():
    display = Display("power", 0.3, limits=(-2.0, 5.5), colors="cividis")
    plain = json.loads(json.dumps(asdict(display)))
    assert Display(**plain) == display
    assert Display(**json.loads(json.dumps(asdict(Display())))) == Display()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scaling": "cubic"}, "linear, square root"),
        ({"colors": "jet"}, "viridis"),
        ({"exponent": 0.0}, "between 0.1 and 10"),
        ({"limits": (3, 1)}, "lower one first"),
        ({"limits": (0, np.nan)}, "two numbers"),
        ({"limits": 4}, "two numbers"),
        ({"percentiles": (-1, 50)}, "between 0 and 100"),
    ],
)
def test_a_display_that_cannot_be_is_refused(wrong, said):
    with pytest.raises(InputError, match=said):
        Display(**wrong)


@pytest.mark.parametrize(
    ("scaling", "middle"),
    [
        ("linear", 4.0),
        ("square root", 2.0),
        ("power", 8 * 0.5 ** (1 / 0.3)),
        ("logarithmic", 0.245),
    ],
)
def test_a_scaling_puts_the_middle_colour_where_it_says(scaling, middle):
    values = np.linspace(0, 8, 40_000, dtype=np.float32).reshape(200, 200)
    channel = Channel("sum", values, "counts")
    display = Display(scaling, exponent=0.3, limits=(0, 8))
    np.testing.assert_array_equal(
        color_of(middle, channel, display)[:3], np.rint(255 * colors.SEQUENTIAL[128])
    )


@pytest.mark.parametrize("scaling", SCALINGS)
def test_every_scaling_keeps_the_ends_and_the_order(scaling):
    display = Display(scaling, colors="grey", limits=(0, 8))
    painted, _ = paint(Channel("sum", RAMP, "counts"), display)
    shades = painted[..., 0].ravel().astype(int)
    assert (np.diff(shades) >= 0).all()
    assert shades[-1] == 255
    assert shades[0] < 12


def test_percentiles_leave_out_what_stands_out():
    values = RAMP.copy()
    values[2, 3] = 1e6
    channel = Channel("sum", values, "counts")
    calm, _ = paint(channel, Display(percentiles=(2, 96)))
    wild, _ = paint(channel, Display(percentiles=(0, 100)))
    assert len(np.unique(calm.reshape(-1, 4), axis=0)) > 30
    assert len(np.unique(wild.reshape(-1, 4), axis=0)) == 2


def test_signed_values_keep_white_at_zero_whatever_the_limits():
    values = np.array([[-3, 0, 1], [2, 6, np.nan]], dtype=np.float32)
    channel = Channel("COM x", values, "1/Å", "signed")
    for scaling in SCALINGS:
        painted, legend = paint(channel, Display(scaling, limits=(-1, 4)))
        np.testing.assert_array_equal(painted[0, 1], paint(channel)[0][0, 1])
        assert painted[0, 1, :3].min() > 230
        np.testing.assert_array_equal(painted[1, 2, :3], colors.GREY)
        assert "−4" in legend


def test_the_legend_says_the_middle_value_and_the_scaling():
    _, legend = paint(Channel("sum", RAMP, "counts"), Display("square root", limits=(0, 8)))
    assert ">0.0<" in legend
    assert ">2.00<" in legend
    assert ">8.0<" in legend
    assert "counts, square root" in legend


@pytest.mark.parametrize("kind", ["angle", "category"])
def test_directions_and_classes_keep_their_colours(kind):
    channel = Channel("angle", RAMP % 3, "rad", kind)
    np.testing.assert_array_equal(paint(channel, Display(colors="grey"))[0], paint(channel)[0])


@pytest.mark.parametrize("name", ["viridis", "inferno", "cividis", "grey"])
def test_colours_of_a_sequence_grow_lighter_evenly(name):
    painted = colors.looked_up(np.linspace(0, 1, 65), (0, 1), colors.TABLES[name])
    steps = np.diff(lightness(painted))
    assert steps.min() > 0
    steps = steps[4:]  # OKLab tells the darkest apart better than eyes and bytes
    assert steps.max() < 2 * steps.mean()
