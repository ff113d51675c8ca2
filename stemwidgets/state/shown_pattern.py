"""The pattern on view, together with its reconstruction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemwidgets.state.traits import same


@dataclass(frozen=True, eq=False)
class ShownPattern:
    """A pattern together with its reconstruction, so that one is never seen beside another's.

    Parameters
    ----------
    position : (iy, ix)
        Scan position at which it was recorded.
    pattern : ndarray of float32, shape [ky, kx]
        Counts, read-only.
    reconstruction : ndarray of float32, shape [ky, kx], or None
        Reconstruction by the trained model; None without one.
    limited : ndarray of float32, shape [ky, kx], or None
        The pattern without the noise beyond the band limit, if it was asked for.
    """

    position: tuple[int, int]
    pattern: NDArray[np.float32]
    reconstruction: NDArray[np.float32] | None = None
    limited: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        self.pattern.flags.writeable = False
        for other in (self.reconstruction, self.limited):
            if other is not None:
                other.flags.writeable = False

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ShownPattern)
            and self.position == other.position
            and same(self.pattern, other.pattern)
            and same(self.reconstruction, other.reconstruction)
            and same(self.limited, other.limited)
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays
