"""Virtual detectors: speed beside pyxem, memory, the opening pass, and dragging.

``python -m pytest -m benchmark -s tests/benchmarks/test_virtual_detectors.py``

Medians, taken in turns, on scans of 128×128 patterns of uint16 with Poisson counts.
``BENCHMARK_DRAG=128`` drags over a scan of that many positions squared (64 is the default).
"""

import os
import time
import tracemalloc

import hyperspy.api as hs
import numpy as np
import pytest

import stemwidgets as sw
from benchmarks.table import Figure, Table
from benchmarks.timing import seconds
from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.arrays.kernels.detector_major import DetectorMajor
from stemwidgets.arrays.overview import overview
from stemwidgets.arrays.virtual_image import virtual_image
from stemwidgets.signals.conversion import arrays_to_signal, signal_to_arrays

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

CENTER = (64.0, 62.0)
DRAG_SCAN = int(os.environ.get("BENCHMARK_DRAG", "64"))
DETECTORS = {
    "BF": sw.DiscDetector(CENTER, 30),
    "15 px": sw.DiscDetector(CENTER, 15),
    "ADF": sw.AnnularDetector(CENTER, 32, 60),
    "DPC": sw.SegmentDetector(CENTER, 0, 30),
    "mask": np.random.default_rng(0).random((128, 128)) < 0.5,
    "weights": np.random.default_rng(0).random((128, 128)),
}


def counts(scan):
    """A bright disc with Poisson counts; beyond 256 patterns they recur."""
    y, x = np.mgrid[:128, :128]
    mean = 1 + 20 * (np.hypot(y - CENTER[0], x - CENTER[1]) < 30)
    patterns = np.random.default_rng(0).poisson(mean, (256, 128, 128)).astype(np.uint16)
    return np.resize(patterns, (*scan, 128, 128))


def test_virtual_images_beside_pyxem():
    table = Table(
        "virtual images, signal to signal, 0.54 GB of uint16",
        [
            Figure("ours [ms]", digits=1),
            Figure("over ours: pyxem", at_least=10, digits=1),
        ],
        labels="detector",
    )
    signal = arrays_to_signal(counts((128, 128)), Axes.uncalibrated((128, 128, 128, 128)))
    for name in ("15 px", "BF", "ADF"):
        detector = DETECTORS[name]
        inner = getattr(detector, "inner", 0.0)
        outer = getattr(detector, "outer", None) or detector.radius
        roi = hs.roi.CircleROI(CENTER[1], CENTER[0], outer, inner)
        ours, pyxem = seconds(
            lambda detector=detector: sw.virtual_image(signal, detector),
            lambda roi=roi: signal.get_integrated_intensity(roi),
            repeats=2,
        )
        table.add(name, [1e3 * ours, pyxem / ours])
    table.close()


def test_memory_of_virtual_images():
    table = Table(
        "memory beyond the data, 134 MB of uint16",
        [Figure("MB", digits=2), Figure("% of data", at_most=5, digits=2)],
        labels="detector",
    )
    data = counts((64, 64))
    for name, detector in DETECTORS.items():
        virtual_image(data, detector)
        tracemalloc.start()
        virtual_image(data, detector)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        table.add(name, [peak / 1e6, 100 * peak / data.nbytes])
    table.close()


def test_memory_of_streamed_virtual_images(tmp_path):
    table = Table(
        "memory of an image streamed from .zspy in chunks of 2 MB, 134 MB of uint16",
        [Figure("MB", digits=2), Figure("% of data", at_most=5, digits=2)],
        labels="detector",
    )
    data = counts((64, 64))
    arrays_to_signal(data, Axes.uncalibrated(data.shape)).save(
        tmp_path / "scan.zspy", chunks=(8, 8, 128, 128)
    )
    lazy = signal_to_arrays(sw.load(tmp_path / "scan.zspy", lazy=True))[0]
    for name, detector in DETECTORS.items():
        expected = virtual_image(data, detector)
        virtual_image(lazy, detector)
        tracemalloc.start()
        found = virtual_image(lazy, detector)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        table.add(name, [peak / 1e6, 100 * peak / data.nbytes])
    table.close()


def test_opening_pass_beside_com():
    table = Table(
        "sum, mean pattern, COM, BF, ADF and binned copy from one read, 0.54 GB of uint16",
        [
            Figure("COM [ms]", digits=1),
            Figure("without bins / COM", digits=2),
            Figure("all / COM", at_most=3, digits=2),
        ],
        labels="bin by",
    )
    data = counts((128, 128))
    for factor in (4, 8):
        com, looked, everything = seconds(
            lambda: center_of_mass(data),
            lambda: overview(data, detectors=True),
            lambda factor=factor: overview(data, detectors=True, bin_by=factor),
            repeats=7,
        )
        table.add(factor, [1e3 * com, looked / com, everything / com])
    table.close()


def test_dragging():
    table = Table(
        f"a disc of radius 15 px dragged over {DRAG_SCAN}²×128² of uint16",
        [
            Figure("copy [s]", digits=2),
            Figure("p50 [ms]", digits=1),
            Figure("p95 [ms]", at_most=40, digits=1),
            Figure("from the data, p95 [ms]", digits=1),
        ],
        labels="step",
    )
    data = counts((DRAG_SCAN, DRAG_SCAN))
    began = time.perf_counter()
    copy = DetectorMajor(data)
    copied = time.perf_counter() - began
    copy.image(sw.DiscDetector(CENTER, 20))
    rng = np.random.default_rng(1)
    for step in (1, 5, 60):
        place, moved, direct = np.array(CENTER), [], []
        for _ in range(40):
            place = np.clip(place + rng.normal(0, step, 2), 15, 112)
            detector = sw.DiscDetector((float(place[0]), float(place[1])), 15)
            started = time.perf_counter()
            found = copy.image(detector)
            middle = time.perf_counter()
            expected = virtual_image(data, detector)
            moved.append(1e3 * (middle - started))
            direct.append(1e3 * (time.perf_counter() - middle))
            np.testing.assert_array_equal(found, expected)
        table.add(step, [copied, *np.percentile(moved, [50, 95]), np.percentile(direct, 95)])
    table.close()
