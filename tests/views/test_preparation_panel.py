"""The panel on which a preparation is put together, without a browser."""

import io

import numpy as np
import pytest
from PIL import Image
from scans import AXES, Pacer, turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.preparation.mask_text import from_rectangles, from_words
from stemwidgets.state import ScanSession
from stemwidgets.views.preparation_panel import PreparationPanel


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    yield session
    session.close()


@pytest.fixture
def panel(session):
    return PreparationPanel(session)


def add(panel, *names):
    for name in names:
        panel.parts["step"].value = name
        panel.parts["add"].click()
    panel.session.wait(20)


def picture(figure):
    return np.asarray(Image.open(io.BytesIO(figure.marks[0].image.value)).convert("RGB"), int)


def code(session):
    return session.preparation.recipe.to_code()


def test_steps_are_put_together_as_a_list_and_printed_as_python(session, panel):
    add(panel, "center", "crop", "denoise")
    assert len(panel.parts["list"].children) == 3
    panel.parts["parameter 3"].value = 4
    panel.parts["parameter 2"].value = 1.3
    panel.parts["up 3"].click()
    panel.parts["on 1"].value = False
    expected = "sw.Preparation().denoise(4).crop(margin=1.3)"
    assert code(session) == expected
    assert expected in panel.parts["code"].value
    panel.parts["down 1"].click()
    panel.parts["remove 3"].click()
    assert [panel.parts[f"on {n}"].value for n in (1, 2)] == [True, False]
    assert "on 3" not in panel.parts
    panel.parts["on 2"].value = True
    assert code(session) == "sw.Preparation().denoise(4).center()"


def test_moving_ends_at_the_ends_of_the_list(panel):
    add(panel, "center", "crop")
    assert panel.parts["up 1"].disabled
    assert not panel.parts["down 1"].disabled
    assert panel.parts["down 2"].disabled


def test_the_pattern_at_the_position_is_shown_before_and_after(session, panel):
    assert panel._after.message == "no step is taken"
    add(panel, "crop")
    panel.parts["parameter 1"].value = 0.9
    session.wait(20)
    before, after = (picture(panel.parts[name]) for name in ("before", "after"))
    kept = np.isfinite(session.preparation.pattern)
    assert 0 < kept.mean() < 1
    assert len(np.unique(after[~kept], axis=0)) == 1
    assert np.abs(after - before)[kept].max() < 20  # each has its own brightest pixel

    session.position = (3, 4)
    session.wait(20)
    assert np.any(picture(panel.parts["after"])[kept] != after[kept])
    panel.parts["on 1"].value = False
    assert panel._after.message == "no step is taken"


def test_steps_that_spoil_the_com_say_so(panel):
    add(panel, "center", "scale")
    assert "spoils" not in panel.parts["status"].value
    panel.parts["parameter 2"].value = "range"
    assert "“scale” spoils the COM" in panel.parts["status"].value
    panel.parts["on 2"].value = False
    add(panel, "subtract_mean")
    assert "“subtract the mean” spoils the COM" in panel.parts["status"].value
    panel.parts["remove 3"].click()
    assert "spoils" not in panel.parts["status"].value


def test_a_step_that_does_not_fit_is_told_in_words(session, panel):
    add(panel, "bin")
    panel.parts["parameter 1"].value = 4
    session.wait(20)
    assert "binning that leaves at least" in panel.parts["status"].value
    panel.parts["parameter 1"].value = 1
    session.wait(20)
    assert "Patterns of 18 × 15 pixels" in panel.parts["status"].value


def test_pixels_are_left_out_by_rows_and_columns_before_other_steps(session, panel):
    add(panel, "bin", "mask")
    height, width = session.scan.shape[2:]
    assert [entry.step.name for entry in session.preparation.entries] == ["mask", "bin"]
    field = panel.parts["parameter 1"]
    field.value = "rows 2-3, columns 0-4; column 7"
    session.wait(20)
    expected = np.zeros((height, width), bool)
    expected[2:4, :5] = expected[:, 7] = True
    np.testing.assert_array_equal(from_words(session.preparation.entries[0].step.pixels), expected)
    assert field.value == "rows 2-3, columns 0-4; column 7"
    assert "mask" in code(session)
    field.value = "rows 2-999, columns 0-4"
    session.wait(20)
    assert "rows 2-999, columns 0-4" in panel.parts["status"].value
    np.testing.assert_array_equal(from_words(session.preparation.entries[0].step.pixels), expected)


def test_a_mask_made_in_code_is_shown_in_its_own_words(session, panel):
    mask = np.zeros(session.scan.shape[2:], bool)
    mask[1, 2:5] = True
    session.preparation.add("mask", pixels=mask)
    session.wait(20)
    words = session.preparation.entries[0].step.pixels
    assert panel.parts["parameter 1"].value == words
    panel.parts["on 1"].value = False
    panel.parts["on 1"].value = True
    session.wait(20)
    assert session.preparation.entries[0].step.pixels == words


@pytest.mark.parametrize(
    "text",
    ["row", "2-3", "rows 5-2", "rows 0-3 columns", "rows 3; nonsense", "rows 2-20", "columns 22"],
)
def test_pixels_that_cannot_be_are_refused_with_an_example(text):
    with pytest.raises(InputError, match="Expected pixels"):
        from_rectangles(text, (20, 22))


def test_steps_made_in_code_appear_on_the_panel(session, panel):
    session.preparation.add("scale", by=3.0)
    session.preparation.add("mask", pixels="18x15: 3-5 40")
    assert panel.parts["on 1"].description == "scale by 3"
    assert panel.parts["on 2"].description == "leave out pixels"
    panel.parts["remove 1"].click()
    assert code(session) == "sw.Preparation().mask('18x15: 3-5 40')"


def test_an_unknown_keyword_is_refused(session):
    with pytest.raises(InputError, match="colour_map"):
        PreparationPanel(session, colour_map="jet")
