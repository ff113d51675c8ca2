"""What the numerics accept."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError

SMALLEST_PATTERN = 8


def require_patterns(data: Any) -> None:
    """Check that an array holds diffraction patterns: ``[n, ky, kx]`` or ``[iy, ix, ky, kx]``.

    Values are not read, so that lazy arrays stay lazy.

    Raises
    ------
    InputError
        If the number of dimensions, the type or the size is not that of patterns.
    """
    try:
        dtype = np.dtype(data.dtype)
        shape = tuple(data.shape)
    except (AttributeError, TypeError):
        raise InputError(
            f"Expected an array of diffraction patterns, got {type(data).__name__}. "
            "Pass a signal, a numpy or dask array, or load the file with stemwidgets.load."
        ) from None
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
    """Check that an array is a scan of diffraction patterns ``[iy, ix, ky, kx]``.

    Raises
    ------
    InputError
        If it is not.
    """
    require_patterns(data)
    if len(data.shape) != 4:
        raise InputError(
            f"Expected a scan [iy, ix, ky, kx], got {len(data.shape)} dimensions with shape "
            f"{tuple(data.shape)}. Give the scan its two axes, for example "
            "data.reshape(rows, columns, *data.shape[-2:])."
        )


def require_finite(sums: NDArray[Any]) -> None:
    """Check that patterns have neither NaN nor infinite pixels.

    Parameters
    ----------
    sums : ndarray
        Sum of the pixels of each pattern: it is not finite where one of them is not.

    Raises
    ------
    InputError
        If there is such a pattern.
    """
    bad = int((~np.isfinite(sums)).sum())
    if bad:
        raise InputError(
            f"Expected finite counts, got NaN or infinite pixels in {bad} "
            f"pattern{'s' if bad > 1 else ''} of {np.size(sums)}. Replace them first, for example "
            "data = numpy.where(numpy.isfinite(data), data, 0)."
        )
