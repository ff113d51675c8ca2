"""AtomAI's rVAE beside ours: CPU to the first encoding below 5°, and per pattern and epoch.

``PYTHONPATH=.:tests python -m benchmarks.atomai_beside`` in an environment with AtomAI, torch,
numba, dask, safetensors; no HyperSpy. One thread each, the same patterns (*harmonic*, 10⁴
electrons). AtomAI runs as in its own examples (patterns scaled to [0, 1], its defaults) and once
more with what makes it learn: data centred per pixel and times 10, learning rate 1e-3. Its encoding
is tried after every epoch, at no charge; ours whenever training hands one over, and charged.
"""

import argparse
import importlib.machinery
import os
import sys
import tempfile
import time
import types
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from rotated_patterns import harmonic, rotated_patterns

from benchmarks.rulers import angle_error
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae import RRVAE, Encoding

GOAL = 5.0


@dataclass
class Run:
    """What one training took and where it stood."""

    name: str
    seconds_to_goal: float | None = None
    seconds: float = 0.0
    passes: int = 0
    error: float = np.nan

    def row(self, patterns: int) -> str:
        goal = self.seconds_to_goal
        to_goal = f"{goal:.1f}" if goal else f"> {self.seconds:.0f}"
        return (
            f"{self.name:36}  {to_goal:>10}  {1e6 * self.each(patterns):>12.1f}  "
            f"{self.passes:>6}  {self.error:>9.2f}"
        )

    def each(self, patterns: int) -> float:
        return self.seconds / max(self.passes, 1) / patterns


def main() -> None:
    """Run all side by side and print rows and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=600, help="CPU-seconds for each run")
    parser.add_argument("--patterns", type=int, default=2000)
    parser.add_argument("--size", type=int, default=64, help="side of a pattern in pixels")
    parser.add_argument("--dose", type=float, default=1e4, help="electrons per pattern")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    truth = rotated_patterns(harmonic, chosen.patterns, chosen.dose, chosen.seed, chosen.size)
    print(
        f"{chosen.patterns} patterns of {chosen.size}x{chosen.size}, {chosen.dose:.0e} electrons, "
        f"seed {chosen.seed}; at most {chosen.limit:.0f} CPU-seconds each\n"
        f"{'':36}  {'CPU to 5°':>10}  {'µs/(pat ep)':>12}  {'epochs':>6}  {'error [°]':>9}"
    )
    ours = show(train_ours("harmonic", truth, chosen), chosen)
    try:
        paper = show(train_ours("paper", truth, chosen), chosen)
    except InputError as error:
        paper = None
        print(f'kind="paper": {error}')
    low, high = truth.patterns.min(), truth.patterns.max()
    scaled = ((truth.patterns - low) / (high - low)).astype(np.float32)
    centred = (10 * (scaled - scaled.mean(axis=0))).astype(np.float32)
    for name, data, options in (
        ("AtomAI, its defaults", scaled, {}),
        ("AtomAI, centred data x10, lr 1e-3", centred, {"optimizer": adam}),
    ):
        other = show(train_atomai(name, data, truth, chosen, options), chosen)
        at_least = "" if other.seconds_to_goal else "at least "
        if ours.seconds_to_goal:
            gain = (other.seconds_to_goal or other.seconds) / ours.seconds_to_goal
            print(f"    CPU to 5°: {at_least}{gain:.0f}x ours (asked ≥ 100)")
        n = chosen.patterns
        print(f"    per pattern and epoch: {other.each(n) / ours.each(n):.0f}x ours (asked ≥ 100)")
        if paper:
            print(f'    and {other.each(n) / paper.each(n):.1f}x kind="paper" (asked ≥ 2)')


def show(run: Run, chosen: argparse.Namespace) -> Run:
    print(run.row(chosen.patterns), flush=True)
    return run


def train_ours(name: str, truth, chosen: argparse.Namespace) -> Run:
    """Until the training ends by itself or the limit is reached."""
    model = RRVAE(seed=chosen.seed, kind=name)
    run = Run(f'stemwidgets, kind="{name}"')
    began = time.process_time()
    steps = model.steps(truth.patterns)
    for progress in steps:
        run.passes = progress.epoch
        run.seconds = time.process_time() - began
        if progress.encoding is not None and run.seconds_to_goal is None:
            run.error = error_shown(progress.encoding, truth.angle)
            run.seconds_to_goal = run.seconds if run.error < GOAL else None
        if run.seconds > chosen.limit:
            steps.close()
    run.error = median_error(model.encode(truth.patterns).angle, truth.angle)
    if run.seconds_to_goal is None and run.error < GOAL:
        run.seconds_to_goal = time.process_time() - began
    return run


def train_atomai(name: str, data, truth, chosen: argparse.Namespace, options: dict) -> Run:
    """Until the goal or the limit is reached."""
    run, spent_on_looking = Run(name), 0.0
    model = import_atomai().models.rVAE(
        data.shape[1:], latent_dim=2, translation=False, seed=chosen.seed
    )
    began = time.process_time()

    class EnoughError(Exception):
        """Ends the training from inside."""

    def after_epoch(epoch: int) -> None:
        nonlocal spent_on_looking
        run.passes = epoch + 1
        now = time.process_time()
        run.seconds = now - began - spent_on_looking
        run.error = median_error(model.encode(data)[0][:, 0], truth.angle)
        spent_on_looking += time.process_time() - now
        if run.error < GOAL:
            run.seconds_to_goal = run.seconds
        if run.error < GOAL or run.seconds > chosen.limit:
            raise EnoughError

    model.print_statistics = after_epoch
    with tempfile.TemporaryDirectory() as folder:
        try:
            filename = os.path.join(folder, "model")  # noqa: PTH118
            model.fit(data, training_cycles=100_000, filename=filename, **options)
        except EnoughError:
            pass
    return run


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-3)


def error_shown(encoding: Encoding, truth) -> float:
    """That of the patterns that were read: the others show the next one's values."""
    shown = np.arange(len(truth)) if encoding.shown is None else encoding.shown
    own = shown == np.arange(len(truth))
    return median_error(encoding.angle[own], truth[own])


def median_error(angle, truth) -> float:
    if not np.isfinite(angle).all():
        return np.inf
    return float(np.degrees(np.median(np.abs(angle_error(angle, truth, 1)))))


def import_atomai():
    """AtomAI; without a torchvision that fits the torch at hand, its networks for images go."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        for name in ("torchvision", "torchvision.models", "torchvision.utils"):
            module = types.ModuleType(name)
            module.__spec__ = importlib.machinery.ModuleSpec(name, None)
            sys.modules[name] = module
        for name in ("mobilenet_v2", "resnet50", "vgg16"):
            setattr(sys.modules["torchvision.models"], name, None)
        sys.modules["torchvision.utils"].make_grid = None
    import atomai

    return atomai


if __name__ == "__main__":
    main()
