"""Fingerprint of a scan, to recognise the data that a training began with."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.arrays.errors import InputError

TOLERANCE = 1e-4  # of the mean; another order of summing changes less, another scan more


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Identity of a scan.

    Parameters
    ----------
    shape : tuple of int
        Shape of the whole array, ``[..., ky, kx]``.
    dose : float
        Mean counts of a pattern in the used pixels.
    mean : Tensor, shape [used pixels]
        Mean pattern.
    """

    shape: tuple[int, ...]
    dose: float
    mean: Tensor

    @classmethod
    def from_sum(cls, shape: tuple[int, ...], total: NDArray[np.float64], patterns: int) -> Self:
        """Take it from the sum of so many patterns, ``[used pixels]``."""
        mean = torch.from_numpy((total / patterns).astype(np.float32))
        return cls(tuple(shape), float(total.sum() / patterns), mean)

    def same(self, other: "Fingerprint") -> bool:
        """True if both are of the same data."""
        return not self.difference(other)

    def difference(self, other: "Fingerprint") -> str:
        """Difference of the data of another one from these, in words; empty if there is none."""
        if self.shape != other.shape:
            return f"their shape is {_size(other.shape)} instead of {_size(self.shape)}"
        if abs(self.dose - other.dose) > TOLERANCE * abs(self.dose):
            return f"they have {other.dose:.6g} counts per pattern instead of {self.dose:.6g}"
        if self.mean.shape != other.mean.shape or not torch.allclose(
            self.mean, other.mean, rtol=0, atol=TOLERANCE * float(self.mean.abs().max())
        ):
            return "their mean pattern is another one"
        return ""

    def require_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse data of another shape, before they are read."""
        self.require(Fingerprint(tuple(shape), self.dose, self.mean))

    def require(self, other: "Fingerprint") -> None:
        """Refuse other data than those that a training began with, and say how they differ."""
        difference = self.difference(other)
        if difference:
            raise InputError(
                f"Expected the data that the checkpoint was written for, got others: {difference}. "
                "Pass the same data, or train a new model on these."
            )

    def to_record(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything as named tensors and plain values."""
        return {"fingerprint.mean": self.mean}, {
            "fingerprint": {"shape": list(self.shape), "dose": self.dose}
        }

    @classmethod
    def from_record(cls, tensors: dict[str, Tensor], record: dict[str, Any]) -> Self:
        """Read the result of `to_record`."""
        of_all = record["fingerprint"]
        return cls(tuple(of_all["shape"]), float(of_all["dose"]), tensors["fingerprint.mean"])


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
