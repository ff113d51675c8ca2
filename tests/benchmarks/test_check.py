"""Time of `sw.check` beside one reading of the scan.

``python -m pytest -m benchmark -s tests/benchmarks/test_check.py``

Medians, taken in turns. "Reading" adds up all counts of a scan row by row, ``data.sum(dtype=…)``,
on one core; the check runs on all cores, and once on one. Scans are of 128×128 patterns of a disc
with Poisson counts, in memory or as a mapped ``.npy`` in the page cache, and an experiment with
faults and a lattice, tiled. Most of what the check takes besides its pass over the data does not
grow with the scan: the search for the direct beam takes 30 ms, all that is fitted to maps 50.
"""

import dask
import numpy as np
import pytest

import stemwidgets as sw
from benchmarks.table import Figure, Table
from benchmarks.timing import seconds
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.signals.conversion import arrays_to_signal

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

SIZE = 128


def scan(dtype, gigabytes):
    """Poisson counts in a disc; beyond 1024 patterns they recur."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    mean = 0.2 + 20.0 * (np.hypot(y, x) < 0.3 * SIZE)
    patterns = np.random.default_rng(0).poisson(mean, (1024, SIZE, SIZE)).astype(dtype)
    columns = int(np.sqrt(gigabytes * 1e9 / patterns[0].nbytes))
    return np.resize(patterns, (columns, columns, SIZE, SIZE))


def experiment(dtype, gigabytes):
    """An experiment's scan with every pixel as four, tiled."""
    patterns = sw.samples.experiment().data.astype(dtype).repeat(2, axis=2).repeat(2, axis=3)
    times = max(1, round(np.sqrt(gigabytes * 1e9 / patterns.nbytes)))
    return np.tile(patterns, (times, times, 1, 1))


def signal_of(data):
    (rows, columns), size = data.shape[:2], data.shape[2]
    step = (Axis(rows, 0.156, 0.0, "Å"), Axis(columns, 0.156, 0.0, "Å"))
    pixel = (Axis(size, 2.2 / size, 0.0, "1/Å"), Axis(size, 2.2 / size, 0.0, "1/Å"))
    signal = arrays_to_signal(data, Axes(*step, *pixel))
    signal.set_experimental_parameters(beam_energy=60)
    return signal


def read(data):
    dtype = np.uint64 if data.dtype.kind == "u" else np.float64
    return sum(row.sum(dtype=dtype) for row in data)


def on_one_core(signal):
    with dask.config.set(num_workers=1):
        return sw.check(signal, progress=False)


def test_check_beside_reading(tmp_path):
    table = Table(
        "sw.check over one reading pass",
        [
            Figure("reading [s]"),
            Figure("check [s]"),
            Figure("over reading", at_most=2, digits=2),
            Figure("one core", digits=2),
        ],
        labels="scan",
    )
    for gigabytes in (0.33, 1):
        for dtype in ("u1", "u2", "f4"):
            whole = scan(dtype, gigabytes)
            np.save(tmp_path / "scan.npy", whole)
            mapped = np.load(tmp_path / "scan.npy", mmap_mode="r")
            tiled = experiment(dtype, gigabytes)
            for name, data in (("", whole), (" mapped", mapped), (" tiled", tiled)):
                signal = signal_of(data)
                reading, ours, alone = seconds(
                    lambda data=data: read(data),
                    lambda signal=signal: sw.check(signal, progress=False),
                    lambda signal=signal: on_one_core(signal),
                )
                row = [reading, ours, ours / reading, alone / reading]
                table.add(f"{dtype}, {data.nbytes / 1e9:.2f} GB{name}", row)
    table.close()
