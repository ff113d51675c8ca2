"""The rrVAE learns from prepared patterns, and prepares what it encodes in the same way."""

import dask.array as da
import numpy as np
import pytest
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.signals.conversion import arrays_to_signal

STOP = np.zeros((18, 15), dtype=bool)
STOP[7:9, :3] = True


def scan(seed=0):
    return np.random.default_rng(seed).poisson(turning_spot()).astype(np.uint16)


def signal(seed=0):
    return arrays_to_signal(scan(seed), AXES, "spot")


def recipe():
    return sw.Preparation().mask(STOP).center().crop(margin=1.3)


@pytest.fixture(scope="module")
def model():
    return sw.RRVAE(seed=0, preparation=recipe()).fit(signal())


def same(first, again):
    for name in ("angle", "latent", "residual", "confidence"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_maps_are_those_of_patterns_prepared_by_hand(model):
    prepared = recipe().apply(signal())
    covered = recipe().prepared(scan(), AXES)[0].mask

    by_hand = sw.RRVAE(seed=0).fit(prepared, mask=covered).encode(prepared)

    maps = model.encode(signal())
    np.testing.assert_array_equal(maps.angle.data, by_hand.angle.data)
    assert maps.angle.axes_manager.signal_axes[0].scale == AXES.scan_x.scale
    assert model.decode([0.0, 0.0], 0.0).shape == prepared.data.shape[2:]


def test_arrays_signals_and_lazy_scans_are_prepared_alike(model):
    maps = model.encode(signal())

    eager = model.encode(scan())
    lazy = model.encode(da.from_array(scan(), chunks=(2, 3, 9, 15)))

    np.testing.assert_array_equal(eager.angle, maps.angle.data)
    np.testing.assert_allclose(lazy.angle, eager.angle, atol=1e-5)


def test_other_scans_go_through_what_was_measured_on_the_first(model):
    shifted = np.roll(scan(1), 1, axis=-1)
    measured = recipe().measured(signal())
    assert measured != recipe().measured(shifted)
    plain = sw.RRVAE(seed=0).fit(
        measured.apply(signal()), mask=measured.prepared(scan(), AXES)[0].mask
    )

    np.testing.assert_array_equal(
        model.encode(shifted).angle, plain.encode(measured.apply(shifted)).angle
    )


def test_saved_models_keep_their_preparation(model, tmp_path):
    model.save(tmp_path / "spot.rrvae")

    loaded = sw.RRVAE.load(tmp_path / "spot.rrvae")

    assert loaded.preparation == model.preparation == recipe().measured(signal())
    assert repr(loaded) == repr(model)
    assert "sw.Preparation()" in repr(loaded)
    same(loaded.encode(scan(1)), model.encode(scan(1)))


def test_trainings_go_on_with_their_preparation(tmp_path):
    path = tmp_path / "spot.checkpoint"
    options = {"kind": "paper", "centered": True, "epochs": 2, "preparation": recipe()}
    whole = sw.RRVAE(**options).fit(signal(), checkpoint=path)

    resumed = sw.RRVAE.resume(path).fit(signal())

    same(resumed.encode(scan()), whole.encode(scan()))


def test_json_makes_the_same_model():
    text = recipe().to_json()

    assert repr(sw.RRVAE(preparation=text)) == repr(sw.RRVAE(preparation=recipe()))


@pytest.mark.parametrize(
    ("preparation", "words"),
    [
        (sw.Preparation().subtract_mean(), "leaves counts.*subtract_mean"),
        ("crop", "as JSON"),
        (3, "Expected a preparation, got int"),
    ],
)
def test_preparations_that_cannot_be_learned_from_are_refused(preparation, words):
    with pytest.raises(sw.InputError, match=words):
        sw.RRVAE(preparation=preparation)


def test_only_scans_can_be_prepared():
    with pytest.raises(sw.InputError, match=r"Expected a scan \[iy, ix, ky, kx\]"):
        sw.RRVAE(preparation=recipe()).fit(scan().reshape(24, 18, 15))
