import os
import signal as signals
import subprocess
import sys
import warnings

import hyperspy.api as hs
import numpy as np
import pytest
import zarr

import stemwidgets as sw
from stemwidgets.signals.io import rechunk
from stemwidgets.signals.io.chunks import StorageAdvice

SHAPE = (7, 9, 20, 33)


def scan(shape=SHAPE):
    return np.random.default_rng(0).poisson(3, shape).astype(np.uint16)


@pytest.fixture
def source(tmp_path):
    made = hs.signals.Signal2D(scan(), metadata={"General": {"title": "grain"}})
    made.axes_manager[0].scale, made.axes_manager[0].units = 0.2, "nm"
    made.axes_manager[3].offset, made.axes_manager[3].name = -1.5, "ky"
    made.save(tmp_path / "scan.hspy", chunks=(4, 9, 20, 33))
    return tmp_path / "scan.hspy"


def quietly(_fraction):
    pass


@pytest.fixture
def small(monkeypatch):
    """Several chunks and several regions of a small scan."""
    monkeypatch.setattr(rechunk, "CHUNK_BYTES", 4 * 20 * 33 * 2)
    monkeypatch.setattr(rechunk, "BLOCK_BYTES", 20 * 20 * 33 * 2)


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_copy_has_the_counts_axes_and_title_of_the_scan(source, small, tmp_path):
    before, told = source.read_bytes(), []
    target = sw.rechunk(source, tmp_path / "fast.zspy", progress=told.append)
    copy = sw.load(target, lazy=True)
    np.testing.assert_array_equal(copy.data.compute(), scan())
    assert copy.data.chunksize == (2, 2, 20, 33)
    original = sw.load(source)
    assert copy.axes_manager.as_dictionary() == original.axes_manager.as_dictionary()
    assert copy.metadata.General.title == "grain"
    assert told[0] == 0
    assert told[-1] == 1
    assert told == sorted(told)
    assert len(told) > 4
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fast.zspy", "scan.hspy"]
    array = zarr.open(str(target), mode="r")["Experiments"]["grain"]["data"]
    assert (array.compressor.cname, array.compressor.shuffle) == ("lz4", 2)


def test_a_copy_that_was_cut_short_goes_on_where_it_stood(source, small, tmp_path):
    def stop(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sw.rechunk(source, tmp_path / "fast.zspy", progress=stop)
    assert not (tmp_path / "fast.zspy").exists()
    told = []
    sw.rechunk(source, tmp_path / "fast.zspy", progress=told.append)
    assert told[0] > 0.5
    np.testing.assert_array_equal(sw.load(tmp_path / "fast.zspy").data, scan())


def test_a_copy_of_a_source_that_has_changed_begins_anew(source, small, tmp_path):
    def stop(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sw.rechunk(source, tmp_path / "fast.zspy", progress=stop)
    hs.signals.Signal2D(scan() + 1).save(source, overwrite=True)
    told = []
    sw.rechunk(source, tmp_path / "fast.zspy", progress=told.append)
    assert told[0] == 0
    np.testing.assert_array_equal(sw.load(tmp_path / "fast.zspy").data, scan() + 1)


@pytest.mark.slow
def test_a_copy_survives_being_killed(source, small, tmp_path):
    code = f"""
import os, signal, stemwidgets as sw
from stemwidgets.signals.io import rechunk
rechunk.CHUNK_BYTES, rechunk.BLOCK_BYTES = {rechunk.CHUNK_BYTES}, {rechunk.BLOCK_BYTES}
def kill(fraction):
    if fraction > 0.4:
        os.kill(os.getpid(), signal.SIGKILL)
sw.rechunk({str(source)!r}, {str(tmp_path / "fast.zspy")!r}, progress=kill)
"""
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == -signals.SIGKILL
    told = []
    sw.rechunk(source, tmp_path / "fast.zspy", progress=told.append)
    assert told[0] > 0.4
    np.testing.assert_array_equal(sw.load(tmp_path / "fast.zspy").data, scan())


def test_a_sequence_of_frames_is_folded_and_a_numpy_file_copied(tmp_path):
    np.save(tmp_path / "frames.npy", scan().reshape(63, 20, 33))
    target = sw.rechunk(tmp_path / "frames.npy", tmp_path / "fast.zspy", (7, 9), progress=quietly)
    np.testing.assert_array_equal(sw.load(target).data, scan())


def test_an_earlier_copy_stays_unless_it_may_be_replaced(source, tmp_path):
    target = sw.rechunk(source, tmp_path / "fast.zspy", progress=quietly)
    before = files(target)
    with pytest.raises(FileExistsError, match="overwrite"):
        sw.rechunk(source, target, progress=quietly)
    assert files(target) == before
    sw.rechunk(source, target, overwrite=True, progress=quietly)


def test_names_that_cannot_be_used_are_refused(source, tmp_path):
    with pytest.raises(sw.InputError, match=r"ends in \.zspy"):
        sw.rechunk(source, tmp_path / "fast.hspy")
    with pytest.raises(FileNotFoundError, match="make it first"):
        sw.rechunk(source, tmp_path / "nowhere" / "fast.zspy")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        sw.rechunk(tmp_path / "other.hspy", tmp_path / "fast.zspy")
    copy = sw.rechunk(source, tmp_path / "fast.zspy", progress=quietly)
    with pytest.raises(sw.InputError, match="another name"):
        sw.rechunk(copy, copy, overwrite=True)


@pytest.mark.parametrize(
    ("shape", "chunk"),
    [
        ((100, 200, 256, 200), (6, 6, 256, 200)),
        ((3, 200, 64, 32), (3, 200, 64, 32)),
        ((300, 2, 64, 32), (300, 2, 64, 32)),
        ((5, 6, 2048, 1024), (1, 1, 2048, 1024)),
    ],
)
def test_chunks_hold_whole_patterns_and_about_four_megabytes(shape, chunk):
    assert rechunk._chunk(shape, 2) == chunk


def test_large_chunks_are_told_with_what_they_cost_once(tmp_path):
    big = hs.signals.Signal2D(np.zeros((65, 66, 48, 50), np.uint16))
    big.save(tmp_path / "big.zspy", chunks=(65, 66, 48, 50))
    with pytest.warns(StorageAdvice, match=r"20 MB.* s to read.*rechunk\(.big.zspy") as told:
        sw.load(tmp_path / "big.zspy", lazy=True)
    assert len(told) == 1
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sw.load(tmp_path / "big.zspy")
        sw.rechunk(tmp_path / "big.zspy", tmp_path / "fast.zspy", progress=quietly)
        sw.load(tmp_path / "fast.zspy", lazy=True)
