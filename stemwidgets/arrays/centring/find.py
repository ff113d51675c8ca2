"""Find descan that matters, and give the scan without it."""

import math
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.calibration.descan import Descan, fit_descan
from stemwidgets.arrays.center_of_mass import centroids, moments
from stemwidgets.arrays.centring.beam_frame import BeamFrame, fit_beam_frame
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND, clean_scan
from stemwidgets.arrays.masks import left_out

MATTERS = 0.05  # of the COM, root mean square: less turns the angle of most patterns by under 3°
LEAST = 1e-3  # px rms: less is lost in any dose
KNOWN_BY = 6  # patterns along each axis of a scan, compared to notice that it has changed
FEWEST_POSITIONS = 256  # of a scan: in fewer a part of one cell of a lattice looks like a plane

Map = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CentredScan:
    """Scan that a model reads, with its descan removed.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        Patterns about their own centres where `frame` is there, else as they came.
    mask : ndarray of bool, shape [ky, kx], or None
        True where a pixel is left out of them.
    faulty : "find", None or LeftOut
        Other faults to leave out.
    frame : BeamFrame or None
        The frame of the beam; None if nothing was done.
    """

    data: Any
    mask: Mask | None
    faulty: Any
    frame: BeamFrame | None


def centred_scan(
    data: Any, descan: Any = FIND, faulty: Any = FIND, mask: Any = None
) -> CentredScan:
    """Take descan off a scan, where it matters.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        numpy or dask. Patterns ``[n, ky, kx]`` have no places, and stay as they are.
    descan : "find", None, Descan or BeamFrame
        Take it off where it matters; never; this one.
    faulty, mask
        As for `clean_scan`.

    Raises
    ------
    InputError
        If `descan` is something else, or that of another scan.
    """
    require_descan(descan, tuple(data.shape[:-2]))
    if descan is None or data.ndim != 4 or math.prod(data.shape[:2]) < FEWEST_POSITIONS:
        return CentredScan(data, mask, faulty, None)
    clean = clean_scan(data, faulty, mask)
    hidden = left_out(data, clean.mask)
    frame = descan if isinstance(descan, BeamFrame) else find_beam_frame(clean.data, hidden, descan)
    if frame is None:
        return CentredScan(data, mask, clean.left_out, None)
    return CentredScan(frame.of(clean.data), None if frame.moves else clean.mask, None, frame)


def left_in(descan: Descan) -> str:
    """Notice about a known descan in a scan that is too small to remove it."""
    return (
        f"{descan.words} It is left in the patterns: a scan of fewer than {FEWEST_POSITIONS} "
        "positions does not tell how they change with it."
    )


def identity(data: Any) -> tuple[Any, ...] | None:
    """Identity of a scan, cheap to take: equal for two only if both are the same.

    A dask array is known by its name, one in memory, as long as it is kept, by its place and by
    some of its patterns; None for anything else.
    """
    if hasattr(data, "dask"):
        return (data.name,)
    if not isinstance(data, np.ndarray):
        return None
    steps = (slice(None, None, max(1, size // KNOWN_BY)) for size in data.shape[:-2])
    some = np.ascontiguousarray(np.ma.filled(data[tuple(steps)], 0))
    return data.ctypes.data, data.shape, data.strides, data.dtype.str, crc32(some.tobytes())


def find_beam_frame(data: Any, hidden: Mask, descan: Any = FIND) -> BeamFrame | None:
    """The frame of the beam of a scan without single events; None if no descan matters.

    Hidden pixels ``[ky, kx]`` are left out; the descan is given where it is known.
    """
    known = isinstance(descan, Descan)
    sums = moments(data, hidden if hidden.any() else None)
    if not known:
        descan = descan_that_matters(centroids(sums, data.shape[-2:]))
        if descan is None:
            return None
    return fit_beam_frame(descan, sums[..., 0], data, hidden, known)


def descan_that_matters(com: Map) -> Descan | None:
    """Descan that stands out from the specimen and is not small beside what that deflects.

    `com` is the centre of mass ``(y, x)`` in pixels, ``[iy, ix, 2]``; NaN is left out.
    """
    if not can_tell_descan(com):
        return None
    descan = fit_descan(com, None)
    return descan if matters(descan, com) else None


def can_tell_descan(com: Map) -> bool:
    """True if there are enough positions to distinguish descan from the specimen."""
    known = np.isfinite(com).all(axis=-1).sum()
    return bool(known >= FEWEST_POSITIONS and min(com.shape[:2]) > 1)


def matters(descan: Descan, com: Map) -> bool:
    """True if a fitted descan is not small beside the rest of the centre of mass."""
    if (descan.order == 0 and not descan.steps) or descan.size < LEAST:
        return False
    rest = com - descan.positions
    rest -= np.nanmedian(rest, axis=(0, 1))
    return bool(descan.size >= MATTERS * np.sqrt(np.nanmean(rest**2)))


def require_descan(descan: Any, shape: tuple[int, ...]) -> None:
    """Refuse anything but a descan of a scan of these positions."""
    if descan is None or (isinstance(descan, str) and descan == FIND):
        return
    known = descan.descan if isinstance(descan, BeamFrame) else descan
    if not isinstance(known, Descan):
        raise InputError(
            f'Expected descan="find", descan=None or the descan of a calibration, got {descan!r}.'
        )
    if not known.sound:
        raise InputError(
            "Expected a descan with finite coefficients, as many as its order takes, and steps "
            f"within the scan, got {len(known.y)} and {len(known.x)} of order {known.order} and "
            f"steps {known.steps}. Measure it again."
        )
    if known.shape != shape:
        raise InputError(
            f"Expected the descan of a scan of {shape} positions, got that of {known.shape}. "
            'Leave it out, or pass descan="find".'
        )
