"""Trainings that are killed at random moments, and what their checkpoints are worth.

``python -m pytest -m benchmark -s tests/benchmarks/test_recoveries.py``
"""

import random

import pytest
from rrvae.test_resume import KINDS, killed, record
from scans import turning_spot

from stemwidgets.rrvae import RRVAE

KILLS = 20
NETWORK = {"centered": True, "epochs": 60}
LONG = {"harmonic": {}, "paper": NETWORK, "vae": NETWORK}

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]


def test_killed_trainings_come_to_the_same_end(tmp_path):
    scan, whole = turning_spot(), {}
    for kind, options in LONG.items():
        whole[kind] = record(RRVAE(kind=kind, **options).fit(scan), tmp_path)
    recovered = 0
    for number in range(KILLS):
        kind, path = list(KINDS)[number % len(KINDS)], tmp_path / f"{number}.rrvae"
        killed(kind, path, random.Random(100 + number).uniform(0.0, 0.5))
        resumed = RRVAE.resume(path)
        resumed.fit(scan, checkpoint=path)
        recovered += record(resumed, tmp_path) == whole[kind]
    print(f"\ncrash recoveries: {recovered} of {KILLS}, the same to the last bit")
    assert recovered == KILLS
