"""A trained model, and how it encodes, decodes and is saved."""

import math
from dataclasses import dataclass
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.neighbours import Neighbours
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.basis.harmonics import Float, HarmonicBasis
from stemwidgets.rrvae.common.device import at_a_time
from stemwidgets.rrvae.common.memory import Batch
from stemwidgets.rrvae.common.protocols import part
from stemwidgets.rrvae.harmonic.angle_convention import Convention
from stemwidgets.rrvae.harmonic.angle_posterior import INTERVAL, Direction, direction, symmetry
from stemwidgets.rrvae.harmonic.grid import LatentGrid, TurnedPoints
from stemwidgets.rrvae.harmonic.manifold import Manifold
from stemwidgets.rrvae.harmonic.posterior import CountLikelihood, Posterior, Start, refine
from stemwidgets.rrvae.harmonic.state import Patterns

Columns = dict[str, NDArray[Any]]

BATCH = 2048  # patterns encoded at once, as many as a GPU needs to be busy
STEPS = 3  # of Newton from the best cell, which lies close to the peak
COUNT_STEPS = 6  # on the counts, at most: a pattern that has settled takes no more
NARROW = math.radians(3.0)  # a posterior as narrow as that is read off its peak, not off the grid
ONE_PEAK = math.radians(20.0)  # the same where the manifold is less exact than a pattern's pointer


