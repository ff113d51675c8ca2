"""The harmonic rrVAE among the kinds of model: from a scan to maps and a trained model."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.faults.clean import FIND
from stemwidgets.arrays.memory import memory_limit
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.device import free_memory
from stemwidgets.rrvae.common.notices import require_finite
from stemwidgets.rrvae.common.preview import preview
from stemwidgets.rrvae.common.protocols import Columns, Learned, Options, State, part, whole_state
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.rrvae.data.fingerprint import Fingerprint
from stemwidgets.rrvae.data.subset import require_share, tell_share
from stemwidgets.rrvae.harmonic import em_on_grid as on_grid
from stemwidgets.rrvae.harmonic.angle_convention import Convention
from stemwidgets.rrvae.harmonic.manifold import Manifold
from stemwidgets.rrvae.harmonic.model import HarmonicModel
from stemwidgets.rrvae.harmonic.projection import Before, ProjectedScan, project_scan
from stemwidgets.rrvae.harmonic.schedule import train
from stemwidgets.rrvae.harmonic.state import Patterns, TrainingState, best_cells

# of the grid from which a trained model starts: every 3.75°, twice as fine as in training
FRAMES = 96
PREVIEW_FRAMES = 48  # of the maps during a training: as coarse as the grid, for speed
SAMPLE = 256  # patterns that determine the angle convention and the typical misfit
LARGEST_SHARE = 0.5  # of a GPU's free memory


class HarmonicRun:
    """One run of training; the coefficients of all patterns stay in memory, divided by processes.

    It begins anew, or goes on from the state `before`.
    """

    def __init__(
        self,
        scan: ProjectedScan,
        options: Options,
        device: torch.device,
        before: "_Before | None" = None,
    ) -> None:
        basis = scan.basis
        self.scan, self.fingerprint = scan, scan.fingerprint
        self.patterns = Patterns(scan.coefficients, torch.from_numpy(scan.relative_dose)).to(device)
        self.seed, self.convention = options.seed, options.convention
        self.last: TrainingState | None = None
        if before is None:
            manifold = Manifold.create(
                torch.from_numpy(basis.order.astype("float32")),
                torch.from_numpy(basis.signal),
                options.latent_dim,
                options.classes,
                options.seed,
            )
            self.start = on_grid.begin(manifold.to(device), basis.noise, scan.independent)
        else:
            self.start = before.training
            if before.fingerprint.same(self.fingerprint):
                self.last = before.training.divided(self.patterns.share)
            else:
                self.start = on_grid.anew(before.training, scan.independent)

    @classmethod
    def begin(
        cls,
        data: Any,
        pixel_size: tuple[float, float],
        mask: NDArray[np.bool_] | None,
        options: Options,
        device: torch.device,
        state: State | None,
        faulty: Any = FIND,
        limit: BandLimit | None = None,
    ) -> Generator[float, None, Self]:
        """Read a scan, and make a run of it; see `Kind`.

        An InputError if there is nothing to learn from, or the state is not whole.
        """
        before = None if state is None else _before(state, device)
        known = None if before is None else before.known
        scan = yield from project_scan(data, pixel_size, mask, known, _room(device), faulty, limit)
        return cls(scan, options, device, before)

    def steps(self) -> Generator[TrainingState]:
        """Train, and give the state after each step."""
        tell_share(self.scan.share)
        start = self.last or self.start
        steps = train(start, self.patterns, self.scan.basis.noise, self.seed)
        for state in steps if self.last is None else _first_whole(steps):
            require_finite(state, self.last, state.manifold.weights)
            self.last = state
            yield state

    def extend(self) -> None:
        """Plan more: local rounds after local rounds, else updates on the grid."""
        assert self.last is not None
        self.last = on_grid.extended(self.last)

    def state(self, result: Learned) -> State:
        """State to go on from; part of it is the record of the `result`."""
        assert self.last is not None
        tensors, record = result.to_record()
        training, position = self.last.whole().to_record()
        training["background"] = torch.from_numpy(self.scan.basis.background)
        mean, of_data = self.fingerprint.to_record()
        tensors |= {f"training.{name}": tensor for name, tensor in training.items()}
        position["share"] = self.scan.share
        return tensors | mean, record | of_data | {"training": position}

    def preview(self, most: int) -> Iterator[Encoding | None]:
        """The maps as they stand, in parts: see `preview.preview`."""
        state = self.last
        assert state is not None
        trained = self.result()
        trained = replace(trained, grid=replace(trained.grid, frames=PREVIEW_FRAMES))
        turning = self.patterns.without(state.fixed)
        left_out = self.scan.left_out

        def read(numbers: NDArray[np.intp]) -> Columns:
            rows = torch.from_numpy(numbers)
            return trained.read(turning.rows(rows.to(turning.dose.device)), left_out[rows])

        return preview(self.scan.filled, self.scan.learned, read, trained.fold, most)

    @torch.no_grad()
    def result(self) -> HarmonicModel:
        """The model as it stands."""
        state = self.last
        assert state is not None
        basis = self.scan.basis.with_fixed(state.fixed.cpu().numpy())
        count = len(self.patterns)
        chosen = torch.linspace(0, count - 1, min(SAMPLE // distributed.count(), count)).long()
        patterns = self.patterns.rows(chosen.to(self.patterns.dose.device))
        sample = best_cells(state, patterns)
        window = self.scan.window
        convention = Convention.choose(
            state.manifold,
            basis,
            window.coordinates,
            distributed.joined(sample.latent),
            distributed.joined(sample.class_index),
            state.noise,
            alike=self.convention == "alike",
        )
        shot_noise = basis.noise / patterns.dose
        turning = patterns.without(state.fixed).coefficients
        if self.scan.neighbours is not None:
            convention = convention.about_mean(self.patterns.without(state.fixed).coefficients)
        convention = convention.measured(
            state.manifold, sample, turning, shot_noise, basis.noise / state.noise
        )
        left_out = distributed.mean(self.scan.relative_dose * self.scan.left_out.numpy())
        return HarmonicModel(
            window,
            basis,
            state.manifold,
            replace(state.grid, frames=FRAMES),
            convention,
            state.noise,
            distributed.mean(patterns.dose * sample.misfit) + left_out,
            self.scan.shot_noise,
            0.0 if self.scan.neighbours is None else self.scan.neighbours.excess,
        )


def _room(device: torch.device) -> float | None:
    """Bytes that coefficients may take in memory and where they are learned from."""
    limit, free = memory_limit(), free_memory(device)
    if device.type == "cpu" or limit is None or free is None:
        return limit
    return min(limit, LARGEST_SHARE * free)


@dataclass(frozen=True, eq=False)
class _Before:
    """State that an earlier run leaves, and the meaning of its coefficients."""

    known: Before
    training: TrainingState
    fingerprint: Fingerprint


def _first_whole(steps: Iterator[TrainingState]) -> Generator[TrainingState]:
    """Pass steps on; an error of the first is reported as one of the state that they start from."""
    with whole_state():
        first = next(steps, None)
    if first is not None:
        yield first
        yield from steps


def _before(state: State, device: torch.device) -> _Before:
    tensors, record = state
    with whole_state():
        trained = HarmonicModel.from_record(tensors, record, device)
        own = part(tensors, "training")
        background = own.pop("background").cpu().numpy()
        training = TrainingState.from_record(
            trained.manifold, trained.grid, own, record["training"], device
        )
        fingerprint = Fingerprint.from_record(*state)
        share = require_share(record["training"].get("share", 1.0))
        if background.shape != trained.basis.background.shape:
            raise ValueError(f"a background of the shape {background.shape}")
        if training.fixed.shape != trained.manifold.signal.shape:
            raise ValueError(f"a fixed part of the shape {tuple(training.fixed.shape)}")
    basis = replace(trained.basis, background=background)
    known = Before(trained.window, basis, share, trained.shot_noise)
    return _Before(known, training, fingerprint)
