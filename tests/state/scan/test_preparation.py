"""The list of steps of a session, its preview, and the training that goes through it."""

import dask.array as da
import numpy as np
import pytest
from scans import AXES, SHAPE, Pacer, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.preparation.placement import Placement
from stemwidgets.signals.conversion import arrays_to_signal
from stemwidgets.state import ScanSession


class Prepared(Pacer):
    """A model that remembers the preparation that it was made with."""

    def __init__(self, preparation=None, **options):
        super().__init__(**options)
        self.preparation = preparation


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, make_model=Prepared)
    yield session
    session.close()


def names(session):
    return [entry.step.name for entry in session.preparation.entries]


def test_steps_can_be_added_moved_switched_off_changed_and_removed(session):
    preparation = session.preparation
    for name, parameters in (("center", {}), ("crop", {"margin": 1.2}), ("bin", {"factor": 1})):
        preparation.add(name, **parameters)
    preparation.move(2, -1)
    assert names(session) == ["center", "bin", "crop"]
    preparation.move(0, -1)
    preparation.move(2, 5)
    assert names(session) == ["center", "bin", "crop"]
    preparation.switch(1, False)
    preparation.change(2, margin=1.4)
    assert preparation.recipe.to_code() == "sw.Preparation().center().crop(margin=1.4)"
    preparation.remove(0)
    preparation.switch(0, True)
    assert preparation.recipe.to_code() == "sw.Preparation().bin(1).crop(margin=1.4)"
    with pytest.raises(InputError, match="no step 'rotate'"):
        preparation.add("rotate")
    with pytest.raises(InputError, match="positive"):
        preparation.change(1, margin=-1.0)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    "steps",
    [
        (("center", {}), ("crop", {"margin": 1.0})),
        (("subtract_mean", {}),),
        (("denoise", {"components": 3}), ("scale", {"by": "std"})),
    ],
)
def test_the_preview_is_the_prepared_pattern_in_its_place(lazy, steps):
    data = da.from_array(turning_spot(), chunks=(2, 3, 9, 15)) if lazy else turning_spot()
    session = ScanSession(data, AXES)
    for name, parameters in steps:
        session.preparation.add(name, **parameters)
    session.wait(20)
    session.position = (2, 4)
    session.wait(20)

    scan, measured = session.preparation.recipe.prepared(turning_spot(), AXES)
    seen = session.preparation.pattern
    assert seen.shape == SHAPE[2:]
    inside = np.isfinite(seen)
    assert inside.sum() == scan.data[0, 0].size
    rows, columns = (np.unique(index) for index in np.nonzero(inside))
    np.testing.assert_allclose(seen[np.ix_(rows, columns)], scan.data[2, 4], rtol=1e-3, atol=0.02)
    if steps[0][0] == "center":
        np.testing.assert_array_equal(seen[inside], turning_spot()[2, 4][inside])
    names_taken = [step.name for step in session.preparation.preview.recipe.steps]
    assert names_taken == [step.name for step in measured.steps]


def test_bins_cover_the_pixels_that_they_add_up():
    recipe = sw.Preparation().crop(radius=(8, 9), center=(8, 9)).bin(2).bin(1)
    data = np.random.default_rng(0).poisson(50, (2, 3, 21, 25)).astype(np.uint16)
    scan, measured = recipe.prepared(data, Axes.uncalibrated(data.shape))

    placement = Placement.of(measured, (21, 25))
    seen, shared = (
        function(scan.data) for function in (placement.on_detector, placement.counts_on_detector)
    )

    assert placement.factor == 2
    for y, x in ((0, 0), (3, 5), (7, 6)):
        window = (slice(2 * y, 2 * y + 2), slice(2 * x, 2 * x + 2))
        total = data[(..., *window)].sum(axis=(-2, -1))
        assert np.all(seen[(..., *window)] == total[..., None, None])
        np.testing.assert_allclose(shared[(..., *window)].sum(axis=(-2, -1)), total)
    assert np.isnan(seen[..., 16:, :]).all()
    assert np.isnan(seen[..., 18:]).all()


def test_a_training_learns_through_the_steps_that_are_taken(session):
    session.training.start()
    session.training.wait(10)
    assert session.model.preparation is None
    session.preparation.add("center")
    session.preparation.add("crop", margin=1.3)
    session.preparation.switch(0, False)
    session.training.start()
    session.training.wait(10)
    assert session.model.preparation == sw.Preparation().crop(margin=1.3).to_json()


def test_a_model_of_prepared_patterns_gives_patterns_on_the_detector(tmp_path):
    counts = np.random.default_rng(0).poisson(turning_spot()).astype(np.uint16)
    signal = arrays_to_signal(counts, AXES, "spot")
    session = sw.Session(signal)
    session.preparation.add("center")
    session.preparation.add("crop", margin=1.0)
    session.training.start(seed=0)
    session.training.wait(60)
    session.wait(20)

    by_hand = sw.RRVAE(seed=0, preparation=session.preparation.recipe.to_json()).fit(signal)

    np.testing.assert_array_equal(session.model.encode(counts).angle, by_hand.encode(counts).angle)
    assert session.reconstruction.shape == session.pattern.shape
    outside = np.isnan(session.preparation.pattern)
    assert outside.any()
    assert np.isnan(session.reconstruction[outside]).all()
    session.model.save(tmp_path / "spot.rrvae")
    loaded = sw.RRVAE.load(tmp_path / "spot.rrvae").lie_on(SHAPE[2:])
    np.testing.assert_array_equal(loaded.decode([0, 0]), session.model.decode([0, 0]))
    session.close()


def test_what_does_not_fit_the_patterns_is_told_in_words(session):
    session.preparation.add("bin", factor=4)
    with pytest.raises(InputError):
        session.preparation.wait(20)
    assert "binning that leaves at least" in session.preparation.problem
    session.preparation.change(0, factor=1)
    session.wait(20)
    assert session.preparation.problem == ""
    session.preparation.remove(0)
    assert session.preparation.pattern is None
    assert session.preparation.status == "idle"
