"""The window of pixels that a model learns from, recorded and applied again."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.checks import require_finite
from stemwidgets.arrays.disc.find import CIRCLE, Ellipse, find_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.zingers import without_zingers

BATCH = 64  # rows at once: their copies in double precision stay in the cache
# binned pixels: larger windows are binned until they fit, with a quarter to spare
LARGEST_RADIUS = 32.0
ENCLOSED_INTENSITY = 0.998  # of the counts, in the circle: what lies beyond is mostly noise
USABLE_SHARE = 0.7  # of a bin's raw pixels: with fewer that count the bin is a gap, and is filled
MOST_GAPS = 0.5  # of the used pixels: a mask that covers more leaves no pattern to learn from


@dataclass(frozen=True, eq=False)
class PixelWindow:
    """Pixels of a pattern that are used: binned, and within a circle about the optic axis.

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
        Height and width of a raw pixel, in one unit; negative where k falls from pixel to pixel.
    ellipse : Ellipse
        Distortion of the detector, which the coordinates undo.
    mask : ndarray of bool, shape [ky, kx], or None
        True where a raw pixel is left out, whatever it holds.
    limit : ndarray of float32, shape [ky, kx], or None
        Highest count of a raw pixel that is not hit by a single event.
    filling : ndarray of float32, shape [seen pixels, gaps], or None
        Weight of each pixel that is seen in each of the `gaps`; they are 0 without it.
    """

    shape: tuple[int, int]
    center: tuple[float, float]
    radius: float
    binning: int
    pixel_size: tuple[float, float] = (1.0, 1.0)
    ellipse: Ellipse = CIRCLE
    mask: NDArray[np.bool_] | None = None
    limit: NDArray[np.float32] | None = None
    filling: NDArray[np.float32] | None = None

    @classmethod
    def from_mean(
        cls,
        mean_pattern: NDArray[np.floating],
        pixel_size: tuple[float, float] = (1.0, 1.0),
        mask: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Choose centre, radius and binning from the mean pattern ``[ky, kx]``.

        The circle is centred on the bright-field disc, encloses nearly all counts and stays on the
        detector; bins keep its radius near 32 pixels or below. `pixel_size` is the height and width
        of a pixel, in one unit, negative where k falls from pixel to pixel. An InputError if the
        mean pattern has no contrast, or the mask covers most of the circle.
        """
        height, width = mean_pattern.shape
        mask = mask if mask is not None and mask.any() else None
        disc = find_disc(mean_pattern, (abs(pixel_size[0]), abs(pixel_size[1])), mask)
        whole = cls((height, width), disc.center, np.inf, 1, pixel_size, disc.ellipse, mask)
        distance = whole._distance(*np.indices(mean_pattern.shape, dtype=float))
        usable = np.ones(mean_pattern.shape, dtype=bool) if mask is None else ~mask
        on_detector = whole._distance(*_border(height, width)).min()
        counts = mean_pattern[usable]
        counts = np.clip(counts - np.percentile(counts, 1), 0, None)
        order = np.argsort(distance[usable])
        enclosed = np.cumsum(counts[order]) / counts.sum()
        reach = distance[usable][order][np.searchsorted(enclosed, ENCLOSED_INTENSITY)]
        radius = float(min(on_detector, max(1.1 * reach, 1.1 * disc.radius)))
        binning = max(1, int(np.ceil(radius / (1.25 * LARGEST_RADIUS))))
        chosen = cls((height, width), disc.center, radius, binning, pixel_size, disc.ellipse, mask)
        if chosen.gaps.mean() > MOST_GAPS:
            raise InputError(
                "Expected a mask that leaves most of the bright-field disc, got one that covers "
                f"{100 * chosen.gaps.mean():.0f} % of it. True means that a pixel is left out: "
                "pass ~mask if it was meant otherwise."
            )
        return chosen

    @cached_property
    def coordinates(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(y, x)`` of the used pixels about the optic axis, in binned pixels along kx.

        Both pixel size and ellipse are undone: patterns turn on circles, from +kx towards +ky.
        """
        y, x = (
            np.copysign(1.0, size) * grid[self.inside]
            for size, grid in zip(self.pixel_size, self._grid, strict=True)
        )
        return y.astype(np.float64), x.astype(np.float64)

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """True for the pixels of the binned pattern that are used."""
        y, x = self._grid
        inside: NDArray[np.bool_] = np.hypot(y, x) <= self.radius / self.binning
        return inside

    @cached_property
    def gaps(self) -> NDArray[np.bool_]:
        """True for the used pixels that are not seen, ``[pixels]``: most of them is left out."""
        gaps: NDArray[np.bool_] = self._usable_share[self.inside] < USABLE_SHARE
        return gaps

    @property
    def binned_shape(self) -> tuple[int, int]:
        """Shape of the binned pattern; rows and columns that fill no bin are left out."""
        return (self.shape[0] // self.binning, self.shape[1] // self.binning)

    @cached_property
    def _grid(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        shift = (self.binning - 1) / 2
        y, x = np.indices(self.binned_shape, dtype=float) * self.binning + shift
        y, x = self._circularised(y, x)
        return y / self.binning, x / self.binning

    @cached_property
    def _usable_share(self) -> NDArray[np.floating]:
        if self.mask is None:
            return np.ones(self.binned_shape)
        return self._binned(~self.mask[None])[0] / self.binning**2

    def _circularised(
        self, y: NDArray[np.floating], x: NDArray[np.floating]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        aspect = abs(self.pixel_size[0] / self.pixel_size[1])
        return self.ellipse.undo((y - self.center[0]) * aspect, x - self.center[1])

    def _distance(self, y: NDArray[np.floating], x: NDArray[np.floating]) -> NDArray[np.floating]:
        distance: NDArray[np.floating] = np.hypot(*self._circularised(y, x))
        return distance

    def _binned(self, patterns: NDArray[Any]) -> NDArray[np.float32]:
        step, (height, width) = self.binning, self.binned_shape
        whole = patterns[:, : height * step, : width * step]
        lines = whole[:, ::step].astype(np.float32)
        for row in range(1, step):
            lines += whole[:, row::step]
        binned = lines[..., ::step].copy()
        for column in range(1, step):
            binned += lines[..., column::step]
        return binned

    def apply(self, patterns: NDArray[Any]) -> NDArray[np.float32]:
        """Counts in the used pixels, ``[n, pixels]``, with gaps filled from those that are seen.

        Cosmic rays are taken out of the raw patterns ``[..., ky, kx]`` first. A bin of which a few
        raw pixels are left out counts as if they held the mean of the others. An InputError if the
        patterns have another shape than those prepared for, or a pixel is not finite.
        """
        if patterns.shape[-2:] != self.shape:
            raise InputError(
                f"Expected patterns of {self.shape[0]}×{self.shape[1]} pixels, as in the scan that "
                f"the model learned from, got {patterns.shape[-2]}×{patterns.shape[-1]}. Crop or "
                "bin them alike, or train a new model."
            )
        flat = patterns.reshape(-1, *self.shape)
        if self.limit is not None:
            flat = without_zingers(flat, self.limit)
        if self.binning > 1:
            flat = self._binned(flat if self.mask is None else np.where(self.mask, 0, flat))
        prepared = flat[:, self.inside].astype(np.float32, order="C")
        if self.mask is not None:
            self._fill(prepared)
        with np.errstate(invalid="ignore"):  # opposite infinities
            require_finite(prepared.sum(axis=1, dtype=np.float64))
        return prepared

    def _fill(self, prepared: NDArray[np.float32]) -> None:
        seen = ~self.gaps
        share = self._usable_share[self.inside][seen].astype(np.float32)
        values: NDArray[np.float32] = prepared[:, seen] / share
        prepared[:, seen] = values
        prepared[:, self.gaps] = 0.0 if self.filling is None else _product(values, self.filling)

    def restore(self, prepared: NDArray[np.floating]) -> NDArray[np.float32]:
        """Put used pixels ``[n, pixels]`` back into patterns ``[n, ky, kx]``; NaN elsewhere."""
        binned = np.full((len(prepared), *self.binned_shape), np.nan, dtype=np.float32)
        binned[:, self.inside] = prepared / self.binning**2
        patterns = np.full((len(prepared), *self.shape), np.nan, dtype=np.float32)
        height, width = (size * self.binning for size in self.binned_shape)
        patterns[:, :height, :width] = binned.repeat(self.binning, 1).repeat(self.binning, 2)
        return patterns

    def to_record(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Write everything as named arrays and plain values that fit into JSON."""
        arrays = {"mask": self.mask, "limit": self.limit, "filling": self.filling}
        record = {
            "shape": list(self.shape),
            "center": list(self.center),
            "radius": self.radius,
            "binning": self.binning,
            "pixel_size": list(self.pixel_size),
            "ellipse": {"ratio": self.ellipse.ratio, "angle": self.ellipse.angle},
        }
        return {name: array for name, array in arrays.items() if array is not None}, record

    @classmethod
    def from_record(cls, arrays: dict[str, NDArray[Any]], record: dict[str, Any]) -> Self:
        """Read the result of `to_record`."""
        return cls(
            shape=(record["shape"][0], record["shape"][1]),
            center=(record["center"][0], record["center"][1]),
            radius=record["radius"],
            binning=record["binning"],
            pixel_size=(record["pixel_size"][0], record["pixel_size"][1]),
            ellipse=Ellipse(**record["ellipse"]),
            **arrays,
        )


def _product(rows: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Matrix product, in double precision: the result does not depend on the number of rows."""
    product = np.empty((len(rows), matrix.shape[1]), dtype=np.float32)
    exact = matrix.astype(np.float64)
    for start in range(0, len(rows), BATCH):
        product[start : start + BATCH] = rows[start : start + BATCH].astype(np.float64) @ exact
    return product


def _border(height: int, width: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """``(y, x)`` along the edge of a detector."""
    rows, columns = np.arange(-0.5, height), np.arange(-0.5, width)
    top, left = np.full(len(columns), -0.5), np.full(len(rows), -0.5)
    y = np.concatenate([top, top + height, rows, rows])
    x = np.concatenate([columns, columns, left, left + width])
    return y, x
