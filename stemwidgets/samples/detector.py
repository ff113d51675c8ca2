"""Pixels of a camera, from the finer ones of a simulation."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axis
from stemwidgets.arrays.errors import InputError


class DetectorPixels(NamedTuple):
    """Pixels of a camera about the optic axis, and the size of the simulated ones, all in 1/Å."""

    ky: Axis
    kx: Axis
    simulated: tuple[float, float]

    def see(
        self, patterns: NDArray[np.float64], shift: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Record simulated patterns, as ``[n, ky, kx]``; no counts are lost between pixels.

        Parameters
        ----------
        patterns : ndarray, shape [n, ky, kx]
            Simulated patterns, the optic axis at size // 2.
        shift : ndarray, shape [n, 2], optional
            Shift of each pattern on the detector, (y, x) [pixels of the detector].
        """
        moved = np.zeros((1, 2)) if shift is None else shift
        down, along = (
            shares_of_pixels(axis.size, axis.scale, count, step, by)
            for axis, count, step, by in zip(
                (self.ky, self.kx), patterns.shape[1:], self.simulated, moved.T, strict=True
            )
        )
        return np.asarray(down @ patterns @ along.transpose(0, 2, 1))

    def sums(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of images ``[n, ky, kx]``, and of images times ky and kx [pixels], ``[n, 3]``."""
        ky, kx = (np.arange(axis.size) - axis.size // 2 for axis in (self.ky, self.kx))
        down, along = images.sum(axis=2), images.sum(axis=1)
        return np.stack([down.sum(axis=1), down @ ky, along @ kx], axis=1)


def detector_pixels(
    shape: tuple[int, int],
    simulated: tuple[int, int],
    pixel: tuple[float, float],
    reach: float | None,
) -> DetectorPixels:
    """Pixels of a camera of a given shape.

    Parameters
    ----------
    shape : (int, int)
        Pixels (ky, kx).
    simulated : (int, int)
        Pixels of the simulation.
    pixel : (float, float)
        Size of a pixel [1/Å].
    reach : float or None
        Distance from the optic axis to the camera's edge [1/Å]; None gives it the pixels of the
        simulation.

    Raises
    ------
    InputError
        If its pixels are finer than the simulated ones, or it sees farther than was simulated.
    """
    ky, kx = (
        _axis(size, count, step, None if reach is None else 2 * reach / size)
        for size, count, step in zip(shape, simulated, pixel, strict=True)
    )
    return DetectorPixels(ky, kx, pixel)


def _axis(size: int, count: int, step: float, wanted: float | None) -> Axis:
    width = step if wanted is None else wanted
    if width < 0.999 * step:
        raise InputError(
            f"A detector pixel of {width:.3g} 1/Å is finer than the simulated {step:.3g} 1/Å. "
            "Choose fewer pixels, a larger max_angle or more repeats of the cell."
        )
    edges = (np.arange(size + 1) - size // 2 - 0.5) * width
    if edges[0] < -(count // 2 + 0.5) * step or edges[-1] > (count - count // 2) * step:
        raise InputError(
            f"A detector of {size} pixels of {width:.3g} 1/Å sees farther than was simulated. "
            "Choose a smaller max_angle or sampling, or fewer pixels."
        )
    return Axis(size, width, -(size // 2) * width, "1/Å")


def shares_of_pixels(
    size: int, width: float, count: int, step: float, shift: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """Share of each simulated pixel that falls into each pixel of a detector.

    Parameters
    ----------
    size, width : int, float
        Number of pixels of the detector along one axis, the optic axis at size // 2, and their
        width [1/Å].
    count, step : int, float
        The same numbers of the simulation.
    shift : float or ndarray, shape [n]
        Shift of the pattern on the detector [pixels of the detector].

    Returns
    -------
    ndarray, shape [size, count] or [n, size, count]
    """
    moved = np.asarray(shift, dtype=np.float64)[..., None]
    edges = (np.arange(size + 1) - size // 2 - 0.5 - moved)[..., None] * width
    left = (np.arange(count) - count // 2 - 0.5) * step
    overlap = np.minimum(edges[..., 1:, :], left + step) - np.maximum(edges[..., :-1, :], left)
    return np.asarray(np.clip(overlap / step, 0, 1))
