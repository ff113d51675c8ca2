"""A preparation does what it says, prints what it does, and does it again."""

import json
from itertools import pairwise

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.conversion import arrays_to_signal, signal_to_arrays

SHAPE = (4, 5, 34, 29)
CENTER, RADIUS = (18.3, 12.8), 7.0  # RADIUS along kx
AXES = Axes(
    Axis(4, 0.2, 0.0, "Å"),
    Axis(5, 0.3, 1.0, "Å"),
    Axis(34, 0.04, 0.0, "1/Å"),
    Axis(29, 0.05, 0.0, "1/Å"),
)
STOP = np.zeros(SHAPE[2:], dtype=bool)
STOP[16:18, :9] = True


def counts(seed=0):
    """Discs off the middle of a detector with pixels that are not square."""
    ky, kx = np.mgrid[: SHAPE[2], : SHAPE[3]]
    distance = np.hypot((ky - CENTER[0]) * 0.8, kx - CENTER[1])
    disc = 1 / (1 + np.exp(3 * (distance - RADIUS)))
    tilt = np.linspace(-0.3, 0.3, 5)[:, None, None] * (kx - CENTER[1]) / RADIUS
    expected = 40 * disc * (1 + tilt) + 0.2
    return np.random.default_rng(seed).poisson(expected, SHAPE).astype(np.uint16)


def signal(lazy=False):
    data = counts()
    made = arrays_to_signal(da.from_array(data, (3, 2, 20, 29)) if lazy else data, AXES, "discs")
    made.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 60.0)
    return made


RECIPES = [
    sw.Preparation(),
    sw.Preparation().center(),
    sw.Preparation().center((18.25, 12.5)).crop(radius=9),
    sw.Preparation().center().crop(margin=1.3).bin(2),
    sw.Preparation().mask(STOP).crop().scale("dose"),
    sw.Preparation().crop(radius=(10.0, 9)).subtract_mean().scale("std"),
    sw.Preparation().scale("range"),
    sw.Preparation().bin(3).scale(12.5),
    sw.Preparation().mask(STOP).center().crop(radius=8.5).denoise(3, weighting="poisson"),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_printed_preparations_are_the_same_again(recipe):
    source = signal()

    from_code = eval(recipe.to_code(), {"sw": sw})
    from_json = sw.Preparation.from_json(recipe.to_json())

    assert from_code == from_json == recipe
    assert str(recipe) == recipe.to_code()
    expected = recipe.apply(source)
    for again in (from_code, from_json, recipe.measured(source)):
        got = again.apply(source)
        np.testing.assert_array_equal(got.data, expected.data)
        assert signal_to_arrays(got)[1] == signal_to_arrays(expected)[1]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_lazy_scans_give_the_same_patterns_and_stay_lazy(recipe):
    eager, lazy = recipe.apply(signal()), recipe.apply(signal(lazy=True))

    assert lazy._lazy
    assert not eager._lazy
    assert lazy.data.dtype == eager.data.dtype
    assert signal_to_arrays(lazy)[1] == signal_to_arrays(eager)[1]
    if "denoise" in str(recipe):
        np.testing.assert_allclose(lazy.data.compute(), eager.data, atol=1e-3)
    else:
        np.testing.assert_array_equal(lazy.data.compute(), eager.data)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 34), st.integers(1, 29))
def test_any_chunking_gives_the_same_counts(rows, columns, height, width):
    recipe = sw.Preparation().mask(STOP).center().crop().bin(2).subtract_mean()
    data = counts()

    lazy = recipe.apply(da.from_array(data, chunks=(rows, columns, height, width)))

    np.testing.assert_array_equal(lazy.compute(), recipe.apply(data))


def test_signals_keep_their_microscope_and_record_what_was_done():
    once = sw.Preparation().center().crop().apply(signal())
    twice = sw.Preparation().bin(2).apply(once)

    assert twice.metadata.Acquisition_instrument.TEM.beam_energy == 60.0
    assert twice.metadata.General.title == "discs"
    record = twice.metadata.Preparation.recipe
    assert [entry["step"] for entry in json.loads(record)["steps"]] == ["center", "crop", "bin"]
    again = sw.Preparation.from_json(record).apply(signal())
    np.testing.assert_array_equal(again.data, twice.data)


def test_center_moves_the_zero_and_not_the_patterns():
    centered = sw.Preparation().center().apply(signal())

    np.testing.assert_array_equal(centered.data, counts())
    axes = signal_to_arrays(centered)[1]
    assert -axes.ky.offset / axes.ky.scale == pytest.approx(CENTER[0], abs=0.1)
    assert -axes.kx.offset / axes.kx.scale == pytest.approx(CENTER[1], abs=0.1)


