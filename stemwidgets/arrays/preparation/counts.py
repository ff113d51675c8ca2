"""Steps that change counts: mask, subtract the mean, scale, denoise."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks
from stemwidgets.arrays.checks import require_finite
from stemwidgets.arrays.decomposition.pca import WEIGHTINGS, pca
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.masks import require_mask
from stemwidgets.arrays.preparation.mask_text import from_words, in_words
from stemwidgets.arrays.preparation.step import (
    PreparationStep,
    PreparedScan,
    each,
    mean_pattern,
    pattern_sums,
    require_integer,
    require_positive,
    store,
)

SCALES = ("range", "std", "dose")


@dataclass(frozen=True)
class Masked(PreparationStep):
    """Set pixels to 0, whatever they hold.

    Parameters
    ----------
    pixels : ndarray of bool, shape [ky, kx], or str
        True where a pixel is left out; or the same in words, as a preparation prints it:
        ``"18x15: 12-14 40"`` are the pixels 12, 13, 14 and 40 of 18 rows and 15 columns, counted
        row by row from 0.
    """

    name: ClassVar[str] = "mask"
    pixels: str

    def __post_init__(self) -> None:
        pixels = self.pixels if isinstance(self.pixels, str) else in_words(self.pixels)
        from_words(pixels)
        store(self, pixels=pixels)

    def apply(self, scan: PreparedScan) -> PreparedScan:
        """Set the pixels to 0."""
        hidden = require_mask(from_words(self.pixels), tuple(scan.data.shape[-2:]))
        zero = scan.data.dtype.type(0)
        data = each(scan.data, lambda patterns: np.where(hidden, zero, patterns), scan.data.dtype)
        return scan._replace(data=data, mask=hidden if scan.mask is None else scan.mask | hidden)


@dataclass(frozen=True)
class SubtractMean(PreparationStep):
    """Subtract the mean pattern of the scan at hand."""

    name: ClassVar[str] = "subtract_mean"

    @property
    def spoils_com(self) -> bool:
        """True: differences of counts have no centre of mass."""
        return True

    def apply(self, scan: PreparedScan) -> PreparedScan:
        """Subtract the mean pattern."""
        mean = mean_pattern(scan.data).astype(np.float32)
        data = each(
            scan.data, lambda patterns: patterns.astype(np.float32) - mean, np.dtype(np.float32)
        )
        return scan._replace(data=data)


@dataclass(frozen=True)
class Scale(PreparationStep):
    """Bring counts to another scale.

    Parameters
    ----------
    by : {"range", "std", "dose"} or float
        ``"range"``: the whole scan at hand into [0, 1], which adds a background;
        ``"std"``: over the standard deviation of all pixels of the scan;
        ``"dose"``: each pattern over its sum;
        a number: over that number.
    """

    name: ClassVar[str] = "scale"
    by: str | float

    def __post_init__(self) -> None:
        if isinstance(self.by, str):
            if self.by not in SCALES:
                raise InputError(
                    f'Expected to scale by "range", "std", "dose" or a number, got {self.by!r}.'
                )
        else:
            store(self, by=require_positive("the number to scale by", self.by, needed=True))

    @property
    def spoils_com(self) -> bool:
        """True if a background is added, which pulls the centre of mass to the middle."""
        return self.by == "range"

    def measured(self, scan: PreparedScan) -> Self:
        """The same scale with the standard deviation as a number."""
        if self.by != "std":
            return self
        deviation = _deviation(scan.data)
        if not deviation > 0:
            raise InputError(
                "Expected patterns to scale, got a scan in which all pixels are alike."
            )
        return replace(self, by=deviation)

    def apply(self, scan: PreparedScan) -> PreparedScan:
        """Divide by the scale."""
        return scan._replace(data=each(scan.data, self._function(scan), np.dtype(np.float32)))

    def _function(self, scan: PreparedScan) -> Callable[[NDArray[Any]], NDArray[Any]]:
        if self.by == "dose":
            return _over_dose
        low, span = 0.0, self.by
        if self.by == "range":
            low, high = _range(scan.data)
            span = high - low
            if not span > 0:
                raise InputError(
                    "Expected patterns to scale, got a scan in which all pixels are alike."
                )
        first, over = np.float64(low), np.float64(span)
        return lambda patterns: ((patterns - first) / over).astype(np.float32)


@dataclass(frozen=True)
class Denoise(PreparationStep):
    """Put patterns together again from the first principal components of the scan at hand.

    Parameters
    ----------
    components : int
        Number of components.
    weighting : {"none", "poisson"}
        As for `stemwidgets.arrays.decomposition.pca.pca`.
    """

    name: ClassVar[str] = "denoise"
    components: int
    weighting: str = "none"

    def __post_init__(self) -> None:
        store(self, components=require_integer("the number of components", self.components))
        if self.weighting not in WEIGHTINGS:
            raise InputError(
                f'Expected weighting to be "none" or "poisson", got {self.weighting!r}.'
            )

    def apply(self, scan: PreparedScan) -> PreparedScan:
        """Find the components, and keep them."""
        found = pca(scan.data, self.components, self.weighting)
        return scan._replace(data=found.denoised(lazy=hasattr(scan.data, "dask")))


def _over_dose(patterns: NDArray[Any]) -> NDArray[np.float32]:
    dose = patterns.reshape(*patterns.shape[:2], -1).sum(axis=-1, dtype=np.float64)
    with np.errstate(divide="ignore"):
        factor = np.where(dose > 0, 1 / dose, 0.0)
    scaled: NDArray[np.float32] = (patterns * factor[..., None, None]).astype(np.float32)
    return scaled


def _range(data: Any) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for _, patterns in iterate_blocks(data):
        low, high = min(low, float(patterns.min())), max(high, float(patterns.max()))
        require_finite(pattern_sums(patterns) if not np.isfinite(high - low) else np.zeros(1))
    return low, high


def _deviation(data: Any) -> float:
    mean = float(mean_pattern(data).mean())
    square = 0.0
    for _, patterns in iterate_blocks(data):
        square += float(np.square(patterns - mean, dtype=np.float64).sum())
    return float(np.sqrt(square / np.prod(data.shape)))
