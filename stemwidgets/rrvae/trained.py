"""A trained model: what it takes to encode, decode and save."""

import math
from dataclasses import dataclass
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.circular import wrap
from stemwidgets.arrays.preparation import Preparation
from stemwidgets.rrvae.basis import Float, HarmonicBasis
from stemwidgets.rrvae.convention import Convention
from stemwidgets.rrvae.grid import Grid, TurnedPoints
from stemwidgets.rrvae.manifold import Manifold
from stemwidgets.rrvae.posterior import CountLikelihood, refine
from stemwidgets.rrvae.reading import direction, symmetry

Columns = dict[str, NDArray[Any]]

BATCH = 128
STEPS = 8
COUNT_STEPS = 2
NARROW = math.radians(3.0)  # a posterior as narrow as that is read off its peak, not off the grid


@dataclass(frozen=True, eq=False)
class Trained:
    """A manifold with the preparation, the basis and the angle convention that belong to it.

    Parameters
    ----------
    preparation : Preparation
        Which pixels are used.
    basis : HarmonicBasis
        What they are projected on.
    manifold : Manifold
        The decoder.
    grid : Grid
        Points and angles from where a new pattern is searched.
    convention : Convention
        What the angle means.
    noise : float
        Variance of a coefficient about its reconstruction.
    typical_misfit : float
        Mean sum of squares that the reconstruction of a training pattern leaves.
    """

    preparation: Preparation
    basis: HarmonicBasis
    manifold: Manifold
    grid: Grid
    convention: Convention
    noise: float
    typical_misfit: float

    def encode(self, prepared: Float) -> Columns:
        """Columns of an `Encoding`, by name, for prepared patterns ``[n, pixels]``."""
        coefficients, left_out = self.basis.project(prepared)
        return self.read(torch.from_numpy(coefficients), torch.from_numpy(left_out), prepared)

    @torch.no_grad()
    def read(
        self, coefficients: Tensor, left_out: Tensor, prepared: Float | None = None
    ) -> Columns:
        """Columns of an `Encoding`, by name.

        Parameters
        ----------
        coefficients : Tensor, shape [n, 2 * components]
            Patterns.
        left_out : Tensor, shape [n]
            Energy of each outside the basis.
        prepared : ndarray, shape [n, pixels], optional
            Their counts, for the last steps of precision.
        """
        device = self.grid.latent.device
        turned = TurnedPoints(self.manifold, self.grid)
        offset = self.convention.offset(self.manifold, self.grid.latent)
        counts = None if prepared is None else CountLikelihood(self.basis, device)
        batches = []
        for rows in torch.arange(len(coefficients)).split(BATCH):
            patterns = coefficients[rows].to(device)
            pixels = None if prepared is None else torch.from_numpy(prepared[rows]).to(device)
            columns = self._read_batch(turned, offset, patterns, counts, pixels)
            misfit = columns.pop("misfit").cpu() + left_out[rows]
            columns["residual"] = (misfit / self.typical_misfit).sqrt()
            batches.append({name: column.cpu() for name, column in columns.items()})
        if not batches:
            return self.read(torch.zeros(1, coefficients.shape[1]), left_out.new_zeros(1))
        return {name: torch.cat([b[name] for b in batches]).numpy() for name in batches[0]}

    def _read_batch(
        self,
        turned: TurnedPoints,
        offset: Tensor,
        coefficients: Tensor,
        counts: CountLikelihood | None,
        pixels: Tensor | None,
    ) -> dict[str, Tensor]:
        manifold, grid, fold = self.manifold, self.grid, self.convention.symmetry
        cells = turned.posterior(coefficients, self.noise).cells
        broad = direction(cells, grid, offset, fold)
        at_point = cells.sum(dim=0)
        best = cells.transpose(0, 1).flatten(1).argmax(dim=1)
        anchor = grid.latent[best % len(grid.latent)]
        start = grid.angles[best // len(grid.latent)]
        found = refine(
            manifold, coefficients, self.noise, start, anchor, anchor, grid.spacing, STEPS
        )
        if counts is not None and pixels is not None:
            for _ in range(COUNT_STEPS):
                found = counts.step(manifold, pixels, self.noise, found, anchor, grid.spacing)
        local_std = self.convention.variance(manifold, found.latent, found.covariance).sqrt()
        narrow = (local_std < NARROW) & (broad.std < 3 * NARROW)
        angle = found.angle + self.convention.offset(manifold, found.latent)
        angle = torch.where(narrow, angle, broad.angle)
        std = torch.where(narrow, local_std, broad.std)
        latent = torch.where(narrow[:, None], found.latent, at_point @ grid.latent)
        order, probability = symmetry(manifold, manifold.decode(latent), self.noise)
        undefined = order == 0
        confidence = torch.where(narrow, torch.exp(-0.5 * (fold * std) ** 2), broad.resultant)
        wrapped = wrap(angle.cpu().double().numpy(), fold)
        return {
            "angle": torch.from_numpy(wrapped).float().masked_fill(undefined.cpu(), math.nan),
            "latent": latent,
            "confidence": confidence.masked_fill(undefined, 0.0),
            "misfit": found.misfit,
            "angle_std": std,
            "symmetry": order,
            "symmetry_confidence": probability,
        }

    @torch.no_grad()
    def decode(self, latent: Tensor, angle: Tensor) -> Float:
        """Patterns ``[n, ky, kx]`` in counts."""
        turn = angle - self.convention.offset(self.manifold, latent)
        coefficients = self.manifold.turn(self.manifold.decode(latent), turn)
        return self.preparation.restore(self.basis.restore(coefficients.cpu().numpy()))

    def to_record(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything as named tensors and plain values."""
        prepared, preparation = self.preparation.to_record()
        tensors = {f"preparation.{name}": torch.from_numpy(a) for name, a in prepared.items()}
        for name in _BASIS:
            tensors[f"basis.{name}"] = torch.from_numpy(getattr(self.basis, name))
        for name in _MANIFOLD:
            tensors[f"manifold.{name}"] = getattr(self.manifold, name)
        tensors["grid.latent"] = self.grid.latent
        tensors["grid.log_share"] = self.grid.log_share
        tensors["convention.pointer"] = self.convention.pointer
        record = {
            "preparation": preparation,
            "basis": {"noise": self.basis.noise, "dose": self.basis.dose},
            "frames": self.grid.frames,
            "symmetry": self.convention.symmetry,
            "noise": self.noise,
            "typical_misfit": self.typical_misfit,
        }
        return tensors, record

    @classmethod
    def from_record(
        cls, tensors: dict[str, Tensor], record: dict[str, Any], device: torch.device
    ) -> Self:
        """What `to_record` gave."""

        def part(name: str) -> dict[str, Tensor]:
            start = f"{name}."
            return {
                key.removeprefix(start): tensor
                for key, tensor in tensors.items()
                if key.startswith(start)
            }

        prepared = {name: tensor.numpy() for name, tensor in part("preparation").items()}
        basis: dict[str, Any] = {name: tensor.numpy() for name, tensor in part("basis").items()}
        return cls(
            Preparation.from_record(prepared, record["preparation"]),
            HarmonicBasis(**basis, **record["basis"]),
            Manifold(**part("manifold")).to(device),
            Grid(**{k: t.to(device) for k, t in part("grid").items()}, frames=record["frames"]),
            Convention(record["symmetry"], tensors["convention.pointer"].to(device)),
            record["noise"],
            record["typical_misfit"],
        )


_BASIS = ("order", "variance", "signal", "functions", "analysis", "background", "weight")
_MANIFOLD = ("order", "signal", "centers", "whitening", "weights")