@dataclass(frozen=True, eq=False)
class HarmonicModel:
    """A manifold with the pixel window, the basis and the angle convention that belong to it.

    Parameters
    ----------
    window : PixelWindow
        Window of pixels that are used.
    basis : HarmonicBasis
        Functions that they are projected on.
    manifold : Manifold
        The decoder.
    grid : LatentGrid
        Points and angles from where a new pattern is searched.
    convention : Convention
        Meaning of the angle.
    noise : float
        Variance of a coefficient about its reconstruction.
    typical_misfit : float
        Mean sum of squares that the reconstruction of a training pattern leaves.
    shot_noise : float
        Variance of the shot noise of one pattern over that of the strongest signal.
    excess : float
        Variance that jitter of the positions adds to it, over it.
    """

    window: PixelWindow
    basis: HarmonicBasis
    manifold: Manifold
    grid: LatentGrid
    convention: Convention
    noise: float
    typical_misfit: float
    shot_noise: float = 1.0
    excess: float = 0.0

    @property
    def fold(self) -> int:
        """The angle is defined modulo 2π / fold."""
        return self.convention.symmetry

    def encode(self, prepared: Float, gain: Float | float = 1.0) -> Columns:
        """Columns of an `Encoding`, by name, for prepared patterns ``[n, pixels]``.

        The neighbours of each make its noise weaker by a factor, the gain ``[n]``.
        """
        coefficients, left_out = self.basis.project(prepared)
        dose = torch.from_numpy(prepared.sum(axis=1) * gain / (self.basis.dose * self.basis.gain))
        patterns = Patterns(torch.from_numpy(coefficients), dose)
        return self.read(patterns, torch.from_numpy(left_out), prepared)

    def neighbours(self, scan: tuple[int, ...], limit: BandLimit | None) -> Neighbours | None:
        """Neighbours from which patterns of a scan of so many positions are known, too."""
        return None if limit is None else Neighbours.of(scan, limit, self.shot_noise)

    @torch.no_grad()
    def read(self, patterns: Patterns, left_out: Tensor, prepared: Float | None = None) -> Columns:
        """Columns of an `Encoding`, by name.

        The patterns are those less the part that does not turn, `left_out` ``[n]`` is the energy of
        each outside the basis. With their counts, `prepared`, come the last steps of precision.
        """
        device = self.grid.latent.device
        turned = TurnedPoints(self.manifold, self.grid)
        offset = self.convention.offset(self.manifold, self.grid.latent, self.grid.class_index)
        counts = None if prepared is None else CountLikelihood(self.basis, device)

        def read(rows: slice) -> dict[str, Tensor]:
            batch = patterns.rows(rows).to(device)
            pixels = None if prepared is None else torch.from_numpy(prepared[rows]).to(device)
            columns = self._read_batch(turned, offset, batch, counts, pixels)
            misfit = columns.pop("misfit").cpu() + left_out[rows]
            columns["residual"] = (batch.dose.cpu() * misfit / self.typical_misfit).sqrt()
            return {name: column.cpu() for name, column in columns.items()}

        batches = Batch(BATCH).run(read, len(patterns))
        return {name: torch.cat([b[name] for b in batches]).numpy() for name in batches[0]}

    def _read_batch(
        self,
        turned: TurnedPoints,
        offset: Tensor,
        patterns: Patterns,
        counts: CountLikelihood | None,
        pixels: Tensor | None,
    ) -> dict[str, Tensor]:
        manifold, grid, convention = self.manifold, self.grid, self.convention
        fold, noise = convention.symmetry, self.noise / patterns.dose
        cell, at_point, broad = self._search(turned, offset, patterns, noise)
        start = grid.start(cell)
        found = refine(manifold, patterns.coefficients, noise, start, STEPS)
        shot_noise, share = self.basis.noise / patterns.dose, self.basis.noise / self.noise
        gain = (patterns.dose * self.basis.gain).clamp(min=1.0)
        jitter = shot_noise * self.excess * (gain - 1)  # see `BandLimit.error`
        given = shot_noise, share, jitter
        _, variance = convention.read(manifold, found, patterns.coefficients, *given)
        one_peak = NARROW if convention.inexact == 0 else ONE_PEAK
        narrow = (variance.sqrt() < one_peak) & (broad.std < 3 * one_peak)
        if counts is not None and pixels is not None:
            found = self._refine_on_counts(counts, pixels, patterns.dose, found, start, narrow)
        angle, variance = convention.read(manifold, found, patterns.coefficients, *given)
        angle = torch.where(narrow, angle, broad.angle)
        std = torch.where(narrow, variance.sqrt(), broad.std).clamp(max=math.pi * INTERVAL / fold)
        of_class = at_point * (grid.class_index == found.class_index[:, None])
        mean = (of_class @ grid.latent) / of_class.sum(dim=1, keepdim=True).clamp(min=1e-30)
        latent = torch.where(narrow[:, None], found.latent, mean)
        order, probability = symmetry(manifold, manifold.decode(latent, found.class_index), noise)
        undefined = order == 0
        confidence = torch.where(narrow, torch.exp(-0.5 * (fold * std) ** 2), broad.resultant)
        wrapped = wrap(angle.cpu().double().numpy(), fold)
        columns = {
            "angle": torch.from_numpy(wrapped).float().masked_fill(undefined.cpu(), math.nan),
            "latent": latent,
            "confidence": confidence.masked_fill(undefined, 0.0),
            "misfit": found.misfit,
            "angle_std": std,
            "symmetry": order,
            "symmetry_confidence": probability,
        }
        if manifold.classes > 1:
            members = torch.nn.functional.one_hot(grid.class_index, manifold.classes).to(at_point)
            columns["class_probability"] = at_point @ members
            columns["classes"] = found.class_index.to(torch.int16)
        return columns

    def _search(
        self, turned: TurnedPoints, offset: Tensor, patterns: Patterns, noise: Tensor
    ) -> tuple[Tensor, Tensor, Direction]:
        """Best cell ``[n]``, probability of each point ``[n, points]`` and posterior angle."""
        best, at_point, directions = [], [], []
        for chunk in patterns.batches(at_a_time(patterns.dose.device)):
            found = turned.posterior(chunk.coefficients, self.noise / chunk.dose)
            best.append(found.best)
            at_point.append(found.cells.sum(dim=0))
            directions.append(direction(found.cells, self.grid, offset, self.convention.symmetry))
        return torch.cat(best), torch.cat(at_point), Direction.joined(directions)

    def _refine_on_counts(
        self,
        counts: CountLikelihood,
        pixels: Tensor,
        dose: Tensor,
        found: Posterior,
        start: Start,
        narrow: Tensor,
    ) -> Posterior:
        """Refine posteriors with one narrow peak, on the counts themselves."""
        for rows in narrow.nonzero()[:, 0].split(at_a_time(pixels.device)):
            better = counts.refine(
                self.manifold,
                pixels[rows],
                dose[rows] / self.noise,
                found.rows(rows),
                start.rows(rows),
                COUNT_STEPS,
            )
            found = found.with_rows(rows, better)
        return found

    @torch.no_grad()
    def decode(self, latent: Tensor, angle: Tensor, class_index: Tensor) -> Float:
        """Patterns ``[n, ky, kx]`` in counts."""
        turn = angle - self.convention.offset(self.manifold, latent, class_index)
        coefficients = self.manifold.turn(self.manifold.decode(latent, class_index), turn)
        return self.window.restore(self.basis.restore(coefficients.cpu().numpy()))

    def to_record(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything as named tensors and plain values."""
        prepared, window = self.window.to_record()
        tensors = {f"preparation.{name}": torch.from_numpy(a) for name, a in prepared.items()}
        for name in _BASIS:
            tensors[f"basis.{name}"] = torch.from_numpy(getattr(self.basis, name))
        for name in _MANIFOLD:
            tensors[f"manifold.{name}"] = getattr(self.manifold, name)
        for name in _GRID:
            tensors[f"grid.{name}"] = getattr(self.grid, name)
        tensors["convention.pointer"] = self.convention.pointer
        record = {
            "preparation": window,
            "basis": {name: getattr(self.basis, name) for name in ("noise", "dose", "gain")},
            "frames": self.grid.frames,
            "symmetry": self.convention.symmetry,
            "frame": self.convention.frame,
            "inexact": self.convention.inexact,
            "zero": list(self.convention.zero),
            "noise": self.noise,
            "typical_misfit": self.typical_misfit,
            "shot_noise": self.shot_noise,
            "excess": self.excess,
        }
        return tensors, record

    @classmethod
    def from_record(
        cls, tensors: dict[str, Tensor], record: dict[str, Any], device: torch.device
    ) -> Self:
        """Read the result of `to_record`."""
        prepared = {name: tensor.numpy() for name, tensor in part(tensors, "preparation").items()}
        basis: dict[str, Any] = {
            name: tensor.numpy() for name, tensor in part(tensors, "basis").items()
        }
        return cls(
            PixelWindow.from_record(prepared, record["preparation"]),
            HarmonicBasis(**basis, **record["basis"]),
            Manifold(**part(tensors, "manifold")).to(device),
            LatentGrid(
                **{k: t.to(device) for k, t in part(tensors, "grid").items()},
                frames=record["frames"],
            ),
            Convention(
                record["symmetry"],
                tensors["convention.pointer"].to(device),
                record["frame"],
                record.get("inexact", 0.0),
                (record.get("zero", (0.0, 0.0))[0], record.get("zero", (0.0, 0.0))[1]),
            ),
            record["noise"],
            record["typical_misfit"],
            record.get("shot_noise", 1.0),
            record.get("excess", 0.0),
        )


_BASIS = ("order", "variance", "signal", "functions", "analysis", "background", "weight")
_GRID = ("latent", "class_index", "spread", "log_share")
_MANIFOLD = ("order", "signal", "centers", "whitening", "weights")
