"""From raw patterns to the pixels that a model learns from, recorded and applied again."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.checks import require_finite
from stemwidgets.arrays.disc import find_disc
from stemwidgets.arrays.errors import InputError

LARGEST_RADIUS = 32.0
ENCLOSED_INTENSITY = 0.998


@dataclass(frozen=True)
class Preparation:
    """Which pixels of a pattern are used: binned, and within a circle about the optic axis.

    Parameters
    ----------
    shape : (int, int)
        Shape ``[ky, kx]`` of the raw patterns.
    center : (float, float)
        Optic axis ``(ky, kx)`` in raw pixels.
    radius : float
        Radius of the circle, in raw pixels along kx.
    binning : int
        Side of the square of raw pixels that are added up.
    pixel_size : (float, float)
        Height and width of a raw pixel, in one unit.
    """

    shape: tuple[int, int]
    center: tuple[float, float]
    radius: float
    binning: int
    pixel_size: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def from_mean(
        cls, mean_pattern: NDArray[np.floating], pixel_size: tuple[float, float] = (1.0, 1.0)
    ) -> "Preparation":
        """Choose centre, radius and binning from the mean pattern.

        The circle is centred on the bright-field disc, encloses nearly all counts and stays on
        the detector; bins keep its radius near 32 pixels or below.

        Raises
        ------
        InputError
            If the mean pattern has no contrast.
        """
        disc = find_disc(mean_pattern, pixel_size)
        height, width = mean_pattern.shape
        aspect = pixel_size[0] / pixel_size[1]
        y, x = np.indices(mean_pattern.shape)
        distance = np.hypot((y - disc.center[0]) * aspect, x - disc.center[1])
        on_detector = min(
            (disc.center[0] + 0.5) * aspect,
            (height - 0.5 - disc.center[0]) * aspect,
            disc.center[1] + 0.5,
            width - 0.5 - disc.center[1],
        )
        counts = np.clip(mean_pattern - np.percentile(mean_pattern, 1), 0, None)
        order = np.argsort(distance, axis=None)
        enclosed = np.cumsum(counts.ravel()[order]) / counts.sum()
        reach = distance.ravel()[order][np.searchsorted(enclosed, ENCLOSED_INTENSITY)]
        radius = float(min(on_detector, max(1.1 * reach, 1.1 * disc.radius)))
        binning = max(1, int(np.ceil(radius / (1.25 * LARGEST_RADIUS))))
        return cls((height, width), disc.center, radius, binning, pixel_size)

    @cached_property
    def coordinates(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(y, x)`` of the used pixels about the optic axis, in binned pixels along kx."""
        y, x = self._grid
        inside = self.inside
        return y[inside], x[inside]

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Which pixels of the binned pattern are used."""
        y, x = self._grid
        inside: NDArray[np.bool_] = np.hypot(y, x) <= self.radius / self.binning
        return inside

    @property
    def binned_shape(self) -> tuple[int, int]:
        """Shape of the binned pattern; rows and columns that fill no bin are left out."""
        return (self.shape[0] // self.binning, self.shape[1] // self.binning)

    @cached_property
    def _grid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        aspect = self.pixel_size[0] / self.pixel_size[1]
        shift = (self.binning - 1) / 2
        y, x = np.indices(self.binned_shape, dtype=float) * self.binning + shift
        return (
            (y - self.center[0]) * aspect / self.binning,
            (x - self.center[1]) / self.binning,
        )

    def apply(self, patterns: NDArray[Any]) -> NDArray[np.float32]:
        """Counts in the used pixels.

        Parameters
        ----------
        patterns : ndarray, shape [..., ky, kx]
            Raw patterns.

        Returns
        -------
        ndarray of float32, shape [n, pixels]
            One row for each pattern.

        Raises
        ------
        InputError
            If the patterns have another shape than those prepared for, or a pixel is not finite.
        """
        if patterns.shape[-2:] != self.shape:
            raise InputError(
                f"Expected patterns of {self.shape[0]}×{self.shape[1]} pixels, as in the scan that "
                f"the model learned from, got {patterns.shape[-2]}×{patterns.shape[-1]}. Crop or "
                "bin them alike, or train a new model."
            )
        flat = patterns.reshape(-1, *self.shape)
        if self.binning > 1:
            height, width = (size * self.binning for size in self.binned_shape)
            flat = flat[:, :height, :width].reshape(
                len(flat), height // self.binning, self.binning, width // self.binning, self.binning
            )
            flat = flat.sum(axis=(2, 4), dtype=np.float32)
        prepared = flat[:, self.inside].astype(np.float32)
        with np.errstate(invalid="ignore"):  # opposite infinities
            require_finite(prepared.sum(axis=1, dtype=np.float64))
        return prepared

    def restore(self, prepared: NDArray[np.floating]) -> NDArray[np.float32]:
        """Put used pixels ``[n, pixels]`` back into patterns ``[n, ky, kx]``; NaN elsewhere."""
        binned = np.full((len(prepared), *self.binned_shape), np.nan, dtype=np.float32)
        binned[:, self.inside] = prepared / self.binning**2
        patterns = np.full((len(prepared), *self.shape), np.nan, dtype=np.float32)
        height, width = (size * self.binning for size in self.binned_shape)
        patterns[:, :height, :width] = binned.repeat(self.binning, 1).repeat(self.binning, 2)
        return patterns
