"""Leakage of estimators of a scan's spectrum, the dose that shows a cut-off, jitter, and time.

``python -m pytest -m benchmark -s tests/benchmarks/test_scan_spectrum.py``

Leakage is the mean power of the COM along y from 1.0 to 1.2 times the limit, over its variance, on
noise-free samples that are cropped off their period: of the mirrored cosine transform, of nine of
Slepian's tapers (NW = 3), and of waves that are orthogonal in the order of their frequency, which
are used. The cut-off is shown over the limit, the excess in units of the shot noise.
"""

import numpy as np
import pytest
from scipy import fft, signal

import stemwidgets as sw
from benchmarks.table import Figure, Table, seeds
from benchmarks.timing import seconds
from stemwidgets.arrays.axes import Axis
from stemwidgets.arrays.band_limit import ordered_waves
from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.arrays.scan_report.checking import Checking
from stemwidgets.arrays.scan_report.spectrum_of import spectrum_of
from stemwidgets.signals.check import with_beam

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

PROBE = 0.93  # Å, 0.61 λ/α of the experiment
LIMITS = {"zincblende": 1.994}  # 1/Å; the others
LIMIT = 1.315
CROPS = {
    "graphene": np.s_[1:14, 1:22],
    "graphene_silicon": np.s_[2:25, 1:32],
    "graphene_vacancy": np.s_[2:29, 1:32],
    "zincblende": np.s_[1:30, 2:25],
    "experiment": np.s_[3:60, 1:50],
}


def sample(name, dose=None, seed=0):
    if name == "experiment":
        made = sw.samples.experiment(dose, seed, source_size=0, camera=sw.Camera())
    else:
        made = getattr(sw.samples, name)(dose, seed)
    down, along = CROPS[name]
    return made.inav[along, down]


def between(power, fy, fx, limit):
    radius = np.hypot(np.abs(fy)[:, None], np.abs(fx)) / limit
    return float(power[(radius > 1.0) & (radius < 1.2)].mean())


def test_leakage_beyond_the_limit():
    names = ("mirrored", "tapers", "ordered")
    table = Table("Leakage", [Figure(n, digits=7) for n in names], labels="sample")
    for name in CROPS:
        data, axes, *_ = with_beam(sample(name))
        limit, steps = LIMITS.get(name, LIMIT), (axes.scan_y.scale, axes.scan_x.scale)
        com = center_of_mass(data)[..., 0]
        com = (com - com.mean()) / com.std()
        half = [np.arange(n) / (2 * n * step) for n, step in zip(com.shape, steps, strict=True)]
        mirrored = between(fft.dctn(com, norm="ortho") ** 2, *half, limit)
        tapers = [signal.windows.dpss(size, 3, 3) for size in com.shape]
        power = sum(
            np.abs(fft.fft2(np.outer(a, b) * com)) ** 2 / 9 for a in tapers[0] for b in tapers[1]
        )
        whole = [fft.fftfreq(n, step) for n, step in zip(com.shape, steps, strict=True)]
        found = ordered_waves.power_by_frequency(com[..., None], steps)
        some = (found.edges[:-1] >= limit) & (found.edges[1:] < 1.2 * limit + found.resolution)
        ordered = (found.power[:, 0] * found.waves)[some].sum() / found.waves[some].sum()
        table.add(name, [mirrored, between(power, *whole, limit), ordered])
    table.close()


@pytest.mark.parametrize("name", CROPS)
def test_the_cutoff_by_dose(name):
    figures = [Figure("cut-off / limit, least"), Figure("most"), Figure("excess"), Figure("passes")]
    table = Table(f"Cut-off of {name}", figures, labels="dose")
    for dose in (3e2, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6):
        found = [sw.scan_spectrum(sample(name, dose, seed), progress=False) for seed in seeds()]
        cutoffs = [(each.cutoff or 0.0) / each.limit for each in found]
        row = [min(cutoffs), max(cutoffs), np.mean([each.excess for each in found])]
        table.add(f"{dose:.0e}", [*row, sum(bool(each.passes) for each in found)])
    table.close()


@pytest.mark.parametrize("dose", [1e4, 3e4, 1e6], ids=lambda dose: f"{dose:.0e}")
def test_jitter(dose):
    cases = {
        "none": {},
        **{f"position {p} %": {"jitter": p / 100 * PROBE} for p in (2, 5, 10)},
        **{f"line {p} %": {"line_jitter": p / 100 * PROBE} for p in (2, 5, 10)},
        "drift 5 %": {"drift": 0.05},
    }
    figures = [Figure("excess, least"), Figure("most"), Figure("passes")]
    table = Table(f"Jitter at {dose:.0e} electrons", figures, labels="fault")
    for case, faults in cases.items():
        camera = sw.Camera(**faults)
        found = [
            sw.scan_spectrum(sw.samples.experiment(dose, seed, camera=camera), progress=False)
            for seed in seeds()
        ]
        excess = [each.excess for each in found]
        table.add(case, [min(excess), max(excess), sum(bool(each.passes) for each in found)])
    table.close()


def test_time():
    figures = [Figure("reading [s]"), Figure("spectrum [s]")]
    table = Table("Time", figures, labels="scan")
    for name, times in (("graphene", 1), ("experiment", 1), ("experiment", 4)):
        made = getattr(sw.samples, name)(dose=1e5)
        data, axes, _, known = with_beam(made)
        data = np.tile(data, (times, times, 1, 1))
        y, x = (
            Axis(size, axis.scale, 0.0, "Å")
            for size, axis in zip(data.shape[:2], axes[:2], strict=True)
        )
        axes = axes._replace(scan_y=y, scan_x=x)

        def read(data=data, axes=axes, known=known):
            checking = Checking(data, axes, **known)
            for _ in checking.steps():
                pass
            return checking

        seen = read().seen()

        def measure(seen=seen):
            ordered_waves._bases.cache_clear()
            return spectrum_of(seen)

        table.add(" × ".join(map(str, data.shape[:2])), seconds(read, measure))
    table.close()
