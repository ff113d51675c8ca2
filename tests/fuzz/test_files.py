"""Files of the user: scans stay as they are, and what cannot be written leaves what was there."""

import hashlib
import json
import resource
import shutil
import signal
import warnings
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from scans import AXES, turning_spot

import stemwidgets as sw
from fuzz.test_fuzz_load import element, npy
from stemwidgets.signals.conversion import arrays_to_signal


def state(path: Path) -> dict[str, tuple[int, str]]:
    """Time of writing and content of all files at a place."""
    files = sorted(each for each in [path, *path.rglob("*")] if each.is_file())
    return {
        str(file.relative_to(path.parent)): (
            file.stat().st_mtime_ns,
            hashlib.sha256(file.read_bytes()).hexdigest(),
        )
        for file in files
    }


@pytest.fixture(params=["hspy", "zspy", "ndata1", "npy"])
def scan_file(request, tmp_path):
    path = tmp_path / f"scan.{request.param}"
    counts = turning_spot().astype(np.uint16)
    if path.suffix == ".npy":
        path.write_bytes(npy(counts))
    elif path.suffix == ".ndata1":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("data.npy", npy(counts))
            archive.writestr("metadata.json", json.dumps(element()))
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            arrays_to_signal(counts, AXES, "spot").save(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("lazy", [False, True])
def test_a_scan_is_not_touched_by_anything_that_is_done_with_it(scan_file, lazy, tmp_path):
    before = state(scan_file)
    signal = sw.load(scan_file, lazy=lazy)
    model = sw.RRVAE(kind="vae", epochs=1)
    model.fit(signal, checkpoint=tmp_path / "run.rrvae")
    model.encode(signal).save(tmp_path / "maps.hspy")
    sw.center_of_mass(signal)
    sw.Preparation().center((8.0, 7.0)).mask(np.eye(18, 15, dtype=bool)).apply(signal)

    session = sw.Session(scan_file, lazy=lazy)
    session.wait(60)
    session.position = (3, 4)
    session.wait(60)
    session.export(tmp_path / "results")
    session.save(tmp_path / "desk.json")
    session.close()
    assert state(scan_file) == before


@pytest.mark.parametrize("lazy", [False, True])
def test_writing_into_a_signal_does_not_reach_its_file(scan_file, lazy):
    before = state(scan_file)
    signal = sw.load(scan_file, lazy=lazy)
    signal.data[0, 0] = 7
    assert (np.asarray(signal.data[0, 0]) == 7).all()
    del signal
    assert state(scan_file) == before


@contextmanager
def no_room_beyond(size):
    """No file can grow beyond so many bytes, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """What can be written, by the name of its file."""
    path = tmp_path_factory.mktemp("scan") / "scan.hspy"
    signal = arrays_to_signal(turning_spot(), AXES, "spot")
    signal.save(path)
    session = sw.Session(path)
    session.training.start(latent_dim=1, seed=1)
    session.training.wait(60)
    session.wait(60)
    maps = sw.RRVAE(latent_dim=1).fit(signal).encode(signal)
    calibration = sw.calibrate(sw.samples.graphene())
    yield {
        "model.rrvae": session.model.save,
        "maps.hspy": lambda path: maps.save(path, overwrite=True),
        "maps.zspy": lambda path: maps.save(path, overwrite=True),
        "record.json": lambda path: calibration.save(path, overwrite=True),
        "desk.json": lambda path: session.save(path, overwrite=True),
        "results": session.export,
        "page.html": session.write_page,
    }
    session.close()


NAMES = [
    "model.rrvae",
    "maps.hspy",
    "maps.zspy",
    "record.json",
    "desk.json",
    pytest.param("results", marks=pytest.mark.slow),
    pytest.param("page.html", marks=pytest.mark.slow),
]


# HDF5 tells of it again when it closes the file
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("size", [0, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_is_told_and_leaves_what_was_there(name, size, things, tmp_path):
    write = things[name]
    write(tmp_path / name)
    before = state(tmp_path)
    with (
        no_room_beyond(size),
        pytest.raises(OSError, match="could not be written: a file of that size"),
    ):
        write(tmp_path / name)
    assert state(tmp_path) == before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", [*NAMES[:-2], "results"])
def test_a_full_disk_leaves_nothing_half_written(name, things, tmp_path):
    with (
        no_room_beyond(0),
        pytest.raises(OSError, match="could not be written: a file of that size"),
    ):
        things[name](tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_that_vanished_is_named(name, things, tmp_path):
    folder = tmp_path / "stick"
    folder.mkdir()
    things[name](folder / name)
    shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError, match=r"folder .*stick does not exist"):
        things[name](folder / name)
    assert not folder.exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_that_cannot_be_written_to_is_told(name, things):
    with pytest.raises(OSError, match=r"(?i)permi|read-only|such|folder"):
        things[name](Path("/sys") / name)
