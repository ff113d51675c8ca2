"""A scan larger than memory, from load to export, in a process that is limited to 2 GB.

``python -m pytest -m benchmark -s tests/benchmarks/test_scale.py``

``BENCHMARK_GB`` (8) is the size of the largest scan, patterns of 128×128 pixels in uint16 at 2000
electrons in chunks of 4 MB, as `rechunk` makes them; the smaller one has an eighth. A process of
its own, whose data are limited by RLIMIT_DATA, does load (lazy), COM, preparation, training,
encoding and export. "peak" is the most memory that was resident; "reading" is what training reads
before its first step. "over decoding" is the time of everything but the training itself, over
decoding the file twice in the same way with nothing done to it. "growth" is the time per byte over
that of the smaller scan.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
from numcodecs import Blosc
from rotated_patterns import expected_patterns, harmonic

from benchmarks.table import Figure, Table

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(7200)]

GIGABYTES = float(os.environ.get("BENCHMARK_GB", "8"))
LIMIT = 2 * 10**9
COLUMNS, SIDE, DISTINCT = 256, 128, 1024
STEPS = ("COM", "preparation", "reading", "training", "encoding and export")


def test_a_scan_larger_than_memory(tmp_path):
    table = Table(
        f"limited to {LIMIT / 1e9:g} GB of data",
        [
            Figure("peak [GB]", at_most=1.5),
            *(Figure(f"{step} [s]", digits=1) for step in STEPS),
            Figure("decoding twice [s]", digits=1),
            Figure("over decoding", at_most=1.5, digits=2),
            Figure("growth", at_most=1.15, digits=2),
        ],
        labels="GB",
    )
    each = None
    for size in (GIGABYTES / 8, GIGABYTES):
        path = tmp_path / "scan.zspy"
        write(path, size)
        got = in_own_process(path)
        seconds = [got[step] for step in STEPS]
        work = sum(seconds) - got["training"]
        each = each or sum(seconds) / size
        over = work / got["decoding twice"]
        growth = sum(seconds) / size / each
        table.add(size, [got["peak"] / 1e9, *seconds, got["decoding twice"], over, growth])
    table.close()


def test_streamed_and_in_memory_training_agree(tmp_path):
    import stemwidgets as sw

    write(tmp_path / "scan.zspy", 0.25)
    table = Table(
        "streamed against in memory, 0.25 GB",
        [Figure("loss apart [%]", at_most=2), Figure("angle apart [deg]", at_most=0.1)],
    )
    for seed in (0, 1):
        ends, angles = [], []
        for lazy in (True, False):
            signal = sw.load(tmp_path / "scan.zspy", lazy=lazy)
            model = sw.RRVAE(seed=seed)
            ends.append([progress.loss for progress in model.steps(signal, maps=False)][-1])
            angles.append(model.encode(signal).angle.data)
        apart = np.angle(np.exp(1j * (angles[0] - angles[1])))
        loss = 100 * abs(ends[0] - ends[1]) / abs(ends[1])
        table.add(seed, [loss, np.degrees(np.nanmedian(np.abs(apart)))])
    table.close()


def test_rates_of_one_core(tmp_path):
    """Processor time of each step, in a process of its own that reads with one thread."""
    write(tmp_path / "scan.zspy", 0.5)
    got = in_own_process(tmp_path / "scan.zspy", "rates")
    size, patterns = got.pop("bytes"), got.pop("patterns")
    table = Table(
        f"one core, {patterns:,} patterns",
        [
            Figure("CPU [s]", digits=2),
            Figure("MB/s", digits=0),
            Figure("over decoding", digits=1),
            Figure("per pattern [ms]"),
        ],
        labels="step",
    )
    for step, seconds in got.items():
        rates = [size / seconds / 1e6, seconds / got["decoding"], 1e3 * seconds / patterns]
        table.add(step, [seconds, *rates])
    table.close()


def write(path: Path, gigabytes: float, columns: int = 32) -> None:
    """A scan of so many bytes in chunks of 4 × `columns` patterns: noise is new in each row."""
    import hyperspy.api as hs

    rng = np.random.default_rng(0)
    angle, factor = rng.uniform(-np.pi, np.pi, DISTINCT), rng.uniform(0, 1, DISTINCT)
    kind, side = rng.integers(0, 2, DISTINCT), SIDE // 2
    clean = expected_patterns(harmonic, angle, factor, kind, side)
    clean = np.pad(clean, ((0, 0), *[((SIDE - side) // 2, (SIDE - side + 1) // 2)] * 2))
    clean *= 2000 / clean.sum(axis=(1, 2)).mean()
    rows = max(4, 4 * round(gigabytes * 1e9 / (COLUMNS * SIDE**2 * 2 * 4)))
    hs.signals.Signal2D(np.zeros((1, 1, SIDE, SIDE), np.uint16)).save(path, overwrite=True)
    group = zarr.open(zarr.NestedDirectoryStore(str(path)), mode="r+")["Experiments/__unnamed__"]
    for name, size in (("axis-0", rows), ("axis-1", COLUMNS)):
        group[name].attrs["size"] = size
    data = group.create_dataset(
        "data",
        shape=(rows, COLUMNS, SIDE, SIDE),
        chunks=(4, columns, SIDE, SIDE),
        dtype=np.uint16,
        compressor=Blosc("lz4", 5, Blosc.BITSHUFFLE),
        overwrite=True,
    )
    blocks = [rng.poisson(clean).astype(np.uint16) for _ in range(8)]
    for row in range(0, rows, 4):
        chosen = rng.permutation(DISTINCT)
        data[row : row + 4] = blocks[row // 4 % 8][chosen].reshape(4, COLUMNS, SIDE, SIDE)
    zarr.consolidate_metadata(group.store)


def in_own_process(path: Path, what: str = "run") -> dict[str, float]:
    roots = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
    code = (
        f"import sys; sys.path[:0] = {roots!r}; import benchmarks.test_scale as s; "
        f"s.{what}({str(path)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def run(path: str) -> None:
    """All steps once, then decode the file twice, and print what it took."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    import stemwidgets as sw
    from stemwidgets.arrays.blocks import iterate_blocks

    sw.center_of_mass(np.ones((4, 4, SIDE, SIDE), np.uint16))  # imports, and compiles
    took, began = {}, time.perf_counter()

    def done(step: str) -> None:
        nonlocal began
        took[step], began = time.perf_counter() - began, time.perf_counter()

    signal = sw.load(path, lazy=True)
    sw.center_of_mass(signal)
    done("COM")
    prepared = sw.Preparation().center().crop(60).apply(signal)
    done("preparation")
    model = sw.RRVAE(seed=0)
    for progress in model.steps(prepared, maps=False):
        if "reading" not in took and progress.epochs > 0:
            done("reading")
        last = progress.loss
    assert np.isfinite(last)
    done("training")
    model.encode(prepared, Path(path).with_name("maps.zspy"), overwrite=True)
    model.save(Path(path).with_name("model.rrvae"))
    done("encoding and export")
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2):
        for _block in iterate_blocks(signal.data):
            pass
    done("decoding twice")
    print(json.dumps({**took, "peak": peak}))


