"""Saving over a file that is there: killed, interrupted or refused, it stays old or is new."""

import errno
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import dask
import pytest
from bad_days import (
    Cases,
    chosen,
    counted,
    interrupting,
    killed,
    refusing,
    restore,
    steps,
)
from writers import NAMES, Writers, without_exchange

from stemwidgets.arrays.files.disk import UnwrittenError
from stemwidgets.arrays.files.left_overs import is_unfinished

QUICK = ("folder", "model", "session")  # in the plain run, at a few steps
FEW, MANY = 6, int(os.environ.get("FUZZ_CASES", "5"))  # steps of each save
IN_FOLDERS = ("maps .zspy", "rechunk")  # what is exchanged for a folder that is there


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    """A folder in memory where there is one: files are small, and a disk takes half of the time."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path_factory.mktemp("memory")
        return
    with TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


@pytest.fixture
def tmp_path(memory):
    folder = memory / "test"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def table(memory):
    """All writers, in one thread, as a process that is forked has it."""
    with dask.config.set(scheduler="synchronous"):
        (memory / "made").mkdir()
        made = Writers(memory / "made")
        yield made
    if made.sessions is not None:
        made.sessions.session.close()


def whole(writer, folder) -> str:
    """What is there; then the next save must work, and leave nothing but files of their names."""
    found = writer.read(folder)
    if found not in ("old", "new"):
        return f"found {found}"
    writer.save(folder, "new")
    if writer.read(folder) != "new":
        return "the next save did not work"
    left = [file.name for file in folder.iterdir() if is_unfinished(file) or ".part" in file.name]
    return f"left {left}" if left else found


def kill(name, table, tmp_path, most, writer=None):
    writer, folder = writer or table[name], tmp_path / "at work"
    cases = Cases(f"killed: {name}")
    restore(table.folder / name, folder)
    count = counted(folder, lambda: writer.save(folder, "new"))
    for number in chosen(count, most):

        def case(number=number):
            restore(table.folder / name, folder)
            killed(folder, lambda: writer.save(folder, "new"), number)
            return whole(writer, folder)

        cases.case(f"step {number} of {count}", case)
    cases.report()
    assert cases.new


@pytest.mark.parametrize("name", QUICK)
def test_a_save_that_is_killed_leaves_the_old_file_or_the_new_one(name, table, tmp_path):
    kill(name, table, tmp_path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_killed_at_any_step_it_leaves_the_old_file_or_the_new_one(name, table, tmp_path):
    kill(name, table, tmp_path, MANY)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("folder", FEW),
        *(pytest.param(name, MANY, marks=pytest.mark.slow) for name in IN_FOLDERS),
    ],
)
def test_where_folders_cannot_be_exchanged_the_next_opening_completes_it(
    name, most, table, tmp_path, monkeypatch
):
    kill(name, table, tmp_path, most, without_exchange(table[name], monkeypatch))


REFUSALS = {
    "disk full": errno.ENOSPC,
    "quota used up": errno.EDQUOT,
    "disk read-only": errno.EROFS,
    "permission lost": errno.EACCES,
    "disk broken": errno.EIO,
}


def refuse(name, table, tmp_path, error, most):
    writer, folder = table[name], tmp_path / "at work"
    cases = Cases(f"{error}: {name}")
    restore(table.folder / name, folder)
    count = counted(folder, lambda: writer.save(folder, "new"))
    for number in chosen(count, most):

        def case(number=number):
            restore(table.folder / name, folder)
            try:
                with steps(folder, refusing(number, REFUSALS[error])):
                    writer.save(folder, "new")
            except UnwrittenError as told:
                if "could not be written: " not in str(told) or str(folder) not in str(told):
                    return f"words: {told}"
            return whole(writer, folder)

        cases.case(f"step {number} of {count}", case)
    cases.report()


@pytest.mark.parametrize("error", ["disk full"])
@pytest.mark.parametrize("name", QUICK)
def test_a_disk_that_refuses_is_told_and_leaves_the_old_file(name, error, table, tmp_path):
    refuse(name, table, tmp_path, error, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "error"),
    [*((name, "disk full") for name in NAMES), *(("model", error) for error in REFUSALS)],
)
def test_a_disk_that_refuses_at_any_step_leaves_the_old_file(name, error, table, tmp_path):
    refuse(name, table, tmp_path, error, MANY)


def interrupt(name, table, tmp_path, most):
    writer, folder = table[name], tmp_path / "at work"
    cases = Cases(f"interrupted: {name}")
    restore(table.folder / name, folder)
    count = counted(folder, lambda: writer.save(folder, "new"))
    for number in chosen(count, most):

        def case(number=number):
            restore(table.folder / name, folder)
            try:
                with steps(folder, interrupting(number)):
                    writer.save(folder, "new")
            except KeyboardInterrupt:
                pass
            return whole(writer, folder)

        cases.case(f"step {number} of {count}", case)
    cases.report()


@pytest.mark.parametrize("name", QUICK)
def test_ctrl_c_while_saving_leaves_the_old_file_or_the_new_one(name, table, tmp_path):
    interrupt(name, table, tmp_path, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_ctrl_c_at_any_step_leaves_the_old_file_or_the_new_one(name, table, tmp_path):
    interrupt(name, table, tmp_path, MANY)
