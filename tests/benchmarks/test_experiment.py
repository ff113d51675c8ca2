"""Angle and defect of an experiment's scan, by default: with every fault, with each one alone.

``python -m pytest -m benchmark -s tests/benchmarks/test_experiment.py``

Errors are medians against the direction of the noise-free COM, with nothing removed, where the
noise-free |COM| is above its 20th percentile. The COM beside them is that of patterns whose faulty
pixels are left out, less a plane.
"""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import stemwidgets as sw
from benchmarks.table import Figure, Table, seeds
from stemwidgets.arrays.calibration.descan import fit_descan
from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.arrays.faults.clean import clean_scan
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.rrvae.common.notices import TrainingNotice

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

NEAR = 1.0  # Å from the Si atom
WHOLE = sw.samples.EXPERIMENT_CAMERA
FAULTS = {
    "none": sw.Camera(),
    **{
        name: replace(sw.Camera(), **{name: getattr(WHOLE, name)})
        for name in (
            "descan",
            "gain",
            "hot",
            "dead",
            "cosmic_rays",
            "jitter",
            "line_jitter",
            "drift",
        )
    },
    "descan 0.84": sw.Camera(descan=0.84),
    "all": WHOLE,
    "all, 0.84": replace(WHOLE, descan=0.84),
}


def strong_and_angle(signal):
    """Where the noise-free COM is not small, and its direction."""
    com = signal.original_metadata.truth.com
    y, x = com.y - com.y.mean(), com.x - com.x.mean()
    size = np.hypot(y, x)
    return size > np.percentile(size, 20), np.arctan2(y, x)


def errors(angle, truth, strong):
    return np.degrees(np.abs(wrap(angle - truth)))[strong]


def com_error(signal):
    strong, truth = strong_and_angle(signal)
    clean = clean_scan(signal.data)
    com = center_of_mass(clean.data, clean.mask)
    y, x = np.moveaxis(com - fit_descan(com, 1).positions, -1, 0)
    return np.median(errors(np.arctan2(y, x), truth, strong))


def rrvae_error(signal, seed, told=None):
    """Median error of the angle [°], share within the error bar [%] and the maps."""
    strong, truth = strong_and_angle(signal)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", TrainingNotice)
        maps = sw.RRVAE(seed=seed).fit(signal).encode(signal)
    if told is not None:
        told.extend(str(warning.message) for warning in heard)
    error = errors(maps.angle.data, truth, strong)
    bar = np.degrees(maps.angle_std.data)[strong]
    return np.median(error), 100 * np.mean(error <= bar), maps


def rank_of_silicon(maps, signal):
    """Rank of the Si atom among ten places that stand out; 99 if it is none of them."""
    site, axes = signal.original_metadata.structure.sites, signal.axes_manager.navigation_axes
    (y,), (x,) = site.y, site.x
    step = axes[0].scale
    for rank, (iy, ix) in enumerate(sw.find_anomalies(maps).places(10), 1):
        if np.hypot(iy * step - y, ix * step - x) < NEAR:
            return rank
    return 99


@pytest.mark.parametrize("descan", [0.1, 0.84])
def test_angle_and_defect_are_right_without_a_keyword(descan):
    table = Table(
        f"experiment, descan of {descan:g} px over the field",
        [
            Figure("rrVAE [°]", at_most=6.5, digits=2),
            Figure("COM [°]", digits=2),
            Figure("rrVAE / COM", at_most=1.2),
            Figure("covered [%]", at_least=58, at_most=78, digits=1),
            Figure("rank of Si", at_least=1, at_most=3, digits=0),
        ],
    )
    for seed in seeds():
        signal = sw.samples.experiment(descan=descan, seed=seed)
        found, covered, maps = rrvae_error(signal, seed)
        beside = com_error(signal)
        table.add(seed, [found, beside, found / beside, covered, rank_of_silicon(maps, signal)])
    table.close()


def test_each_fault_alone_and_all_together():
    table = Table(
        "experiment, errors over those without faults",
        [
            Figure("COM", digits=3),
            Figure("rrVAE", at_most=1.3, digits=3),
            Figure("told", at_least=0, digits=0),
        ],
        labels="fault",
    )
    base = None
    for name, camera in FAULTS.items():
        rows = []
        for seed in list(seeds())[:3]:
            signal = sw.samples.experiment(camera=camera, seed=seed)
            told = []
            error, _, _ = rrvae_error(signal, seed, told)
            rows.append((com_error(signal), error, len(told)))
        com, rrvae, told = np.mean(rows, axis=0)
        base = base or (com, rrvae)
        table.add(name, [com / base[0], rrvae / base[1], told])
    table.close()


def test_descan_of_any_size():
    table = Table(
        "experiment, descan alone, errors over those without",
        [Figure("rrVAE", at_most=1.1, digits=3), Figure("COM", digits=3)],
        labels="px",
    )
    base = None
    for descan in (0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.84, 1.05, 1.2, 1.5, 2, 3, 4, 5):
        signals = [
            sw.samples.experiment(camera=sw.Camera(descan=descan), seed=seed)
            for seed in list(seeds())[:3]
        ]
        error = np.mean([rrvae_error(signal, 0)[0] for signal in signals])
        com = np.mean([com_error(signal) for signal in signals])
        base = base or (error, com)
        table.add(descan, [error / base[0], com / base[1]])
    table.close()


def test_a_step_between_lines():
    table = Table(
        "experiment, a step of 0.5 px beside all faults, errors over those without it",
        [
            Figure("without [°]", digits=2),
            Figure("with [°]", digits=2),
            Figure("ratio", at_most=1.1),
        ],
    )
    for seed in list(seeds())[:3]:
        pair = [
            rrvae_error(sw.samples.experiment(camera=camera, seed=seed), seed)[0]
            for camera in (WHOLE, replace(WHOLE, jump=0.5))
        ]
        table.add(seed, [*pair, pair[1] / pair[0]])
    table.close()
