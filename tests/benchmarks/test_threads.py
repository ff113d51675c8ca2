"""Training on one CPU thread and on two, each kind of model.

``python -m pytest -m benchmark -s tests/benchmarks/test_threads.py``

Seconds of training 300 patterns of 33×33 pixels, the median of three in turn, and whether both
learn the same to the last bit. What else runs on the machine counts: see the load beside it.
"""

import os
import statistics
import time
from contextlib import contextmanager

import pytest
import torch
from rotated_patterns import harmonic, rotated_patterns

from benchmarks.table import Figure, Table
from stemwidgets.rrvae import RRVAE

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

KINDS = {
    "harmonic": {},
    "paper": {"centered": True, "epochs": 2},
    "vae": {"centered": True, "epochs": 40},
}
REPEATS = 3


@contextmanager
def threads(count, monkeypatch):
    """Let torch use so many, whatever a training asks for."""
    torch.set_num_threads(count)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "set_num_threads", lambda _: None)
        yield


def test_threads(monkeypatch):
    patterns = rotated_patterns(harmonic, n=300, dose=1e4, seed=0, size=33, bound=False).patterns
    before = torch.get_num_threads()
    table = Table(
        f"one thread and two, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        [Figure("one [s]", digits=2), Figure("two [s]", digits=2), Figure("two/one", digits=2),
         Figure("same bits", digits=0)],
        labels="kind",
    )  # fmt: skip
    for kind, options in KINDS.items():
        RRVAE(kind=kind, **options).fit(patterns)
        seconds, latent = {1: [], 2: []}, {}
        for _ in range(REPEATS):
            for count in seconds:
                with threads(count, monkeypatch):
                    began = time.perf_counter()
                    model = RRVAE(kind=kind, **options).fit(patterns)
                    seconds[count].append(time.perf_counter() - began)
                    latent[count] = model.encode(patterns).latent
        one, two = (statistics.median(values) for values in seconds.values())
        same = (latent[1] == latent[2]).all()
        table.add(kind, [one, two, two / one, float(same)])
    torch.set_num_threads(before)
    table.close()