def test_crop_keeps_the_disc_in_an_odd_window_about_the_optic_axis():
    cropped = sw.Preparation().center().crop().apply(signal())

    axes = signal_to_arrays(cropped)[1]
    assert axes.kx.size % 2 == axes.ky.size % 2 == 1
    assert axes.kx.size == pytest.approx(2 * 1.1 * RADIUS + 1, abs=1.5)
    assert axes.ky.size == pytest.approx(2 * 1.1 * RADIUS / 0.8 + 1, abs=1.5)
    assert abs(axes.ky.coordinate(axes.ky.size // 2)) <= 0.5 * axes.ky.scale
    assert abs(axes.kx.coordinate(axes.kx.size // 2)) <= 0.5 * axes.kx.scale


def test_binning_keeps_counts_and_coordinates():
    data = np.full((2, 3, 20, 24), 250, dtype=np.uint8)
    binned = sw.Preparation().bin(2).apply(arrays_to_signal(data, AXES_OF_BYTES))

    assert binned.data.dtype == np.uint32
    assert (binned.data == 1000).all()
    axes = signal_to_arrays(binned)[1]
    assert axes.kx.coordinate(0) == pytest.approx(0.5 * AXES_OF_BYTES.kx.scale)
    assert axes.kx.coordinate(11) == pytest.approx(22.5 * AXES_OF_BYTES.kx.scale)


AXES_OF_BYTES = Axes(Axis(2), Axis(3), Axis(20, 0.1, 0.0, "1/Å"), Axis(24, 0.2, 0.0, "1/Å"))


def test_masked_pixels_are_0_whatever_they_held():
    data = counts().astype(np.float32)
    prepared = sw.Preparation().mask(STOP).apply(np.where(STOP, np.nan, data))

    np.testing.assert_array_equal(prepared, np.where(STOP, 0, data))
    masked = np.ma.masked_array(data, np.broadcast_to(STOP, SHAPE))
    np.testing.assert_array_equal(sw.Preparation().bin(1).apply(masked), prepared)


def test_masks_follow_the_pixels_that_they_cover():
    recipe = sw.Preparation().mask(STOP).crop(radius=(9, 8), center=(18, 12)).bin(2)

    scan, _ = recipe.prepared(counts(), AXES)

    covered = np.zeros((9, 8), dtype=bool)
    covered[3:5, :2] = True  # rows 16 and 17, columns 4 to 8, of a window from 9 and 4
    covered[3:5, 2] = True
    np.testing.assert_array_equal(scan.mask, covered)


def test_mask_in_words_names_runs_of_pixels():
    assert sw.Preparation().mask(STOP).to_code() == (
        'sw.Preparation().mask("34x29: 464-472 493-501")'.replace('"', "'")
    )


@pytest.mark.parametrize(
    ("recipe", "spoilers"),
    [
        (sw.Preparation().center().crop().bin(2).denoise(3), ()),
        (sw.Preparation().scale("dose").scale("std").scale(2), ()),
        (sw.Preparation().subtract_mean().scale("range"), ("subtract_mean", "scale")),
    ],
)
def test_preparation_knows_what_spoils_the_com(recipe, spoilers):
    assert recipe.spoils_com == spoilers


@pytest.mark.parametrize("by", ["dose", "std", 7.0])
def test_scales_that_do_not_spoil_the_com_leave_it_where_it_is(by):
    scaled = sw.Preparation().scale(by).apply(counts())

    np.testing.assert_allclose(center_of_mass(scaled), center_of_mass(counts()), atol=1e-4)


def test_a_spoilt_com_is_wrong():
    spoilt = sw.Preparation().subtract_mean().scale("range").apply(counts())

    kx = center_of_mass(counts())[..., 1]
    wrong = center_of_mass(spoilt)[..., 1]
    assert np.ptp(wrong) < 0.7 * np.ptp(kx)


def test_scales_do_what_they_say():
    data = counts().astype(np.float32)
    data[1, 2] = 0

    by_dose = sw.Preparation().scale("dose").apply(data).sum(axis=(2, 3))
    assert by_dose[1, 2] == 0
    np.testing.assert_allclose(np.delete(by_dose.ravel(), 7), 1, rtol=1e-5)
    assert sw.Preparation().scale("std").apply(data).std() == pytest.approx(1, rel=1e-4)
    whole = sw.Preparation().scale("range").apply(data)
    assert (whole.min(), whole.max()) == (0, 1)
    np.testing.assert_allclose(
        sw.Preparation().subtract_mean().apply(data).mean(axis=(0, 1)), 0, atol=1e-5
    )


def test_denoising_is_that_of_the_pca():
    denoised = sw.Preparation().denoise(2).apply(signal())

    np.testing.assert_array_equal(denoised.data, sw.pca(signal(), 2).denoised(2).data)


def test_measured_preparations_treat_another_scan_alike():
    measured = sw.Preparation().center().crop().bin(2).scale("std").measured(signal())
    shifted = np.roll(counts(1), 3, axis=-1)

    prepared = measured.apply(shifted)

    assert prepared.shape == measured.apply(counts()).shape
    own = sw.Preparation().center().crop().measured(shifted)
    assert own.steps[0].position[1] == pytest.approx(CENTER[1] + 3, abs=0.1)
    assert measured.steps[0].position[1] == pytest.approx(CENTER[1], abs=0.1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.center((1, np.nan)), r"position \(ky, kx\)"),
        (lambda p: p.center(3), r"position \(ky, kx\)"),
        (lambda p: p.crop(radius=-1), "radius to be a positive number, got -1"),
        (lambda p: p.crop(radius=(3, 0)), "radius to be positive"),
        (lambda p: p.crop(radius=9, margin=2), "got both"),
        (lambda p: p.crop(margin="wide"), "margin to be a positive number"),
        (lambda p: p.bin(0), "whole number from 1"),
        (lambda p: p.bin(1.5), "whole number from 1"),
        (lambda p: p.mask(np.ones((4, 4))), "mask of bool"),
        (lambda p: p.mask("18x15 12"), "rows x columns"),
        (lambda p: p.mask("18x15: 300"), "18×15"),
        (lambda p: p.scale("max"), '"range", "std", "dose"'),
        (lambda p: p.scale(0), "positive number, got 0"),
        (lambda p: p.scale(None), "positive number, got None"),
        (lambda p: p.denoise(0), "whole number from 1"),
        (lambda p: p.denoise(3, "gauss"), '"none" or "poisson"'),
        (lambda p: type(p)(("center",)), "tuple of steps"),
    ],
)
def test_wrong_parameters_are_refused_at_once(make, words):
    with pytest.raises(InputError, match=words):
        make(sw.Preparation())


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (sw.Preparation().center((40, 3)), "ky from 0 to 33, got 40"),
        (sw.Preparation().crop(center=(18, 30), radius=9), "kx from 0 to 28, got 30"),
        (sw.Preparation().crop(radius=2), "at least 8 pixels along"),
        (sw.Preparation().bin(4), "leaves at least 8×8 pixels, got 4 for patterns of 34×29"),
        (sw.Preparation().mask("29x34: 3"), r"pattern's shape \(34, 29\)"),
        (sw.Preparation().denoise(20), "between 1 and 19 components"),
    ],
)
def test_steps_that_do_not_fit_the_patterns_are_refused(recipe, words):
    with pytest.raises(InputError, match=words):
        recipe.apply(counts())


