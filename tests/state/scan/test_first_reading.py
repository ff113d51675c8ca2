"""A scan that stays on disk is shown as it is read, and given up when nobody looks any more."""

import threading
import time

import dask.array as da
import numpy as np
import pytest
from scans import AXES, turning_spot

from stemwidgets.arrays import blocks
from stemwidgets.arrays.overview import Reading, overview
from stemwidgets.state import ScanSession
from stemwidgets.state.scan import first_reading
from stemwidgets.views.readout_view import ReadoutView

ROWS = 1  # of the scan in a chunk
BEFORE = 2 + 4  # chunks: the pattern, a sample for the disc, and one that tells what is faulty
AFTER = 4  # chunks: a sample for the noise of counting, once all maps are shown


@pytest.fixture(autouse=True)
def piece_by_piece(monkeypatch):
    """A chunk at a time, each of which is told."""
    monkeypatch.setattr(blocks, "PIECES_BYTES", 1)
    monkeypatch.setattr(blocks, "CPU_COUNT", 1)
    monkeypatch.setattr("stemwidgets.arrays.overview.SMALL_BYTES", 0)  # as of a scan of gigabytes
    monkeypatch.setattr(first_reading, "SECONDS", 0.0)
    monkeypatch.setattr(first_reading, "LARGEST_SHARE", 1e9)


class Disk:
    """A scan of which so many chunks may be read."""

    def __init__(self, fails_at=None):
        self.data, self.allowed, self.read = turning_spot(), threading.Semaphore(0), 0
        self.fails_at = fails_at
        chunks = da.from_array(self.data, chunks=(ROWS, *self.data.shape[1:]))
        self.scan = chunks.map_blocks(self._slowly, dtype=self.data.dtype, meta=self.data[:0])

    def _slowly(self, block):
        assert self.allowed.acquire(timeout=20)
        self.read += 1
        if self.read == self.fails_at:
            raise OSError("the disk is gone")
        return block

    def allow(self, chunks):
        for _ in range(chunks):
            self.allowed.release()


def opened(disk):
    """A session that has seen two chunks, besides the samples and the pattern."""
    session = ScanSession(disk.scan, AXES)
    disk.allow(BEFORE + 2)
    wait_for(session, lambda: session.scan.opening is not None and rows_read(session) == 2 * ROWS)
    return session


def wait_for(session, happened):
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end
        session.mailbox.drain()
        time.sleep(0.01)


def rows_read(session):
    return int(np.isfinite(session.channels["sum"].values[:, 0]).sum())


def test_an_overview_on_the_way_is_that_of_what_has_been_read():
    data = turning_spot()
    reading = Reading(da.from_array(data, chunks=(ROWS, *data.shape[1:])), detectors=True)
    steps = reading.steps()
    assert next(steps) == pytest.approx(ROWS / len(data))
    first, expected = reading.overview(), overview(data[:ROWS])
    np.testing.assert_allclose(first.com[:ROWS], expected.com)
    np.testing.assert_allclose(first.mean_pattern, expected.mean_pattern)
    for values in (first.com, first.sum_image, first.bright_field):
        assert np.isfinite(values[:ROWS]).all()
        assert np.isnan(values[ROWS:]).all()
    assert list(steps)[-1] == 1
    np.testing.assert_allclose(reading.overview().com, overview(data).com)
    assert np.isfinite(first.com[:ROWS]).all()
    assert np.isnan(first.com[ROWS:]).all()


def test_a_page_shows_what_has_been_read_and_how_much_that_is():
    disk = Disk()
    session = opened(disk)
    readout = ReadoutView(session)
    assert session.scan.overview is None
    read = 2 * ROWS / len(disk.data)
    assert session.scan.opening.read == pytest.approx(read)
    assert (
        f"<td>scan read</td><td style='text-align:right'>{read:.0%}, "
        in readout.parts["table"].value
    )
    assert np.isfinite(session.channels["COM angle"].values[: 2 * ROWS]).all()
    disk.allow(100)
    session.wait(20)
    assert session.scan.opening is None
    assert session.scan.overview is not None
    assert rows_read(session) == len(disk.data)
    assert "scan read" not in readout.parts["table"].value


def test_a_page_reads_every_chunk_once_besides_the_pattern_and_the_samples():
    disk = Disk()
    disk.allow(100)
    session = ScanSession(disk.scan, AXES)
    session.wait(20)

    assert disk.read == BEFORE + len(disk.data) // ROWS + AFTER
    session.close()


def test_the_maps_do_not_wait_for_the_error_of_the_com():
    disk = Disk()
    chunks = BEFORE + len(disk.data) // ROWS
    session = ScanSession(disk.scan, AXES)
    disk.allow(chunks)
    wait_for(session, lambda: session.scan.overview is not None)
    assert "COM angle" in session.channels
    assert "COM angle std" not in session.channels
    disk.allow(100)
    session.wait(20)
    assert disk.read == chunks + AFTER
    assert session.scan.counting is not None
    session.close()


def test_what_was_read_stays_when_the_rest_cannot_be():
    disk = Disk(fails_at=BEFORE + 3)
    session = opened(disk)
    disk.allow(100)
    session.wait(20)
    assert "the disk is gone" in session.problem
    assert session.scan.opening is None
    assert rows_read(session) == 2 * ROWS


def test_a_closed_session_does_not_read_on():
    disk = Disk()
    session = opened(disk)
    closing = threading.Thread(target=session.close)
    closing.start()
    time.sleep(0.2)
    disk.allow(100)
    closing.join(20)
    read = disk.read
    time.sleep(0.2)
    assert disk.read == read <= BEFORE + 2 + 1
    assert not session._computer.busy
