"""Centre of mass: its speed, beside reading and beside others, its memory; the potential's error.

``python -m pytest -m benchmark -s tests/benchmarks/test_center_of_mass.py``

Medians, taken in turns. "Reading" is a loop over the same bytes as 64-bit words, in numba; it and
the COM beside it run on one core, the others on all of them. Scans are of 128×128 patterns of
uint16 with Poisson counts; ``BENCHMARK_GB=4`` sets the size of the streamed one (1 is the default),
which is written where pytest keeps its temporary files.
"""

import importlib.util
import os
import shutil
import tracemalloc
from pathlib import Path

import dask
import numba
import numpy as np
import pytest
from phase_objects import ENERGY, phase_scan
from scipy import ndimage

import stemwidgets as sw
from benchmarks.table import Figure, Table
from benchmarks.timing import seconds
from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.center_of_mass import center_of_mass, centroids, pattern_moments
from stemwidgets.arrays.potential import potential
from stemwidgets.signals.conversion import arrays_to_signal, signal_to_arrays

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

PATTERN = (128, 128)
STREAMED_GB = float(os.environ.get("BENCHMARK_GB", "1"))
DISC = sw.AnnularDetector((64, 64), 0, 40)
FAULTY = np.random.default_rng(1).random(PATTERN) < 0.003  # and a row
FAULTY[70] = True


def counts(scan, dtype="u2"):
    """Poisson counts; beyond 1024 patterns they recur."""
    patterns = np.random.default_rng(0).poisson(20, (1024, *PATTERN)).astype(dtype)
    return np.resize(patterns, (*scan, *PATTERN))


@numba.njit
def read(words):
    total = np.uint64(0)
    for index in range(words.size):
        total ^= words[index]
    return total


def on_one_core(data, **options):
    return centroids(pattern_moments(data, **options))


def test_com_beside_reading():
    table = Table(
        "COM of a scan in memory, 0.5 GB",
        [
            Figure("GB/s", digits=2),
            Figure("of reading", at_least=0.65, digits=2),
            Figure("of data.sum()", digits=1),
        ],
        labels="type",
    )
    for dtype, scan in (("u2", (128, 128)), ("u1", (256, 128)), ("f4", (128, 64))):
        data = counts(scan, dtype)
        words = data.reshape(-1).view(np.uint64)
        reading, summing, ours = seconds(
            lambda words=words: read(words),
            lambda data=data: data.sum(),
            lambda data=data: on_one_core(data),
            repeats=7,
        )
        table.add(dtype, [data.nbytes / ours / 1e9, reading / ours, summing / ours])
    table.close()