def test_patterns_that_cannot_be_measured_are_refused():
    spoilt = counts().astype(float)
    spoilt[1, 2, 3, 4] = np.nan
    for recipe in (sw.Preparation().crop(), sw.Preparation().scale("range")):
        with pytest.raises(InputError, match="NaN or infinite pixels in 1 pattern"):
            recipe.apply(spoilt)
    for by in ("range", "std"):
        with pytest.raises(InputError, match="all pixels are alike"):
            sw.Preparation().scale(by).apply(np.ones(SHAPE))


def entry(step, **parameters):
    return json.dumps(
        {"format": "stemwidgets preparation 1", "steps": [{"step": step, **parameters}]}
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("crop", "as JSON"),
        ("[]", "with the format"),
        ('{"format": "other"}', "with the format"),
        ('{"format": "stemwidgets preparation 1", "steps": {}}', "list of steps"),
        ('{"format": "stemwidgets preparation 1", "steps": ["crop"]}', "Expected a step as"),
        (entry("cropp"), "no step 'cropp'.*Did you mean 'crop'"),
        (entry("crop", diameter=3), "no 'diameter'; it has center, margin, radius"),
        (entry("bin"), "lacks a parameter"),
        (entry("bin", factor="2"), "whole number from 1"),
        (entry("mask", pixels=[1, 2]), "mask of bool"),
        (entry("mask", pixels=None), "mask of bool"),
    ],
)
def test_damaged_records_are_refused(text, words):
    with pytest.raises(InputError, match=words):
        sw.Preparation.from_json(text)


def test_preparations_do_not_change():
    first = sw.Preparation().center()
    longer = first.crop()

    assert len(first.steps) == 1
    assert len(longer.steps) == 2
    with pytest.raises(AttributeError):
        first.steps = ()


def test_long_preparations_print_one_step_on_a_line():
    code = sw.Preparation().mask(STOP).center().crop(margin=1.25).bin(2).denoise(13).to_code()

    lines = code.splitlines()
    assert lines[0] == "("
    assert len(lines) == 8
    assert all(a != b for a, b in pairwise(lines))
