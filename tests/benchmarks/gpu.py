"""Training on a GPU: ``PYTHONPATH=.:tests python -m benchmarks.gpu``.

Needs numpy, scipy, numba, dask, safetensors and torch; no HyperSpy, no pytest. 65,536 patterns of
64×64 (*harmonic*, 10⁴ electrons): wall-clock seconds of training with its preparation, and the
median error on other draws over its bound. Then CPU and GPU side by side on fewer patterns, and
what a pattern costs the networks of gradient descent in each epoch.
"""

import argparse
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from rotated_patterns import RotatedPatterns, bragg, harmonic, rotated_patterns

from benchmarks.rulers import angle_error, without_convention
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.rrvae import RRVAE

DRAW = 2048
TEST_SEED = 10_000
EPOCHS = 5
SETS = {"harmonic": harmonic, "bragg": bragg}


def main() -> None:
    """Print the figures, each beside what is asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patterns", type=int, default=65_536)
    parser.add_argument("--compared", type=int, default=4096, help="patterns for CPU beside GPU")
    parser.add_argument("--sets", nargs="+", default=["harmonic"], choices=list(SETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--device", default="cuda")
    chosen = parser.parse_args()
    if chosen.device == "cuda" and not torch.cuda.is_available():
        print("No CUDA device here: nothing was measured. --device cpu tries the script itself.")
        return
    name = torch.cuda.get_device_name() if chosen.device == "cuda" else chosen.device
    print(f"{name}, torch {torch.__version__}, {os.cpu_count()} CPU cores")
    for set_name in chosen.sets:
        patterns = draw(SETS[set_name], chosen.patterns)
        test = rotated_patterns(SETS[set_name], 2000, 1e4, TEST_SEED)
        for seed in chosen.seeds:
            print(f"{set_name}, seed {seed}")
            train_and_test(patterns, test, seed, chosen.device)
            beside_the_cpu(patterns[: chosen.compared], test, seed, chosen.device)
        by_gradient(patterns[: chosen.compared], chosen.device)


def draw(intensity, count: int):
    """Counts ``[count, 64, 64]``, drawn by all cores in pieces."""

    def piece(seed: int):
        return rotated_patterns(intensity, DRAW, 1e4, seed, bound=False).patterns

    began = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        patterns = np.concatenate(list(pool.map(piece, range(-(-count // DRAW)))))[:count]
    print(f"{len(patterns)} patterns drawn in {time.perf_counter() - began:.0f} s")
    return patterns


def train_and_test(patterns, test: RotatedPatterns, seed: int, device: str) -> None:
    """Seconds of a first and a second training, and the error of the second on other draws."""
    if device == "cuda":
        torch.zeros(1, device=device).item()
    for attempt in ("first", "second"):
        began = time.perf_counter()
        model = RRVAE(seed=seed, device=device).fit(patterns)
        trained = time.perf_counter() - began
        print(f"    {attempt} training in this process: {trained:.2f} s (asked ≤ 5)", flush=True)
    began = time.perf_counter()
    model.encode(patterns)
    print(f"    encoding all {len(patterns)}: {time.perf_counter() - began:.2f} s")
    found = model.encode(test.patterns)
    error = angle_error(found.angle, test.angle, 1)
    free = np.median(np.abs(without_convention(error, test, 1)))
    raw = np.degrees(np.abs(error))
    print(
        f"    convention-free median {np.degrees(free):.3f}°, {free / test.best_median_error:.3f} "
        f"of its bound (asked ≤ 1.15)\n"
        f"    raw median {np.median(raw):.3f}°, p90 {np.percentile(raw, 90):.2f}°, "
        f"{100 * np.mean(raw > 15):.2f} % more than 15° off",
        flush=True,
    )
    if device == "cuda":
        print(f"    peak GPU memory {torch.cuda.max_memory_allocated() / 1e9:.2f} GB")


def beside_the_cpu(patterns, test: RotatedPatterns, seed: int, device: str) -> None:
    """Angle maps of one model on both, and of models trained on each."""
    models = {name: RRVAE(seed=seed, device=name).fit(patterns) for name in (device, "cpu")}
    angle = {name: model.encode(test.patterns).angle for name, model in models.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        models[device].save(path)
        angle["same model"] = RRVAE.load(path, device="cpu").encode(test.patterns).angle
    apart, same = (
        np.degrees(np.median(np.abs(wrap(angle[device] - angle[other]))))
        for other in ("cpu", "same model")
    )
    print(
        f"    angle maps of {device} and CPU differ by {apart:.3f}° median (asked ≤ 0.3), trained "
        f"apart on {len(patterns)} patterns; by {same:.4f}° with one model"
    )


def by_gradient(patterns, device: str) -> None:
    """Time per pattern and epoch of the networks whose steps are recorded as CUDA graphs."""
    for kind in ("paper", "vae"):
        RRVAE(kind=kind, device=device, epochs=1).fit(patterns)
        began = time.perf_counter()
        RRVAE(kind=kind, device=device, epochs=EPOCHS).fit(patterns)
        each = (time.perf_counter() - began) / EPOCHS / len(patterns)
        print(f'    kind="{kind}": {1e6 * each:.1f} µs per pattern and epoch', flush=True)


if __name__ == "__main__":
    main()
