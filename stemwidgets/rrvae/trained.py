"""A trained model: what it takes to encode, decode and save."""

from dataclasses import dataclass
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.circular import wrap
from stemwidgets.arrays.preparation import Preparation
from stemwidgets.rrvae.basis import Float, HarmonicBasis
from stemwidgets.rrvae.convention import Convention
from stemwidgets.rrvae.network import Network
from stemwidgets.rrvae.posterior import Posterior, posterior

Summary = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Trained:
    """A network with the preparation, the basis and the angle convention that belong to it.

    Parameters
    ----------
    preparation : Preparation
        Which pixels are used.
    basis : HarmonicBasis
        What they are projected on.
    network : Network
        Encoder and decoder.
    convention : Convention
        What the angle means.
    codebook : Tensor, shape [c, d]
        Latent variables of some training patterns, from where a new pattern is searched.
    noise : float
        Variance of a coefficient about its reconstruction.
    typical_misfit : float
        Mean sum of squares that the reconstruction of a training pattern leaves.
    """

    preparation: Preparation
    basis: HarmonicBasis
    network: Network
    convention: Convention
    codebook: Tensor
    noise: float
    typical_misfit: float

    def encode(self, prepared: Float, device: torch.device) -> Summary:
        """Columns of an `Encoding`, by name, for prepared patterns ``[n, pixels]``."""
        coefficients, left_out = self.basis.project(prepared)
        found = posterior(
            self.network, torch.from_numpy(coefficients).to(device), self.noise, self.codebook
        )
        return self.summarise(found, torch.from_numpy(left_out))

    @torch.no_grad()
    def summarise(self, found: Posterior, left_out: Tensor) -> Summary:
        """Columns of an `Encoding`, by name."""
        angle = found.angle + self.convention.offset(self.network, found.latent)
        order = self.convention.symmetry
        angle = torch.from_numpy(wrap(order * angle.cpu().double().numpy()) / order)
        variance = self.convention.variance(self.network, found.latent, found.covariance)
        confidence = torch.exp(-0.5 * order**2 * variance)
        residual = ((found.misfit.cpu() + left_out) / self.typical_misfit).sqrt()
        columns = {
            "angle": angle,
            "latent": found.latent,
            "confidence": confidence,
            "residual": residual,
            "angle_std": variance.sqrt(),
            "symmetry": torch.full(variance.shape, order, dtype=torch.uint8),
            "symmetry_confidence": torch.ones_like(variance),
        }
        return {name: column.cpu().numpy() for name, column in columns.items()}

    @torch.no_grad()
    def decode(self, latent: Tensor, angle: Tensor) -> Float:
        """Patterns ``[n, ky, kx]`` in counts."""
        turn = angle - self.convention.offset(self.network, latent)
        coefficients = self.network.turn(self.network.decode(latent), turn)
        return self.preparation.restore(self.basis.restore(coefficients.cpu().numpy()))

    def to_record(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything as named tensors and plain values."""
        basis = self.basis
        arrays: dict[str, NDArray[Any]] = {
            "basis.order": basis.order,
            "basis.variance": basis.variance,
            "basis.functions": basis.functions,
            "basis.analysis": basis.analysis,
            "basis.background": basis.background,
            "basis.weight": basis.weight,
        }
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        tensors["network.scale"] = self.network.scale
        tensors["network.gain"] = self.network.gain
        for part in ("encoder", "decoder"):
            for i, (weight, bias) in enumerate(getattr(self.network, part)):
                tensors[f"{part}.{i}.weight"] = weight
                tensors[f"{part}.{i}.bias"] = bias
        tensors["codebook"] = self.codebook
        tensors["convention.pointer"] = self.convention.pointer
        prepared, preparation = self.preparation.to_record()
        tensors |= {f"preparation.{name}": torch.from_numpy(a) for name, a in prepared.items()}
        record = {
            "preparation": preparation,
            "basis": {"noise": basis.noise, "dose": basis.dose},
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
        prepared = {
            name.removeprefix("preparation."): tensor.numpy()
            for name, tensor in tensors.items()
            if name.startswith("preparation.")
        }
        preparation = Preparation.from_record(prepared, record["preparation"])
        names = ("order", "variance", "functions", "analysis", "background", "weight")
        arrays = {name: tensors[f"basis.{name}"].numpy() for name in names}
        basis = HarmonicBasis(
            noise=record["basis"]["noise"], dose=record["basis"]["dose"], **arrays
        )
        layers = {
            part: [(tensors[f"{part}.{i}.weight"], tensors[f"{part}.{i}.bias"]) for i in range(3)]
            for part in ("encoder", "decoder")
        }
        network = Network(
            tensors["basis.order"].float(),
            tensors["network.scale"],
            tensors["network.gain"],
            layers["encoder"],
            layers["decoder"],
        ).to(device)
        return cls(
            preparation,
            basis,
            network,
            Convention(record["symmetry"], tensors["convention.pointer"].to(device)),
            tensors["codebook"].to(device),
            record["noise"],
            record["typical_misfit"],
        )
