"""An rrVAE whose patterns lie on the detector, whatever the preparation leaves of it."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.preparation.placement import Placement
from stemwidgets.arrays.preparation.step import PreparedScan
from stemwidgets.signals import rrvae


class RRVAE(rrvae.RRVAE):
    """The rrVAE of :mod:`stemwidgets.signals.rrvae`, for views that show recorded patterns."""

    def decode(
        self, latent: ArrayLike, angle: ArrayLike = 0.0, classes: ArrayLike = 0
    ) -> NDArray[np.float32]:
        """Pattern that the model expects, with the recorded pixels.

        Parameters
        ----------
        latent, angle, classes
            As for :meth:`stemwidgets.RRVAE.decode`.

        Returns
        -------
        ndarray of float32, shape [..., ky, kx]
            Binned counts are shared by the pixels that were added up, and what was cropped is NaN;
            scaled counts stay scaled.
        """
        patterns = super().decode(latent, angle, classes)
        return patterns if self._placement is None else self._placement.counts_on_detector(patterns)

    def lie_on(self, shape: tuple[int, int]) -> Self:
        """Set the number of detector pixels ``[ky, kx]``, which a loaded model does not know.

        Returns
        -------
        RRVAE
            This model.
        """
        if self.preparation is not None:
            self._placement = Placement.of(self.preparation, shape)
        return self

    _placement: Placement | None = None

    def _measure(self, data: Any, *given: Any) -> tuple[PreparedScan, Axes]:
        measured = super()._measure(data, *given)
        self.lie_on(tuple(data.shape[-2:]))
        return measured
