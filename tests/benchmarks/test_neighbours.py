"""Angles of scans that are read with their neighbours, beside the COM.

``python -m pytest -m benchmark -s tests/benchmarks/test_neighbours.py``

Errors are medians against the noise-free COM, both about that of the mean pattern, where it is
above its 20th percentile; "ring" are the positions on the edge of the scan. "Alone" is the rrVAE
that reads each pattern by itself. The scans of 32 × 32 and 64 × 64 positions are interpolated from
the shipped samples, 0.178 Å apart, so that they do not end on a period.
"""

import time

import numpy as np
import pytest

from benchmarks.known_scans import SAMPLES, direction, known_scan
from benchmarks.table import Figure, Table, seeds
from stemwidgets.arrays.band_limit.maps import band_limited
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.rrvae import RRVAE

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

RATIOS = {  # rrVAE over the raw COM, at most
    ("graphene", 1e4): 0.48,
    ("graphene, periodic", 1e4): 0.42,
    ("Si in graphene, 64 × 64", 5e4): 0.45,
    ("vacancy, 64 × 64", 5e4): 0.45,
}
DOSES = [
    (name, dose)
    for name in SAMPLES
    for dose in (1e3, 1e4, 5e4, 1e5, 1e6)
    if dose != 5e4 or "64" in name
]


def trained(scan, data, seed, limit):
    """Encoding of the scan it was learned from, and the CPU time for both [s]."""
    began = time.process_time()
    model = RRVAE(seed=seed, device="cpu").fit(data, scan.pixel_size, limit=limit, descan=None)
    found = model.encode(data, limit=limit, descan=None)
    return found, time.process_time() - began


def in_words(value):
    """Name or dose in letters that ``-k`` takes: ``Si_64``, ``5e4``."""
    if isinstance(value, float):
        return f"{value:.0e}".replace("+0", "")
    return value.replace(", ", "_").replace(" in graphene", "").split(" ×")[0]


@pytest.fixture(scope="module", autouse=True)
def warmed_up():
    """Train once before the clock runs."""
    scan = known_scan("graphene")
    trained(scan, scan.drawn(1e4, 0), 0, scan.limit)


@pytest.mark.parametrize(("name", "dose"), DOSES, ids=in_words)
def test_error_of_the_angle(name, dose):
    scan = known_scan(name)
    table = Table(
        f"{name}, {scan.strong.size} positions, {dose:.0e} e/pattern".replace("+0", ""),
        [
            Figure("COM [°]", digits=2),
            Figure("limited COM [°]", digits=2),
            Figure("alone [°]", digits=2),
            Figure("rrVAE [°]", 16.0 if (name, dose) == ("graphene", 1e3) else None, digits=2),
            Figure("/ COM", at_most=RATIOS.get((name, dose))),
            Figure("/ limited", at_most=1.0),
            Figure("ring / COM", at_most=0.8 if "64" in name else None),
            Figure("alone covers [%]", digits=1),
            Figure("covers [%]", at_least=60, at_most=76, digits=1),
            Figure("CPU alone [s]", digits=2),
            Figure("CPU / alone", at_most=1.2, digits=2),
        ],
    )
    for seed in seeds():
        data = scan.drawn(dose, seed)
        com = scan.deflection(data)
        raw, limited = (direction(each) for each in (com, band_limited(com, scan.limit)[0]))
        alone, cpu_alone = trained(scan, data, seed, None)
        found, cpu = trained(scan, data, seed, scan.limit)
        error = scan.median(found.angle)
        table.add(
            seed,
            [
                scan.median(raw),
                scan.median(limited),
                scan.median(alone.angle),
                error,
                error / scan.median(raw),
                error / scan.median(limited),
                scan.median(found.angle, scan.ring) / scan.median(raw, scan.ring),
                covered(scan, alone),
                covered(scan, found),
                cpu_alone,
                cpu / cpu_alone,
            ],
        )
    table.close()


def covered(scan, found):
    """Share of errors within the bar [%]."""
    within = scan.errors(found.angle) <= np.degrees(found.angle_std)
    return 100 * float(np.mean(within[scan.strong]))


def test_nothing_changes_without_noise():
    """One model reads the scan with its neighbours and without: medians of the change."""
    table = Table(
        "noise-free, with the limit against without",
        [
            Figure("turned [°]", at_most=0.05, digits=4),
            Figure("error [°]", digits=4),
            Figure("alone [°]", digits=4),
            Figure("z [%]", at_most=1, digits=3),
            Figure("z, rms [%]", digits=3),
            Figure("COM, rms [%]", at_most=0.1, digits=4),
        ],
        labels="scan",
    )
    for name in SAMPLES:
        scan = known_scan(name)
        data = scan.drawn(None, 0)
        com = scan.deflection(data)
        off = band_limited(com, scan.limit)[0] - com
        model = RRVAE(seed=0, device="cpu").fit(
            data, scan.pixel_size, limit=scan.limit, descan=None
        )
        found, alone = (model.encode(data, limit=each, descan=None) for each in (scan.limit, None))
        turned = np.degrees(np.abs(wrap(found.angle - alone.angle)))[scan.strong]
        moved = np.abs(found.latent - alone.latent) / alone.latent.std(axis=(0, 1))
        row = [np.median(turned), scan.median(found.angle), scan.median(alone.angle)]
        table.add(
            name,
            [*row, 100 * np.median(moved), 100 * rms(moved), 100 * rms(off) / rms(com)],
        )
    table.close()


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))