def test_com_with_options():
    table = Table(
        "COM of a scan in memory with options, 0.5 GB, of uint16 where nothing is said",
        [Figure("GB/s", digits=2), Figure("of reading", at_least=0.5, digits=2)],
        labels="option",
    )
    options = {
        "mask": {"weights": ~FAULTY},
        "disc": {"weights": DISC.pixels(PATTERN)},
        "weights": {"weights": np.full(PATTERN, 0.5)},
        "thresh.": {"threshold": 15},
        "backgr.": {"background": np.full(PATTERN, 3.0)},
    }
    cases = [("u2", name) for name in options]
    cases += [(dtype, "mask") for dtype in ("u1", "i1", "i2", "u4", "i4", "f4", "f8")]
    cases += [("u1", "thresh."), ("u1", "weights")]
    for dtype, name in cases:
        data = counts((2**15 // np.dtype(dtype).itemsize // 128, 128), dtype)
        words = data.reshape(-1).view(np.uint64)
        reading, ours = seconds(
            lambda words=words: read(words),
            lambda data=data, option=options[name]: on_one_core(data, **option),
            repeats=5,
        )
        label = name if dtype == "u2" else f"{dtype} {name}"
        table.add(label, [data.nbytes / ours / 1e9, reading / ours])
    table.close()


def test_com_of_a_signal():
    """With all that is done unless it is declined: a sample, a look for events, four signals.

    Of 0.5 GB, which are read in 13 ms, the sample takes 5 and the signals 6 of the time.
    """
    table = Table(
        "COM from signal to signal, by default and with faulty=None, over reading",
        [
            Figure("one core", at_least=0.15, digits=2),
            Figure("None", at_least=0.35, digits=2),
            Figure("all cores", digits=2),
            Figure("None, all", digits=2),
            Figure("left out", digits=0),
        ],
        labels="scan",
    )
    for dtype in ("u2", "u1", "f4"):
        for kind in ("even", "disc", "faulty"):
            table.add(f"{dtype} {kind}", over_reading(dtype, kind, 0.5))
    table.add("u2, 4 GB", over_reading("u2", "even", 4))
    table.close()


def over_reading(dtype, kind, gigabytes):
    """Speeds over that of reading, and how many pixels are left out."""
    mean = np.full(PATTERN, 20.0) if kind == "even" else 1 + 60.0 * DISC.pixels(PATTERN)
    patterns = np.random.default_rng(0).poisson(mean, (1024, *PATTERN)).astype(dtype)
    if kind == "faulty":
        patterns[:, FAULTY] = 250
    data = np.resize(patterns, (int(gigabytes * 2**30) // patterns[:128].nbytes, 128, *PATTERN))
    signal = arrays_to_signal(data, Axes.uncalibrated(data.shape))
    words = data.reshape(-1).view(np.uint64)
    calls = [lambda: sw.center_of_mass(signal), lambda: sw.center_of_mass(signal, faulty=None)]
    reading, *all_cores = seconds(lambda: read(words), *calls, repeats=4)
    with dask.config.set(num_workers=1):
        one_core = seconds(*calls, repeats=4)
    left_out = sw.center_of_mass(signal).left_out
    return [*(reading / each for each in (*one_core, *all_cores)), int(left_out.mask.sum())]


def test_com_beside_others():
    table = Table(
        "seconds of others over ours, signal to signal, 0.54 GB of uint16",
        [
            Figure("ours [ms]", digits=1),
            Figure("pyxem", at_least=60, digits=0),
            Figure("scipy loop", at_least=13, digits=1),
            *([Figure("LiberTEM", at_least=3, digits=1)] if libertem() else []),
        ],
        labels="pattern",
    )
    for scan, size in (((256, 256), 64), ((128, 128), 128), ((64, 64), 256)):
        data = counts((128, 128)).reshape(*scan, size, size)
        signal = arrays_to_signal(data, Axes.uncalibrated(data.shape))
        calls = [lambda signal=signal: sw.center_of_mass(signal)]
        calls += [lambda signal=signal: by_pyxem(signal), lambda data=data: by_scipy(data[::16])]
        calls += [libertem_call(data)] if libertem() else []
        ours, pyxem, scipy, *rest = seconds(*calls, repeats=2)
        table.add(f"{size}²", [1e3 * ours, *(t / ours for t in (pyxem, 16 * scipy, *rest))])
    table.close()
    if not libertem():
        print("         LiberTEM is not installed: not measured")


def by_pyxem(signal):
    return signal.get_direct_beam_position(method="center_of_mass")


def by_scipy(data):
    return np.array([[ndimage.center_of_mass(pattern) for pattern in row] for row in data])


def libertem():
    return importlib.util.find_spec("libertem") is not None


def libertem_call(data):
    from libertem.api import Context
    from libertem.udf.com import CoMUDF

    context = Context.make_with("inline")
    dataset = context.load("memory", data=data, sig_dims=2)
    return lambda: context.run_udf(dataset, CoMUDF.with_params())


def test_memory_of_com():
    table = Table(
        "memory beyond the data, 134 MB of uint16",
        [Figure("MB", digits=2), Figure("% of data", at_most=5, digits=2)],
        labels="COM",
    )
    data = counts((64, 64))
    cases = {
        "plain": lambda: center_of_mass(data),
        "disc": lambda: center_of_mass(data, weights=DISC),
        "thresh.": lambda: center_of_mass(data, threshold=15),
        "strided": lambda: center_of_mass(data.transpose(1, 0, 2, 3)),
        "signal": lambda: sw.center_of_mass(data),
    }
    for name, call in cases.items():
        call()
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        table.add(name, [peak / 1e6, 100 * peak / data.nbytes])
    table.close()


@pytest.mark.filterwarnings("ignore::stemwidgets.signals.io.chunks.StorageAdvice")
def test_streaming(tmp_path):
    table = Table(
        f"COM of a .zspy of {STREAMED_GB:g} GB, as HyperSpy writes it",
        [
            Figure("decoding [s]", digits=2),
            Figure("COM [s]", digits=2),
            Figure("over decoding", at_most=1.15, digits=2),
            Figure("peak [GB]", at_most=0.5, digits=2),
        ],
        labels="",
    )
    rows = max(1, round(STREAMED_GB * 1e9 / (128 * np.prod(PATTERN) * 2)))
    data = counts((rows, 128))
    arrays_to_signal(data, Axes.uncalibrated(data.shape)).save(tmp_path / "scan.zspy")
    expected = center_of_mass(data)
    del data
    signal = sw.load(tmp_path / "scan.zspy", lazy=True)
    lazy = signal_to_arrays(signal)[0]
    corner = lazy.map_blocks(
        lambda block: np.zeros((1,) * 4), chunks=(1,) * 4, meta=np.empty((0,) * 4)
    )
    decoding, ours = seconds(corner.compute, lambda: center_of_mass(lazy), repeats=2)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    found = center_of_mass(lazy)
    table.add("", [decoding, ours, ours / decoding, memory("VmHWM") - before])
    np.testing.assert_array_equal(found, expected)
    shutil.rmtree(tmp_path)  # pytest would keep it
    table.close()


def memory(name):
    """A line of /proc/self/status [GB]."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024 / 1e9
    raise LookupError(name)


def test_potential_of_a_part_that_is_not_periodic():
    table = Table(
        "iDPC of simulated phase objects, 22×25 positions, and time for 512×512",
        [
            Figure("theorem [%]", at_most=1, digits=4),
            Figure("iDPC rms [%]", at_most=1, digits=2),
            Figure("512×512 [s]", digits=2),
        ],
        labels="phase",
    )
    noise = np.random.default_rng(0).normal(size=(2, 512, 512))
    (spent,) = seconds(lambda: potential(*noise), repeats=3)
    for strength in (0.1, 0.5, 2.5):
        truth = phase_scan(strength)
        signal = arrays_to_signal(truth.data, truth.axes)
        signal.set_experimental_parameters(beam_energy=ENERGY)
        com = sw.center_of_mass(signal, reference=None)
        theorem = rms(np.hypot(com.y.data - truth.y, com.x.data - truth.x))
        wanted = truth.potential - truth.potential.mean()
        found = rms(com.potential().data - wanted)
        theorem_size = rms(np.hypot(truth.y, truth.x))
        table.add(strength, [100 * theorem / theorem_size, 100 * found / rms(wanted), spent])
    table.close()


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))
