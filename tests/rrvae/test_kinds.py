"""Every kind of model, behind the same interface."""

import dask.array as da
import numpy as np
import pytest
import torch
from rotated_patterns import harmonic, rotated_patterns
from scans import AXES, turning_spot

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import compare_angles
from stemwidgets.dashboards.rrvae import rrvae_dashboard
from stemwidgets.rrvae import RRVAE, DivergenceError, model_file
from stemwidgets.rrvae.common.notices import TrainingNotice
from stemwidgets.rrvae.paper.training import PaperTraining
from stemwidgets.state import ScanSession

KINDS = {
    "harmonic": {},
    "paper": {"centered": True, "epochs": 4},
    "vae": {"centered": True, "epochs": 4},
}
NETWORKS = ["paper", "vae"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def make(kind):
    return lambda **options: RRVAE(kind=kind, **KINDS[kind], **options)


def same(a, b):
    for name in ("angle", "latent", "confidence", "residual", "angle_std", "symmetry"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_a_tiny_scan_is_learned_encoded_and_decoded(kind, make):
    scan = turning_spot()
    progress = list(make().steps(scan))

    model = make().fit(scan)
    maps = model.encode(scan)

    assert progress[-1].epoch == progress[-1].epochs
    assert progress[-1].remaining == 0
    assert progress[-1].encoding.latent.shape == (4, 6, 2)
    assert maps.angle.shape == maps.residual.shape == (4, 6)
    assert np.isfinite(maps.latent).all()
    assert np.isfinite(maps.residual).all()
    assert np.isfinite(maps.angle).all() == (kind != "vae")
    assert model.turning == (kind != "vae")
    patterns = model.decode(maps.latent, np.nan_to_num(maps.angle))
    assert patterns.shape == scan.shape
    inside = np.isfinite(patterns)
    assert patterns[inside].mean() == pytest.approx(scan[inside].mean(), rel=0.2)


def test_the_same_seed_gives_the_same_maps_and_another_seed_others(make):
    scan = turning_spot()
    first, again, other = (make(seed=seed).fit(scan).encode(scan) for seed in (3, 3, 4))

    same(first, again)
    assert not np.array_equal(first.latent, other.latent)


def test_a_training_that_is_closed_early_leaves_a_usable_model(make):
    model = make()
    steps = model.steps(turning_spot())
    next(steps)
    steps.close()

    assert model.trained
    assert np.isfinite(model.encode(turning_spot()).latent).all()


def test_a_saved_model_tells_its_kind_and_gives_identical_maps(kind, make, tmp_path):
    scan = turning_spot()
    model = make(latent_dim=3).fit(scan)
    model.save(tmp_path / "spot.rrvae")

    loaded = RRVAE.load(tmp_path / "spot.rrvae")

    assert loaded.kind == kind
    assert loaded.options == model.options
    assert repr(loaded) == repr(model)
    assert f"kind='{kind}'" in repr(loaded)
    same(model.encode(scan), loaded.encode(scan))
    np.testing.assert_array_equal(model.decode([0.5, 0.1, 0], 1), loaded.decode([0.5, 0.1, 0], 1))


def test_a_model_saved_when_its_kind_was_called_model_is_read(kind, make, tmp_path, monkeypatch):
    path = tmp_path / "spot.rrvae"
    model = make().fit(turning_spot())
    model.save(path)
    tensors, record = model_file.read(path)
    if kind == "harmonic":
        tensors["grid.kind"] = tensors.pop("grid.class_index")
    record["settings"]["model"] = record["settings"].pop("kind")
    monkeypatch.setattr(model_file, "FORMAT", model_file.WITH_MODEL)
    model_file.write(path, tensors, record)
    monkeypatch.undo()

    loaded = RRVAE.load(path)

    assert repr(loaded) == repr(model)
    same(model.encode(turning_spot()), loaded.encode(turning_spot()))


def test_empty_patterns_masks_pixel_sizes_and_lazy_data_are_taken(make):
    scan = turning_spot()
    scan[2, 3] = 0
    stop = np.zeros((18, 15), dtype=bool)
    stop[8:10, 7] = True
    lazy = da.from_array(scan, chunks=(2, 3, 18, 15))

    model = make().fit(lazy, pixel_size=(0.05, 0.04), mask=stop)
    maps = model.encode(lazy)

    assert model.used_pixels.pixel_size == (0.05, 0.04)
    assert model.used_pixels.mask[8:10, 7].all()
    assert np.isnan(maps.latent[2, 3]).all()
    assert np.isfinite(np.delete(maps.latent.reshape(24, 2), 15, axis=0)).all()


def test_nothing_to_encode_gives_maps_of_nothing(make):
    model = make().fit(turning_spot())

    maps = model.encode(np.zeros((3, 18, 15), dtype=np.uint16))

    assert np.isnan(maps.angle).all()
    assert maps.latent.shape == (3, 2)


def test_patterns_that_are_alike_teach_nothing(make):
    alike = np.repeat(turning_spot()[:1, :1].reshape(1, 18, 15), 20, axis=0)

    with pytest.raises(InputError, match="alike"):
        make().fit(alike)


@pytest.mark.slow
def test_the_network_of_the_paper_finds_the_angle():
    truth = rotated_patterns(harmonic, n=300, dose=2e4, seed=1, size=33)

    encoding = (
        RRVAE(kind="paper", centered=True, epochs=90).fit(truth.patterns).encode(truth.patterns)
    )

    comparison = compare_angles(encoding.angle, truth.angle)
    assert comparison.handedness == 1
    assert comparison.median_difference < np.radians(8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 20}, 'no epochs for kind="harmonic".*chooses the length.*"paper"'),
        ({"centered": True}, 'no centered for kind="harmonic"'),
        ({"kind": "paper", "classes": 3}, 'no classes for kind="paper".*"harmonic"'),
        ({"kind": "vae", "epochs": 0}, "epochs between 1 and"),
        ({"kind": "vae", "epochs": 2.5}, "epochs to be a whole number"),
        ({"kind": "paper", "centered": "yes"}, "centered to be True or False"),
    ],
)
def test_options_of_no_use_are_refused_with_advice(options, words):
    with pytest.raises(InputError, match=words):
        RRVAE(**options)


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_learn_from_as_many_patterns_as_fit(kind, monkeypatch):
    needed = []

    def room(bytes_needed, free):
        needed.append((bytes_needed, free))
        return 0.5

    monkeypatch.setattr("stemwidgets.rrvae.paper.run.share_that_fits", room)
    scan = np.concatenate([turning_spot()] * 3)
    with pytest.warns(TrainingNotice, match="one in 2 is learned from"):
        maps = RRVAE(kind=kind, epochs=2).fit(scan).encode(scan)
    assert np.isfinite(maps.residual).all()
    assert needed[0][0] <= 4 * scan.size


