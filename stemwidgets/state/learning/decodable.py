"""A trained model with the maps that it read, and patterns decoded from them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemwidgets.rrvae.common.records import Encoding

SAMPLED = 400  # positions that represent a large scan
AT_ONCE = 32  # patterns that are decoded together
RANGE = (1, 99)  # percentiles of a latent variable that bound what is looked at


class Code(NamedTuple):
    """Input of the decoder for one pattern.

    Parameters
    ----------
    latent : tuple of float
        Latent variables.
    angle : float
        Rotation [rad].
    kind : int
        Class; 0 if there are none.
    """

    latent: tuple[float, ...]
    angle: float = 0.0
    kind: int = 0


@dataclass(frozen=True, eq=False)
class Decodable:
    """A trained model and its maps of a scan.

    Parameters
    ----------
    model : RRVAE
        The trained model.
    encoding : Encoding
        Maps ``[iy, ix]`` that it read.
    """

    model: Any
    encoding: Encoding

    @cached_property
    def codes(self) -> list[NDArray[Any]]:
        """Latents ``[iy, ix, d]``, angle and, if there are any, classes, as `decode` takes them."""
        encoding = self.encoding
        angle = np.nan_to_num(np.asarray(encoding.angle, np.float32))  # any, where there is none
        codes: list[NDArray[Any]] = [np.asarray(encoding.latent, np.float32), angle]
        if self.has_classes:
            codes.append(np.maximum(np.asarray(encoding.classes), 0).astype(int))
        return codes

    @property
    def has_classes(self) -> bool:
        """True if the model tells kinds of patterns apart."""
        return self.encoding.class_probability is not None

    def code_at(self, position: tuple[int, int]) -> Code | None:
        """The code of the pattern at a position; None if it has none."""
        latent, angle, *kind = (code[position] for code in self.codes)
        if not np.isfinite(latent).all():
            return None
        return Code(tuple(map(float, latent)), float(angle), int(kind[0]) if kind else 0)

    def pattern_at(self, position: tuple[int, int]) -> NDArray[np.float32]:
        """Reconstruction ``[ky, kx]`` of the pattern at a position."""
        pattern: NDArray[np.float32] = self.model.decode(*(code[position] for code in self.codes))
        return pattern

    def mean_pattern(self) -> NDArray[np.float32] | None:
        """Mean of the reconstructions, of some hundred positions in a large scan."""
        defined = np.argwhere(np.isfinite(self.codes[0]).all(axis=-1))
        chosen = defined[:: 1 + len(defined) // SAMPLED]
        codes = [code[tuple(chosen.T)] for code in self.codes]
        parts = [slice(first, first + AT_ONCE) for first in range(0, len(chosen), AT_ONCE)]
        sums = [self.model.decode(*(code[part] for code in codes)).sum(axis=0) for part in parts]
        return sum(sums) / len(chosen) if sums else None

    @cached_property
    def ranges(self) -> list[tuple[float, float]]:
        """Range of nearly all patterns in each latent variable."""
        return [_range(values) for values in np.moveaxis(self.codes[0], -1, 0)]

    @property
    def middle(self) -> Code:
        """The code in the middle of these ranges."""
        return Code(tuple((low + high) / 2 for low, high in self.ranges))


def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, RANGE).tolist() if finite.size else (-1.0, 1.0)
    return (low, high) if high > low else (low - 1.0, low + 1.0)
