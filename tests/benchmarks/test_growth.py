"""How CPU time and memory grow with the number of patterns.

``python -m pytest -m benchmark -s tests/benchmarks/test_growth.py``

Patterns of 32×32 pixels (*harmonic*, half as large) at 10⁴ electrons, from 400 to 64,000, each
number in a process of its own. "over 400" is the CPU time per pattern over that at 400 patterns;
"marginal" is what each pattern beyond the previous number cost, so that what is spent once hides no
growth. Memory is the peak of the process over what it held with the patterns drawn and torch at
work, less the patterns in float32.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rotated_patterns import expected_patterns, harmonic

from benchmarks.table import Figure, Table
from stemwidgets.rrvae import RRVAE

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

COUNTS = (400, 2000, 8000, 32_000, 64_000)
SIZE = 32
DISTINCT = 4000
DOSE = 1e4
MEGABYTE = 1e6


def test_growth():
    table = Table(
        f"growth, {SIZE}x{SIZE} pixels",
        [
            Figure("CPU [s]", digits=2),
            Figure("per pattern [ms]"),
            Figure("over 400", at_most=1.2),
            Figure("marginal [ms]"),
            Figure("training [s]", digits=2),
            Figure("encoding [s]", digits=2),
            Figure("prepared [MB]", digits=0),
            Figure("over it [MB]", at_most=300, digits=0),
        ],
        labels="patterns",
    )
    first, before, spent = None, 0, 0.0
    for count in COUNTS:
        got = in_own_process(count)
        seconds = got["training"] + got["encoding"]
        each = seconds / count
        first = first or each
        prepared = count * SIZE**2 * 4 / MEGABYTE
        marginal = (seconds - spent) / (count - before)
        row = [seconds, 1e3 * each, each / first, 1e3 * marginal, got["training"], got["encoding"]]
        table.add(count, [*row, prepared, got["grown"] - prepared])
        before, spent = count, seconds
    table.close()


def in_own_process(count: int) -> dict[str, float]:
    path = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
    code = (
        f"import sys; sys.path[:0] = {path!r}; import benchmarks.test_growth as g; g.run({count})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def run(count: int) -> None:
    """Train and encode once, and print what it took."""
    patterns = draw(count)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    began = time.process_time()
    model = RRVAE(seed=0).fit(patterns)
    trained = time.process_time()
    model.encode(patterns)
    encoded = time.process_time()
    print(
        json.dumps(
            {
                "training": trained - began,
                "encoding": encoded - trained,
                "grown": memory("VmHWM") - before,
            }
        )
    )


def draw(count: int):
    """Noisy patterns; beyond 4000 the expected ones recur, each with noise of its own."""
    rng = np.random.default_rng(0)
    n = min(count, DISTINCT)
    angle, factor = rng.uniform(-np.pi, np.pi, n), rng.uniform(0, 1, n)
    kind = rng.integers(0, 2, n)
    clean = expected_patterns(half_as_large, angle, factor, kind, SIZE)
    clean *= DOSE / clean.sum(axis=(1, 2)).mean()
    patterns = np.empty((count, SIZE, SIZE), np.uint16)
    for start in range(0, count, DISTINCT):
        part = patterns[start : start + DISTINCT]
        part[:] = rng.poisson(clean[: len(part)])
    return patterns


def half_as_large(x, y, f, kind):
    return harmonic(2 * x, 2 * y, f, kind)


def memory(name: str) -> float:
    """A line of /proc/self/status [MB]."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024 / MEGABYTE
    raise LookupError(name)
