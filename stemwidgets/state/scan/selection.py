"""Drawings on the scan: a region with the mean of its patterns, and a line."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from traitlets import HasTraits, TraitType, observe

from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.polygon import surrounded
from stemwidgets.state.background.worker import Worker
from stemwidgets.state.scan.scan import Scan
from stemwidgets.state.traits import Array

Point = tuple[float, float]
Pattern = NDArray[np.float32]


class Region(Array):
    """Positions of the owner's scan, as a read-only array of bool; None where there are none."""

    info_text = "positions of the scan, an array of bool"

    def validate(self, obj: HasTraits, value: Any) -> Any:
        """Check and freeze the positions; raise InputError if they are none of the scan."""
        chosen = np.asarray(value)
        shape: tuple[int, int] = obj.scan.shape[:2]  # type: ignore[attr-defined]
        if chosen.dtype != bool or chosen.shape != shape:
            raise InputError(
                f"Expected a region as an array of bool with the scan's shape {shape}, True "
                f"inside, got {chosen.dtype} with shape {chosen.shape}."
            )
        return super().validate(obj, chosen) if chosen.any() else None


class Points(TraitType[Any, Any]):
    """Points ``(iy, ix)`` of a scan, fractions allowed, or None.

    Parameters
    ----------
    least, most : int
        Smallest and largest number of points.
    """

    default_value = None
    allow_none = True
    info_text = "points (iy, ix)"

    def __init__(self, least: int, most: int | None = None) -> None:
        super().__init__()
        self._least, self._most = least, most

    def validate(self, obj: HasTraits, value: Any) -> tuple[Point, ...]:
        """Make a tuple of points; raise InputError for anything else."""
        try:
            points = tuple((float(iy), float(ix)) for iy, ix in value)
        except (TypeError, ValueError):
            raise InputError(f"Expected points (iy, ix), got {value!r}.") from None
        many = len(points) if self._most is None else self._most
        if not self._least <= len(points) <= many:
            count = f"{self._least}{'' if self._most else ' or more'}"
            raise InputError(f"Expected {count} points (iy, ix), got {len(points)}.")
        if not np.isfinite(points).all():
            raise InputError(f"Expected finite points (iy, ix), got {value!r}.")
        return points


class Selection(HasTraits):
    """Region and line that are drawn on the maps of a scan.

    Parameters
    ----------
    scan : Scan
        The scan.
    worker : Worker
        Reads the patterns of a region.

    Attributes
    ----------
    region : ndarray of bool, shape [iy, ix], or None
        Positions that are viewed together.
    region_pattern : ndarray of float32, shape [ky, kx], or None
        Mean pattern of the region; of patterns about their own centres where the beam is followed.
    compared_pattern : ndarray of float32, shape [ky, kx], or None
        The scan's mean pattern about its own centre; None where the beam is not followed.
    outline : tuple of (iy, ix), or None
        Corners around the region, in order; setting it makes the positions inside the region. None
        where the region was not drawn on a map.
    line : ((iy, ix), (iy, ix)), or None
        Both ends of a line, along which channels are read.
    """

    region = Region()
    region_pattern = Array()
    compared_pattern = Array()
    outline = Points(3)
    line = Points(2, 2)

    def __init__(self, scan: Scan, worker: Worker) -> None:
        super().__init__()
        self.scan, self._worker = scan, worker
        self._outlined: NDArray[np.bool_] | None = None
        scan.observe(self._average, "followed")

    @observe("outline")
    def _outline_changed(self, change: Any) -> None:
        if change["new"] is not None:
            self._outlined = inside(change["new"], self.scan.shape[:2])
            self.region = self._outlined
            if self.region is None:
                self.outline = None

    @observe("region")
    def _region_changed(self, change: Any) -> None:
        region = change["new"]
        if region is not self._outlined:
            self.outline = None
        if region is None:
            self.region_pattern = None
        else:
            self._average()

    def _average(self, _: Any = None) -> None:
        region, scan = self.region, self.scan
        if region is None:
            return

        def average() -> tuple[Pattern, Pattern | None]:
            data, frame = scan.cleaned().data, scan.beam_frame()
            if frame is None:
                return mean_of(data, region), None
            return mean_of(frame.of(data), region), frame.mean.astype(np.float32)

        def show(means: tuple[Pattern, Pattern | None]) -> None:
            if self.region is region:
                self.region_pattern, self.compared_pattern = means

        self._worker.submit("region", average, show)


def inside(outline: tuple[Point, ...], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Positions whose centres an outline surrounds, as a read-only array of bool."""
    low = np.clip(np.floor(np.min(outline, axis=0)).astype(int), 0, shape)
    high = np.clip(np.ceil(np.max(outline, axis=0)).astype(int) + 1, 0, shape)
    (top, left), (bottom, right) = low, high
    within = np.zeros(shape, dtype=bool)
    iy, ix = np.mgrid[top:bottom, left:right]
    within[top:bottom, left:right] = surrounded(iy, ix, outline)
    within.flags.writeable = False
    return within


def mean_of(data: Any, region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Mean of the patterns of a region.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        The scan; only the smallest rectangle around the region is read.
    region : ndarray of bool, shape [iy, ix]
        Positions to read; True somewhere.

    Returns
    -------
    ndarray of float32, shape [ky, kx]
    """
    window = tuple(slice(int(where.min()), int(where.max()) + 1) for where in np.nonzero(region))
    inside = region[window]
    total = np.zeros(data.shape[2:])
    for where, patterns in iterate_blocks(data[window]):
        total += patterns[inside[where]].sum(axis=0, dtype=np.float64)
    return (total / inside.sum()).astype(np.float32)