@pytest.fixture
def poison(kind, monkeypatch):
    """Make the training of a kind go wrong after some good steps."""

    def harmonic_goes_wrong(monkeypatch):
        from stemwidgets.rrvae.harmonic.manifold import Manifold

        fitted, calls = Manifold.fitted, []

        def wrong(self, *arguments, **keywords):
            calls.append(0)
            manifold = fitted(self, *arguments, **keywords)
            if len(calls) > 10:
                manifold.weights.fill_(torch.nan)
            return manifold

        monkeypatch.setattr(Manifold, "fitted", wrong)

    def network_goes_wrong(monkeypatch):
        step, calls = PaperTraining._step, []

        def wrong(self, rows):
            calls.append(0)
            return step(self, rows) * (torch.nan if len(calls) > 5 else 1.0)

        monkeypatch.setattr("stemwidgets.rrvae.paper.training.SECONDS_PER_STEP", 0.0)
        monkeypatch.setattr(PaperTraining, "_step", wrong)

    (harmonic_goes_wrong if kind == "harmonic" else network_goes_wrong)(monkeypatch)


@pytest.mark.usefixtures("poison")
def test_a_training_that_diverges_goes_back_to_its_last_good_moment(make):
    model, seen = make(), []

    with pytest.raises(DivergenceError, match=r"finite\. The model is kept as it was in"):
        seen.extend(model.steps(turning_spot()))

    assert model.trained
    assert np.isfinite([step.loss for step in seen]).all()
    maps = model.encode(turning_spot())
    assert np.isfinite(maps.latent).all()
    assert np.isfinite(maps.residual).all()


@pytest.mark.usefixtures("poison")
def test_the_desk_tells_of_a_training_that_diverged_and_keeps_the_model(kind):
    session = ScanSession(turning_spot(), AXES)
    session.training.start(kind=kind, **KINDS[kind])
    with pytest.raises(DivergenceError):
        session.training.wait(60)
    session.wait(10)

    assert session.training.status == "failed"
    assert session.problem.startswith("The training went wrong in epoch")
    assert session.model.trained
    assert np.isfinite(session.channels["z1"].values).all()
    assert session.reconstruction is not None
    session.close()


def test_weights_that_go_wrong_are_put_back_and_training_can_go_on(monkeypatch):
    monkeypatch.setattr("stemwidgets.rrvae.paper.training.SECONDS_PER_STEP", 0.0)
    patterns = torch.from_numpy(turning_spot().reshape(24, -1))
    y, x = (grid.ravel() - 8.0 for grid in np.indices((18, 15)))
    from stemwidgets.rrvae.paper.settings import PaperSettings

    run = PaperTraining.create(patterns, (y, x), 2, 0, PaperSettings(centered=True, epochs=5))
    steps = run.steps()
    good = next(steps)
    with torch.no_grad():
        run.network.parameters[0].fill_(torch.inf)
    with pytest.raises(DivergenceError):
        next(steps)

    assert run.last is good
    assert list(run.steps())[-1].fraction == 1
    assert all(tensor.isfinite().all() for tensor in run.network.parameters)


def test_the_dashboard_trains_every_kind(kind):
    page = rrvae_dashboard(ScanSession(turning_spot(), AXES))
    panel = page.parts["train"].parts
    panel["kind"].value = kind
    shown = [panel[name].layout.display is None for name in ("centered", "epochs")]
    assert shown == [kind != "harmonic"] * 2
    panel["epochs"].value = 4
    panel["train"].click()
    page.session.training.wait(60)
    page.session.wait(10)

    assert page.session.problem == ""
    assert page.session.model.kind == kind
    assert page.session.reconstruction.shape == (18, 15)
    assert {"angle", "z1", "z2", "residual"} <= set(page.session.channels)
    line, table = page.parts["comparison"].value, page.parts["readout"].parts["table"].value
    if kind == "vae":
        assert "no angle: the model does not turn" in line
        assert "undefined" in table
        for name in page.session.channels:
            page.parts["angle"].channel = name
    else:
        assert "circular correlation" in line
        assert "°" in table
    page.session.close()
