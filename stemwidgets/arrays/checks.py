"""Checks of the arrays that the numerics accept."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError

SMALLEST_PATTERN = 8  # pixels along each axis: less holds no disc
LARGEST = 1e30  # in a pattern: maps of it, in single precision, stay finite
LARGEST_OF_SQUARES = 1e15  # in a pattern: squares add up over a scan in single precision,
SMALLEST_OF_SQUARES = 1e-15  # which knows no squares of less either


def require_patterns(data: Any) -> None:
    """Check that an array holds diffraction patterns: ``[n, ky, kx]`` or ``[iy, ix, ky, kx]``.

    Values are not read, so that lazy arrays stay lazy. An InputError if the number of dimensions,
    the type or the size is not that of patterns.
    """
    try:
        dtype = np.dtype(data.dtype)
        shape = tuple(data.shape)
    except (AttributeError, TypeError):
        raise InputError(
            f"Expected an array of diffraction patterns, got {type(data).__name__}. "
            "Pass a signal, a numpy or dask array, or load the file with stemwidgets.load."
        ) from None
    if any(size != size for size in shape):  # NaN
        raise InputError(
            f"Expected a dask array of known shape, got {shape}. Count its chunks first: "
            "data.compute_chunk_sizes()."
        )
    if len(shape) not in (3, 4):
        raise InputError(
            f"Expected patterns [n, ky, kx] or a scan [iy, ix, ky, kx], got {len(shape)} "
            f"dimensions with shape {shape}. A single pattern has no scan to learn from."
        )
    if 0 in shape:
        raise InputError(
            f"Expected at least one pattern, got shape {shape}: there is nothing to read. "
            "Check the crop or the index that made this array."
        )
    if dtype.kind not in "buif":
        raise InputError(
            f"Expected real numbers (counts or intensities), got {dtype}. "
            "If these are wave functions, pass abs(data)**2."
        )
    if min(shape[-2:]) < SMALLEST_PATTERN:
        raise InputError(
            f"Expected patterns of at least {SMALLEST_PATTERN}×{SMALLEST_PATTERN} pixels, got "
            f"{shape[-2]}×{shape[-1]}. If scan and detector axes are swapped, pass them as "
            "[iy, ix, ky, kx]."
        )


def require_scan(data: Any) -> None:
    """Check that an array is a scan ``[iy, ix, ky, kx]``; an InputError if it is not."""
    require_patterns(data)
    if len(data.shape) != 4:
        raise InputError(
            f"Expected a scan [iy, ix, ky, kx], got {len(data.shape)} dimensions with shape "
            f"{tuple(data.shape)}. Give the scan its two axes, for example "
            "data.reshape(rows, columns, *data.shape[-2:])."
        )


def require_finite(sums: NDArray[Any], largest: float = LARGEST) -> None:
    """Check that patterns have no pixels that are NaN, infinite or beyond all counts.

    `sums` are those of the pixels of each pattern, not finite where one of them is not, and at most
    `largest`. An InputError if there is such a pattern.
    """
    bad = int((~np.isfinite(sums)).sum())
    if bad:
        raise InputError(
            f"Expected finite counts, got NaN or infinite pixels in {bad} "
            f"pattern{'s' if bad > 1 else ''} of {np.size(sums)}. Replace them first, for example "
            "data = numpy.where(numpy.isfinite(data), data, 0)."
        )
    most = float(np.abs(sums).max(initial=0.0))
    if most > largest:
        raise InputError(
            f"Expected counts, got a pattern whose pixels add up to {most:.3g}: more than "
            f"{largest:g} cannot be computed with. Leave a pixel that is too bright out by a mask, "
            "or divide the data by a number."
        )


def require_squares(sums: NDArray[Any]) -> None:
    """Check like :func:`require_finite` that squares of counts can be added up.

    An InputError if a pattern is not finite or too bright, or all of them are too faint.
    """
    require_finite(sums, LARGEST_OF_SQUARES)
    most = float(np.abs(sums).max(initial=0.0))
    if 0 < most < SMALLEST_OF_SQUARES:
        raise InputError(
            f"Expected counts, got patterns whose pixels add up to {most:.3g} at most: less than "
            f"{SMALLEST_OF_SQUARES:g} cannot be computed with. Multiply the data by a number."
        )
