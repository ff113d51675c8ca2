"""Virtual detectors: which pixels of the pattern are added up."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.errors import InputError


@dataclass(frozen=True)
class AnnularDetector:
    """A ring, or a disc where `inner` is 0.

    Parameters
    ----------
    center : (float, float)
        ``(ky, kx)`` in pixels about the centre of pixel (0, 0).
    inner, outer : float
        Radii in pixels; a pixel whose centre lies at ``inner <= r < outer`` counts.

    Raises
    ------
    InputError
        If the centre is no position, a radius is negative or `outer` does not exceed `inner`.
    """

    center: tuple[float, float]
    inner: float
    outer: float

    def __post_init__(self) -> None:
        if np.shape(self.center) != (2,) or not np.isfinite(self.center).all():
            raise InputError(f"Expected a centre (ky, kx) in pixels, got {self.center!r}.")
        if not 0 <= self.inner < self.outer:
            raise InputError(
                f"Expected radii with 0 <= inner < outer, got inner={self.inner}, "
                f"outer={self.outer} pixels."
            )

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Pixels of a pattern of this shape ``[ky, kx]`` that the detector adds up."""
        y = np.arange(shape[0])[:, None] - self.center[0]
        x = np.arange(shape[1])[None, :] - self.center[1]
        squared = y**2 + x**2
        return (squared >= self.inner**2) & (squared < self.outer**2)


def virtual_image(data: Any, detector: AnnularDetector) -> NDArray[np.float64]:
    """Sum of the counts on a detector, at every scan position.

    Parameters
    ----------
    data : array, shape [..., ky, kx]
        Counts; numpy or dask.
    detector : AnnularDetector
        The pixels to add.

    Returns
    -------
    ndarray of float64, shape [...]
        Counts.

    Raises
    ------
    InputError
        If no pixel lies on the detector.
    """
    mask = detector.mask(tuple(data.shape[-2:]))
    if not mask.any():
        raise InputError(
            f"Expected a detector on the pattern of {data.shape[-2]}×{data.shape[-1]} pixels, got "
            f"{detector}, which covers no pixel. Move it or widen it."
        )
    result = np.empty(data.shape[:-2])
    for where, patterns in iterate_blocks(data):
        result[where] = patterns[..., mask].sum(axis=-1, dtype=np.float64)
    return result
