"""Coverage of the error bars of the centre of mass, nominal 68 %.

``python -m pytest -m benchmark -s tests/benchmarks/test_com_error.py``

Errors are those against the COM of the noise-free patterns. "Covered" counts all positions, "x, y"
both components against `std`. "Long" are those whose noise-free |COM| is above its 20th percentile,
which is shown only: a bar knows the measured length, not the true one, and covers the truth more
often where that is long, less often where it is short.
The finer graphene is the shipped cell, interpolated; silicon is the sample of an experiment without
its faults.
"""

from functools import cache

import numpy as np
import pytest

import stemwidgets as sw
from benchmarks.table import Figure, Table, seeds
from benchmarks.test_graphene_claim import FINE, SHIPPED, scanned
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.signals.conversion import arrays_to_signal, signal_to_arrays

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]


@cache
def noise_free(name: str):
    """Patterns in shares of the mean dose, their axes, and their COM."""
    if name == "silicon":
        data, axes = signal_to_arrays(sw.samples.experiment(dose=None, camera=sw.Camera()))
    else:
        data, axes = scanned(SHIPPED if name == "graphene" else FINE)
    truth = sw.center_of_mass(arrays_to_signal(np.asarray(data), axes), faulty=None)
    return data / data.sum(axis=(2, 3)).mean(), axes, truth


@pytest.mark.parametrize("dose", [1e3, 1e4, 1e5, 1e6], ids=lambda dose: f"{dose:.0e}")
@pytest.mark.parametrize("name", ["graphene", "fine graphene", "silicon"])
def test_the_bars_cover_the_truth(name, dose):
    clean, axes, truth = noise_free(name)
    long = truth.magnitude.data > np.percentile(truth.magnitude.data, 20)
    asked = {"at_least": 60, "at_most": 76, "digits": 1}
    table = Table(
        f"{name}, {clean.shape[0] * clean.shape[1]} positions, {dose:.0e} e/pattern".replace(
            "+0", ""
        ),
        [
            Figure("covered [%]", **asked),
            Figure("long [%]", digits=1),
            Figure("x, y [%]", **asked),
            Figure("bar [°]", digits=2),
            Figure("error [°]", digits=2),
        ],
    )
    for seed in seeds():
        counts = np.random.default_rng(seed).poisson(clean * dose).astype(np.uint32)
        com = sw.center_of_mass(arrays_to_signal(counts, axes))
        error = np.abs(wrap(com.angle.data - truth.angle.data))
        within = error <= com.angle_std.data
        off = np.stack([com.x.data - truth.x.data, com.y.data - truth.y.data])
        table.add(
            seed,
            [
                100 * np.mean(within),
                100 * np.mean(within[long]),
                100 * np.mean(np.abs(off) <= com.std.data),
                np.degrees(np.median(com.angle_std.data)),
                np.degrees(np.median(error)),
            ],
        )
    table.close()
