"""Damaged preparations and calibrations: they are applied, or refused in words."""

import json
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scans import AXES, turning_spot

import stemwidgets as sw
from fuzz.harness import CASES, Fuzz, mutated
from fuzz.tampering import tampered
from stemwidgets.arrays.preparation.recipe import FORMAT, STEPS
from stemwidgets.signals.calibration.record import Calibration
from stemwidgets.signals.conversion import arrays_to_signal

MASK = np.zeros((18, 15), dtype=bool)
MASK[3:5, 4:9] = True

RECIPES = [
    sw.Preparation(),
    sw.Preparation().center().crop(margin=1.2).bin(1).denoise(3),
    sw.Preparation().center((8.0, 7.0)).crop(radius=(6.0, 5.5), center=(8.0, 7.0)),
    sw.Preparation().mask(MASK).scale("dose").denoise(2, "poisson"),
    sw.Preparation().subtract_mean().scale(2.5).scale("std"),
    sw.Preparation().scale("range").crop(5),
]

numbers = st.one_of(st.integers(), st.floats(), st.integers(-3, 20))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=12)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
near = st.one_of(values, st.tuples(numbers, numbers), st.sampled_from(["dose", "18x15: 3-9"]))
names = ["position", "radius", "margin", "center", "factor", "pixels", "by", "components"]
steps = st.builds(
    lambda name, given: {"step": name, **given},
    st.sampled_from(list(STEPS)) | values,
    st.dictionaries(st.sampled_from([*names, "weighting", "other"]), near, max_size=2),
)
sizes = st.floats(0.1, 30, allow_nan=False)
sound = st.one_of(
    st.just({"step": "subtract_mean"}),
    st.builds(lambda by: {"step": "scale", "by": by}, sizes | st.sampled_from(["std", "range"])),
    st.builds(lambda at: {"step": "center", "position": at}, st.none() | st.tuples(sizes, sizes)),
    st.builds(lambda radius: {"step": "crop", "radius": radius}, sizes),
    st.builds(lambda margin: {"step": "crop", "margin": margin}, sizes),
    st.builds(lambda factor: {"step": "bin", "factor": factor}, st.integers(1, 3)),
    st.builds(lambda n: {"step": "denoise", "components": n}, st.integers(1, 400)),
    st.just({"step": "mask", "pixels": "18x15: 3-9"}),
)
records = st.one_of(
    values,
    st.builds(lambda steps: {"format": FORMAT, "steps": steps}, st.lists(steps, max_size=3)),
    st.builds(lambda steps: {"format": FORMAT, "steps": steps}, st.lists(sound, max_size=4)),
    st.builds(lambda steps: {"format": FORMAT, "steps": steps}, st.lists(sound | steps | values)),
)


@pytest.fixture(scope="module")
def scan():
    return turning_spot()


def apply(text, scan) -> None:
    preparation = sw.Preparation.from_json(text)
    again = sw.Preparation.from_json(preparation.to_json())
    assert again.to_json() == preparation.to_json()
    repr(preparation)
    prepared = preparation.apply(scan)
    assert prepared.shape[:2] == scan.shape[:2]


@pytest.mark.parametrize("preparation", RECIPES, ids=repr)
def test_whole_preparations_are_applied(preparation, scan):
    apply(preparation.to_json(), scan)


def test_damaged_preparations_are_applied_or_refused(scan):
    fuzz, chance = Fuzz("preparations, mutated"), random.Random(11)
    for number in range(CASES):
        text = chance.choice(RECIPES).to_json()
        if chance.random() < 0.5:
            text = mutated(text.encode(), chance).decode("utf-8", "replace")
        else:
            text = json.dumps(tampered(json.loads(text), chance))
        fuzz.case(f"{number} {text[:150]}", lambda text=text: apply(text, scan))
    fuzz.report()


def test_invented_preparations_are_applied_or_refused(scan):
    fuzz = Fuzz("preparations, invented")

    @settings(
        max_examples=CASES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(records)
    def invented(record):
        text = json.dumps(record)
        fuzz.case(text[:150], lambda: apply(text, scan))

    invented()
    fuzz.report()


@pytest.fixture(scope="module")
def calibration():
    return sw.calibrate(sw.samples.graphene())


def use(text, signal) -> None:
    calibration = Calibration.from_json(text)
    str(calibration)
    again = Calibration.from_json(calibration.to_json())
    assert str(again) == str(calibration)
    calibration.apply(signal)


def test_damaged_calibrations_are_applied_or_refused(calibration):
    fuzz, chance = Fuzz("calibrations"), random.Random(13)
    signal = sw.samples.graphene()
    whole = calibration.to_json()
    for number in range(CASES):
        if chance.random() < 0.4:
            text = mutated(whole.encode(), chance).decode("utf-8", "replace")
        else:
            text = json.dumps(tampered(json.loads(whole), chance))
        fuzz.case(f"{number} {text[:0]}", lambda text=text: use(text, signal))
    fuzz.report()


def test_a_file_that_is_no_text_is_no_calibration(tmp_path):
    (tmp_path / "record.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(sw.InputError):
        Calibration.load(tmp_path / "record.json")


def test_a_preparation_in_the_metadata_of_a_scan_is_not_believed():
    signal = arrays_to_signal(turning_spot(), AXES, "spot")
    signal.metadata.set_item("Preparation.recipe", "[" * 100_000)
    with pytest.raises(sw.InputError, match="preparation"):
        sw.Preparation().apply(signal)


@pytest.mark.parametrize(
    "pixels",
    ["999999x999999:", "9" * 5000 + "x3:", "18x15: 3-99999999999", [[True], [True, False]]],
)
def test_masks_larger_than_a_detector_are_refused(pixels):
    with pytest.raises(sw.InputError, match=r"masked pixels|mask of bool"):
        sw.Preparation().mask(pixels)
