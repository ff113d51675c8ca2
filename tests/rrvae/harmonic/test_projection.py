import dask.array as da
import numpy as np
import pytest
import torch
from disc_scans import disc_scan
from rotated_patterns import harmonic, rotated_patterns
from scans import to_the_end

from stemwidgets.arrays import memory
from stemwidgets.rrvae import RRVAE
from stemwidgets.rrvae.common.notices import TrainingNotice
from stemwidgets.rrvae.data import sampling
from stemwidgets.rrvae.harmonic import projection, run
from stemwidgets.rrvae.harmonic.projection import Before, project_scan
from stemwidgets.rrvae.paper import run as paper_run

ARRAYS = ("coefficients", "left_out", "filled", "relative_dose")


@pytest.fixture(autouse=True)
def no_limit():
    yield
    memory.set_memory_limit(None)


def gathered(*args, **options):
    return to_the_end(project_scan(*args, **options))


@pytest.fixture(scope="module")
def scan():
    """A scan with empty patterns, a dead pixel and more patterns than its sample."""
    patterns = rotated_patterns(harmonic, 30 * 17, seed=1).patterns.reshape(30, 17, 64, 64)[
        ..., 14:47, 14:49
    ]
    patterns = np.asarray(patterns, dtype=np.uint16)
    patterns[3, 5] = patterns[20, 16] = 0
    patterns[:, :, 14, 17] = 0
    return patterns


@pytest.fixture
def small_sample(monkeypatch):
    monkeypatch.setattr(sampling, "SAMPLE", 100)


CHUNKS = [(30, 17, 33, 35), (1, 17, 33, 35), (7, 5, 33, 35), (4, 3, 20, 11), (1, 1, 33, 35)]


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_what_is_gathered_does_not_depend_on_the_chunks_to_the_last_bit(scan, small_sample, kind):
    scan = scan.astype(kind) * kind(1 if kind is np.uint16 else 0.37)
    whole = gathered(scan, (1.0, 1.0))
    assert whole.window.gaps.any() or whole.window.binning > 1
    for chunks in CHUNKS:
        lazy = gathered(da.from_array(scan, chunks=chunks), (1.0, 1.0))
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(lazy, name), getattr(whole, name), name)
        np.testing.assert_array_equal(lazy.basis.functions, whole.basis.functions)
        assert lazy.window.center == whole.window.center


def test_training_does_not_depend_on_the_chunks_to_the_last_bit(scan):
    models = [
        RRVAE(seed=3).fit(data) for data in (scan, da.from_array(scan, chunks=(8, 6, 33, 35)))
    ]
    first, second = (model.decode([[0.2, -0.3], [1.0, 0.1]], [0.3, 2.0]) for model in models)
    np.testing.assert_array_equal(first, second)


def test_maps_do_not_depend_on_the_chunks(scan):
    model = RRVAE(seed=3).fit(scan)
    whole = model.encode(scan)
    lazy = model.encode(da.from_array(scan, chunks=(8, 6, 33, 35)))
    np.testing.assert_allclose(lazy.latent, whole.latent, atol=1e-3)
    np.testing.assert_allclose(lazy.residual, whole.residual, atol=1e-3)


SAMPLE = 3  # chunks of the sample that tells what is faulty


def counted(scan, chunks):
    read = []

    def block(part, block_info=None):
        read.append(block_info[0]["chunk-location"])
        return part

    lazy = da.map_blocks(block, da.from_array(scan, chunks=chunks), dtype=scan.dtype, meta=scan)
    return lazy, read


def test_lazy_data_are_read_twice_and_once_more_only_where_memory_is_short(scan, monkeypatch):
    lazy, read = counted(scan, (10, 17, 33, 35))
    gathered(lazy, (1.0, 1.0))
    assert len(read) == SAMPLE + 2 * 3
    before = gathered(scan, (1.0, 1.0))
    read.clear()
    gathered(lazy, (1.0, 1.0), before=Before(before.window, before.basis, 1.0, before.shot_noise))
    assert len(read) == 3
    read.clear()
    monkeypatch.setattr(sampling, "memory_limit", lambda: 10_000)
    short = gathered(lazy, (1.0, 1.0))
    assert len(read) == SAMPLE + 3 * 3
    np.testing.assert_array_equal(short.coefficients, before.coefficients)


