"""A trained network of the paper, and how it encodes, decodes and is saved."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.memory import Batch
from stemwidgets.rrvae.paper.network import PaperNetwork

ENCODING_BATCH = 256  # patterns encoded at once
# of the rings on which decoded patterns are integrated: for orders up to 6
RADII, DIRECTIONS = 12, 24
HIGHEST_FOLD = 6  # of a crystal along its axis
CLEAR = 9.0  # times the power of one pattern's noise, in half of the patterns at least


@dataclass(frozen=True, eq=False)
class Scaling:
    """Scaling of counts for the network: ``(counts - offset) / scale``.

    Each of several processes has its own patterns, and all of them have one scaling.

    Parameters
    ----------
    offset : Tensor, shape [pixels]
        Counts that become 0.
    scale : float
        Counts that make 1.
    """

    offset: Tensor
    scale: float

    @classmethod
    def min_max(cls, prepared: Tensor) -> Self:
        """All pixels of all patterns into [0, 1], as in the paper."""
        low = min(distributed.all_gather(float(prepared.min())))
        high = max(distributed.all_gather(float(prepared.max())))
        return cls(prepared.new_full(prepared.shape[1:], low), max(high - low, 1e-30))

    @classmethod
    def centered(cls, prepared: Tensor) -> Self:
        """The mean pattern becomes 0, and the root mean square about it becomes 1."""
        blocks = prepared.split(ENCODING_BATCH)
        mean = sum((b.sum(0, dtype=torch.float32) for b in blocks), torch.zeros(()).to(prepared))
        mean = distributed.total(mean) / distributed.total(len(prepared))
        squares = distributed.total(sum(float((b - mean).square().sum()) for b in blocks))
        return cls(mean, max(math.sqrt(squares / distributed.total(prepared.numel())), 1e-30))

    def apply(self, prepared: Tensor) -> Tensor:
        """Scale counts."""
        return (prepared - self.offset) / self.scale

    def undo(self, scaled: Tensor) -> Tensor:
        """Restore counts."""
        return scaled * self.scale + self.offset


@dataclass(frozen=True, eq=False)
class PaperTrained:
    """A network with the scaling and the angle convention that belong to it.

    Parameters
    ----------
    network : PaperNetwork
        Encoder and decoder.
    scaling : Scaling
        Scaling of the counts.
    fold : int
        The angle is defined modulo 2π / fold.
    typical_misfit : float
        Mean square that a pixel of a training pattern lies off its reconstruction, scaled.
    """

    network: PaperNetwork
    scaling: Scaling
    fold: int
    typical_misfit: float

    @classmethod
    @torch.no_grad()
    def measure(cls, network: PaperNetwork, scaling: Scaling, prepared: Tensor) -> Self:
        """Find the meaning of the angle and the typical misfit from some training patterns."""
        scaled = scaling.apply(prepared)
        angle, latent = network.split(network.encode(scaled)[0])
        misfit = float((network.decode(latent, angle) - scaled).square().mean())
        fold = _fold(network, latent, misfit) if network.turning else 1
        return cls(network, scaling, fold, max(misfit, 1e-30))

    def encode(self, prepared: Tensor, pixels: int | None = None) -> dict[str, NDArray[Any]]:
        """Columns of an `Encoding`, by name, for counts ``[n, used pixels]``.

        For speed the residual may be taken from about so many pixels, evenly spread. The network
        does not estimate the symmetry of single patterns: it is `fold` everywhere, and its
        confidence NaN. Without an angle, angle and standard deviation are NaN, confidence and
        symmetry 0.
        """
        stride = 1 if pixels is None else max(1, len(self.network.coordinates) // pixels)

        def encode(rows: slice) -> dict[str, NDArray[Any]]:
            return self._encode(prepared[rows], stride)

        blocks = Batch(ENCODING_BATCH).run(encode, len(prepared))
        return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}

    @torch.no_grad()
    def _encode(self, prepared: Tensor, stride: int) -> dict[str, NDArray[Any]]:
        network, scaled = self.network, self.scaling.apply(prepared)
        mean, log_std = network.encode(scaled)
        angle, latent = network.split(mean)
        angle_std = network.split(log_std.exp())[0]
        misfit = network.decode(latent, angle, stride) - scaled[:, ::stride]
        columns = {
            "angle": angle + self._heading(latent),
            "latent": latent,
            "confidence": torch.exp(-((self.fold * angle_std) ** 2) / 2).nan_to_num(0.0),
            "residual": (misfit.square().mean(1) / self.typical_misfit).sqrt(),
            "angle_std": angle_std,
            "symmetry_confidence": torch.full_like(angle_std, torch.nan),
        }
        found = {name: column.cpu().numpy() for name, column in columns.items()}
        found["angle"] = wrap(found["angle"], self.fold).astype(np.float32)
        symmetry = self.fold if network.turning else 0
        return found | {"symmetry": np.full(len(prepared), symmetry, dtype=np.uint8)}

    @torch.no_grad()
    def decode(self, latent: Tensor, angle: Tensor) -> Tensor:
        """Counts in the used pixels, ``[n, pixels]``, for latent variables ``[n, d]``.

        At angle 0 [rad] the pattern's centre of mass lies along +kx. A model without an angle
        ignores it.
        """
        return self.scaling.undo(self.network.decode(latent, angle - self._heading(latent)))

    def _heading(self, latent: Tensor) -> Tensor:
        """Direction of the unturned decoded patterns' own centre of mass [rad], ``[n]``."""
        if not self.network.turning:
            return torch.full_like(latent[:, 0], torch.nan)
        vector = _moments(self.network, latent, [self.fold])[:, 0]
        return torch.atan2(vector[:, 1], vector[:, 0]) / self.fold

    def to_record(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything as named tensors and plain values."""
        tensors, record = self.network.to_record()
        record |= {
            "scale": self.scaling.scale,
            "fold": self.fold,
            "typical_misfit": self.typical_misfit,
        }
        return tensors | {"offset": self.scaling.offset}, record

    @classmethod
    def from_record(
        cls, tensors: dict[str, Tensor], record: dict[str, Any], device: torch.device
    ) -> Self:
        """Read the result of `to_record`."""
        network = PaperNetwork.from_record(tensors, record).to(device)
        scaling = Scaling(tensors["offset"].to(device), record["scale"])
        return cls(network, scaling, record["fold"], record["typical_misfit"])


def _moments(network: PaperNetwork, latent: Tensor, orders: list[int]) -> Tensor:
    """Integrals of r cos(mφ) and r sin(mφ) over the unturned patterns, ``[n, orders, 2]``.

    Order 1 gives the centre of mass. They are taken on rings, where no direction is preferred.
    """
    radius = (torch.arange(RADII) + 0.5) / RADII
    direction = torch.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
    rings = radius[:, None, None] * torch.stack([direction.cos(), direction.sin()], dim=-1)
    area = radius / RADII * (2 * math.pi / DIRECTIONS)
    phase = direction[:, None] * torch.tensor(orders)
    waves = torch.stack([phase.cos(), phase.sin()], dim=-1)
    weight = (area * radius)[:, None, None, None] * waves
    unturned = torch.zeros_like(latent[:, 0])
    values = network.decode_at(rings.flatten(0, 1).to(latent), latent, unturned)
    return torch.tensordot(values, weight.flatten(0, 1).to(latent), dims=1)


def _fold(network: PaperNetwork, latent: Tensor, noise: float) -> int:
    """The lowest order that stands out of the noise of one pattern; 1 if none does."""
    orders = list(range(1, HIGHEST_FOLD + 1))
    power = _moments(network, latent, orders).square().sum(-1).median(0).values
    of_noise = noise * (math.pi / 2) * (math.pi / len(network.coordinates))
    clear = (power > CLEAR * of_noise).tolist()
    return orders[clear.index(True)] if True in clear else 1
