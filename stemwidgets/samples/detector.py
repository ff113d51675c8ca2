"""The pixels of a camera, from the finer ones of a simulation."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axis
from stemwidgets.arrays.errors import InputError


class Camera(NamedTuple):
    """A camera about the optic axis.

    Parameters
    ----------
    ky, kx : Axis
        Its pixels [1/Å].
    down, along : ndarray, shape [camera pixels, simulated pixels]
        Share of each simulated row and column that falls into each pixel of the camera.
    simulated : (float, float)
        Size of the simulated pixels [1/Å].
    """

    ky: Axis
    kx: Axis
    down: NDArray[np.float64]
    along: NDArray[np.float64]
    simulated: tuple[float, float]

    def see(self, patterns: NDArray[np.float64]) -> NDArray[np.float64]:
        """What it records of simulated patterns, ``[n, ky, kx]``: nothing is lost between pixels.

        Parameters
        ----------
        patterns : ndarray, shape [n, ky, kx]
            The optic axis at size // 2.
        """
        down, along = self.down, self.along
        return np.asarray(np.einsum("ai,nij,bj->nab", down, patterns, along, optimize=True))


def camera(
    shape: tuple[int, int],
    simulated: tuple[int, int],
    pixel: tuple[float, float],
    reach: float | None,
) -> Camera:
    """A camera of a given shape.

    Parameters
    ----------
    shape : (int, int)
        Pixels (ky, kx).
    simulated : (int, int)
        Pixels of the simulation.
    pixel : (float, float)
        Their size [1/Å].
    reach : float or None
        From the optic axis to the edge of the camera [1/Å]; None gives it the pixels of the
        simulation.

    Raises
    ------
    InputError
        If its pixels are finer than the simulated ones, or it sees farther than was simulated.
    """
    found = [
        _axis(size, count, step, None if reach is None else 2 * reach / size)
        for size, count, step in zip(shape, simulated, pixel, strict=True)
    ]
    (ky, down), (kx, along) = found
    return Camera(ky, kx, down, along, pixel)


def _axis(
    size: int, count: int, step: float, wanted: float | None
) -> tuple[Axis, NDArray[np.float64]]:
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
    left = (np.arange(count) - count // 2 - 0.5) * step
    overlap = np.minimum(edges[1:, None], left + step) - np.maximum(edges[:-1, None], left)
    return Axis(size, width, -(size // 2) * width, "1/Å"), np.clip(overlap / step, 0, 1)
