"""Dose at which a defect is found, and angles of an experiment that jitters, with neighbours.

``python -m pytest -m benchmark -s tests/benchmarks/test_found_defects.py``

A defect is found where the most unusual place of `sw.find_anomalies` is at most one step, or its
diagonal, from it. Errors of angles are medians against the COM of the noise-free pattern at the
probe's true position, where that is above its 20th percentile.
"""

import numpy as np
import pytest

import stemwidgets as sw
from benchmarks.table import Figure, Table, seeds
from benchmarks.test_experiment import errors, strong_and_angle
from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.maps import band_limited
from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.arrays.errors import InputError

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

SITES = {"graphene_silicon": (12, 22), "graphene_vacancy": (19, 12)}
LIMIT, STEP = 1.315, 0.156  # 1/Å and Å, of the experiment
PROBE = 0.93  # Å, 0.61 λ/α of the experiment
JITTER = {
    "none": {},
    **{f"position {p} %": {"jitter": p / 100 * PROBE} for p in (2, 5, 10, 20)},
    **{f"line {p} %": {"line_jitter": p / 100 * PROBE} for p in (5, 10)},
    **{f"drift {p} %": {"drift": p / 100} for p in (5,)},
}


@pytest.mark.parametrize("name", SITES)
def test_dose_that_shows_a_defect(name):
    table = Table(
        f"{name}: found, of {len(seeds())} seeds",
        [Figure("with neighbours", digits=0), Figure("alone", digits=0), Figure("COM", digits=0)],
        labels="dose",
    )
    for dose in (1e3, 2e3, 5e3, 1.5e4):
        hits = np.zeros(3)
        for seed in seeds():
            signal = getattr(sw.samples, name)(dose=dose, seed=seed)
            for column, limit in enumerate(("auto", None)):
                try:
                    maps = sw.RRVAE(seed=seed, band_limit=limit).fit(signal).encode(signal)
                except InputError:  # no pattern stands out of the noise
                    continue
                hits[column] += near(sw.find_anomalies(maps), SITES[name])
            hits[2] += near(sw.find_anomalies(sw.center_of_mass(signal).magnitude), SITES[name])
        table.add(f"{dose:.1e}", list(hits))
    table.close()


def near(found, site):
    return bool(np.hypot(*np.subtract(found.places(1)[0], site)) <= 1.5)


@pytest.mark.parametrize("dose", [3e4, 1e6], ids=lambda dose: f"{dose:.0e}")
def test_jitter_harms_from(dose):
    table = Table(
        f"experiment without faults but these, {dose:.0e} e/pattern".replace("+0", ""),
        [
            Figure("COM [°]", digits=2),
            Figure("limited COM [°]", digits=2),
            Figure("alone [°]", digits=2),
            Figure("rrVAE [°]", digits=2),
            Figure("covers [%]", digits=0),
            Figure("passes", digits=0),
        ],
        labels="fault",
    )
    chosen = seeds()[:3]
    limit = BandLimit(LIMIT, (LIMIT * STEP, LIMIT * STEP))
    for name, faults in JITTER.items():
        rows = []
        for seed in chosen:
            signal = sw.samples.experiment(dose, seed, camera=sw.Camera(**faults))
            strong, truth = strong_and_angle(signal)
            com = center_of_mass(signal.data)
            pair = com, band_limited(com, limit)[0]
            raw, limited = (each - com.mean(axis=(0, 1)) for each in pair)
            row = [
                np.median(errors(np.arctan2(each[..., 0], each[..., 1]), truth, strong))
                for each in (raw, limited)
            ]
            for asked in (None, LIMIT):
                maps = sw.RRVAE(seed=seed, band_limit=asked).fit(signal).encode(signal)
                error = errors(maps.angle.data, truth, strong)
                row.append(np.median(error))
            within = error <= np.degrees(maps.angle_std.data)[strong]
            passes = sw.scan_spectrum(signal, progress=False).passes
            rows.append([*row, 100 * np.mean(within), bool(passes)])
        table.add(name, [*np.mean(rows, axis=0)[:-1], sum(row[-1] for row in rows)])
    table.close()
