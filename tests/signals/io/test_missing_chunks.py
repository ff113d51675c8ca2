"""Chunks that are missing in a file are told of, and the patterns that exist can be looked at."""

import shutil

import h5py
import numpy as np
import pytest
from layouts import counts

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes
from stemwidgets.signals.conversion import arrays_to_signal
from stemwidgets.signals.io.missing import MissingPatterns

CHUNKS = (2, 3, 8, 24)


@pytest.fixture
def scan():
    data = counts("u2")
    return arrays_to_signal(data, Axes.uncalibrated(data.shape))


def without(tmp_path, scan, kind, lost):
    """A file in which the chunks of some places are missing."""
    path = tmp_path / f"broken.{kind}"
    scan.save(path, chunks=CHUNKS)
    if kind == "zspy":
        (data,) = path.glob("Experiments/*/data")
        for place in lost:
            data.joinpath(*map(str, place)).unlink()
        return path
    with h5py.File(path, "r+") as file:
        group = next(iter(file["Experiments"].values()))
        values, attributes = group["data"][()], dict(group["data"].attrs)
        del group["data"]
        new = group.create_dataset("data", values.shape, values.dtype, chunks=CHUNKS)
        new.attrs.update(attributes)
        for place in np.ndindex(2, 2, 2, 1):
            if place not in lost:
                part = tuple(slice(i * c, (i + 1) * c) for i, c in zip(place, CHUNKS, strict=True))
                new[part] = values[part]
    return path


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("kind", ["zspy", "hspy"])
def test_patterns_that_are_missing_are_counted(tmp_path, scan, kind, lazy):
    path = without(tmp_path, scan, kind, [(0, 1, 0, 0), (0, 1, 1, 0), (1, 0, 1, 0)])

    with pytest.warns(MissingPatterns, match=r"10 of 20 patterns are missing in broken"):
        signal = sw.load(path, lazy=lazy)

    np.testing.assert_array_equal(np.asarray(signal.data)[:2, :3], scan.data[:2, :3])
    session = sw.Session(signal)
    session.wait(20)
    assert any("10 of 20 patterns are missing" in note for note in session.scan.notes)
    assert session.problem == ""
    session.close()


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("kind", ["zspy", "hspy"])
def test_a_file_without_any_pattern_is_refused(tmp_path, scan, kind, lazy):
    path = without(tmp_path, scan, kind, list(np.ndindex(2, 2, 2, 1)))

    with pytest.raises(sw.InputError, match="promises 20 and holds none"):
        sw.load(path, lazy=lazy)


@pytest.mark.parametrize("kind", ["zspy", "hspy"])
def test_whole_files_are_opened_without_a_word(tmp_path, scan, kind):
    assert sw.Session(without(tmp_path, scan, kind, [])).scan.notes == ()
    plain = tmp_path / f"plain.{kind}"
    scan.save(plain)
    assert sw.Session(plain).scan.notes == ()


def test_a_zipped_file_tells_of_what_is_missing(tmp_path, scan):
    folder = without(tmp_path, scan, "zspy", [(1, 1, 0, 0)])
    zipped = shutil.make_archive(str(tmp_path / "zipped"), "zip", folder)
    path = tmp_path / "zipped.zspy"
    shutil.move(zipped, path)

    with pytest.warns(MissingPatterns, match="4 of 20 patterns"):
        sw.load(path)


def test_the_page_tells_of_what_is_missing(tmp_path, scan):
    path = without(tmp_path, scan, "zspy", [(1, 1, 0, 0)])
    with pytest.warns(MissingPatterns):
        page = sw.explore(path)

    assert "4 of 20 patterns are missing in broken.zspy" in page.children[0].value
    page.close()