def rates(path: str) -> None:
    """Print the processor time of each step by itself."""
    import dask
    import torch

    import stemwidgets as sw
    from stemwidgets.arrays.blocks import iterate_blocks

    dask.config.set(num_workers=1)
    torch.set_num_threads(1)
    signal = sw.load(path, lazy=True)
    recipe = sw.Preparation().center().crop(60)
    prepared, model = recipe.apply(signal), sw.RRVAE(seed=0)
    folder = Path(path).parent

    def decode() -> None:
        for _ in iterate_blocks(signal.data):
            pass

    def read() -> None:
        for progress in model.steps(prepared, maps=False):
            if progress.epochs > 0:
                return

    steps = {
        "decoding": decode,
        "centre of mass": lambda: sw.center_of_mass(signal),
        "virtual image": lambda: sw.virtual_image(signal, "ADF"),
        "measuring a preparation": lambda: recipe.apply(signal),
        "reading for training": read,
        "training with it": lambda: model.fit(prepared),
        "encoding": lambda: model.encode(prepared, folder / "maps.zspy", overwrite=True),
        "rechunk": lambda: sw.rechunk(
            path, folder / "copy.zspy", overwrite=True, progress=lambda _: None
        ),
    }
    took: dict[str, float] = {"bytes": signal.data.nbytes, "patterns": signal.data[..., 0, 0].size}
    for name, step in steps.items():
        if name != "training with it":
            step()  # compiles, and brings the file into memory
        began = time.process_time()
        step()
        took[name] = time.process_time() - began
    print(json.dumps(took))