@pytest.mark.parametrize("lazy", [True, False])
def test_reading_tells_how_far_it_is_and_may_be_left(scan, lazy):
    data = da.from_array(scan, chunks=(5, 17, 33, 35)) if lazy else scan
    told = list(project_scan(data, (1.0, 1.0)))
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] == 1
    parts = project_scan(data, (1.0, 1.0))
    next(parts)
    parts.close()


def room_for(patterns, scan):
    """A limit that leaves room for so many patterns of the scan."""
    return patterns * 4 * (gathered(scan, (1.0, 1.0)).coefficients.shape[1] + 4)


def test_where_not_all_patterns_fit_some_are_learned_from_whatever_the_chunks(scan):
    whole = gathered(scan, (1.0, 1.0))
    room = room_for(140, scan)
    some = gathered(scan, (1.0, 1.0), room=room)
    assert some.share == 1 / 4
    assert 90 < some.learned.sum() < 140
    learned = some.learned[whole.filled]
    np.testing.assert_array_equal(some.filled, whole.filled)
    np.testing.assert_array_equal(some.coefficients, whole.coefficients[learned])
    np.testing.assert_array_equal(some.left_out, whole.left_out[learned])
    assert not some.fingerprint.difference(whole.fingerprint)
    lazy = gathered(da.from_array(scan, chunks=(7, 5, 33, 35)), (1.0, 1.0), room=room)
    for name in (*ARRAYS, "learned"):
        np.testing.assert_array_equal(getattr(lazy, name), getattr(some, name), name)


def test_who_learns_from_some_patterns_says_so_and_encodes_all(scan, monkeypatch):
    room = room_for(300, scan)
    monkeypatch.setattr(run, "memory_limit", lambda: room)
    with pytest.warns(TrainingNotice, match="one in 2 is learned from"):
        model = RRVAE(seed=3).fit(scan)
    assert np.isfinite(model.encode(scan).residual).sum() == scan[..., 0, 0].size - 2


@pytest.mark.parametrize(("kind", "room"), [("cuda", 100), ("cpu", 1000)])
def test_a_gpu_keeps_what_fits_there(kind, room, monkeypatch):
    monkeypatch.setattr(run, "memory_limit", lambda: 1000)
    monkeypatch.setattr(run, "free_memory", lambda _: 200)
    assert run._room(torch.device(kind)) == room


@pytest.mark.parametrize(("kind", "module"), [("harmonic", projection), ("paper", paper_run)])
def test_a_checkpoint_goes_on_with_the_same_patterns(kind, module, scan, monkeypatch, tmp_path):
    options = {} if kind == "harmonic" else {"epochs": 2}
    with monkeypatch.context() as short:
        short.setattr(module, "share_that_fits", lambda *_: 0.5)
        steps = RRVAE(seed=3, kind=kind, **options).steps(
            scan, maps=False, checkpoint=tmp_path / "run.rrvae"
        )
        for _ in range(3):
            next(steps)
        steps.close()
        whole = list(RRVAE(seed=3, kind=kind, **options).steps(scan, maps=False))
    *_, last = RRVAE.resume(tmp_path / "run.rrvae").steps(scan, maps=False)
    assert last.loss == whole[-1].loss
    assert "one in 2 is learned from" in last.notice


def test_pixels_that_are_left_out_may_hold_anything_in_any_chunk():
    scan = disc_scan().astype(np.float32)
    mask = np.zeros(scan.shape[2:], dtype=bool)
    mask[3, 4] = mask[20, 22] = True
    strange = scan.copy()
    strange[..., 3, 4], strange[..., 20, 22] = np.inf, np.nan
    first = gathered(np.where(mask, 0, scan), (1.0, 1.0), mask)
    second = gathered(da.from_array(strange, chunks=(4, 5, 40, 20)), (1.0, 1.0), mask)
    np.testing.assert_array_equal(first.coefficients, second.coefficients)
