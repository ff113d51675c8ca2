"""Deflections turned so that their curl is least."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

SMOOTHING = (1.0, 1.5, 2.25, 3.4, 5.0)  # σ of Gaussian derivatives, in scan positions
MARGIN = 2.0  # of the scan that is left out, in σ
BLOCK = 6.0  # of the scan that is taken for one, in σ
MOST_BLOCKS = 16  # parts along each axis: enough to estimate an error from their spread
CELL = 3.0  # beyond which noise is not connected, in σ
LEAST_SUPPORT = 0.9  # share of a position's smoothing kernel that has to hold finite values
FEWEST = 1.5  # parts
STANDARD = 0.8413  # share of a normal distribution below its standard deviation
JOINED = 1.15  # neighbouring parts share what smoothing joins: errors in simulated scans over said

Map = NDArray[np.float64]
Field = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Blurred:
    """Smoothed deflections and slopes, at the positions that are used.

    Parameters
    ----------
    field : ndarray of complex
        Deflections, x + i·y.
    by_x, by_y : ndarray of complex
        Their derivatives along and down the scan.
    climb : ndarray of complex, or None
        Gradient of the dark field.
    block, cell : ndarray of int
        Number of the part of the scan that each position belongs to; cells are the smaller ones.
    """

    field: Field
    by_x: Field
    by_y: Field
    climb: Field | None
    block: NDArray[np.intp]
    cell: NDArray[np.intp]

    @classmethod
    def of(
        cls, com: Map, dark_field: Map | None, step: tuple[float, float], sigma: float
    ) -> "Blurred | None":
        """Smooth by σ scan positions; None where too little is left."""
        valid = np.isfinite(com[..., 0]) & np.isfinite(com[..., 1])
        maps = [com[..., 1], com[..., 0]] + ([] if dark_field is None else [dark_field])
        margin = round(MARGIN * sigma)
        inside = (slice(margin, -margin),) * 2
        support = ndimage.gaussian_filter(valid.astype(float), sigma, mode="nearest")
        used = (support > LEAST_SUPPORT)[inside]
        block, cell = (
            np.unique(_parts(used.shape, size * sigma, most)[used], return_inverse=True)[1]
            for size, most in ((BLOCK, MOST_BLOCKS), (CELL, max(used.shape)))
        )
        if not block.any():
            return None

        def smooth(order: tuple[int, int]) -> list[Map]:
            return [
                _filtered(_filled(m, valid, support, sigma), sigma, order)[inside][used]
                for m in maps
            ]

        plain, down, along = smooth((0, 0)), smooth((1, 0)), smooth((0, 1))
        climb = None if dark_field is None else _complex(along[2] / step[1], down[2] / step[0])
        return cls(
            _complex(plain[0], plain[1]),
            _complex(along[0], along[1]) / step[1],
            _complex(down[0], down[1]) / step[0],
            climb,
            block,
            cell,
        )


def _complex(x: Map, y: Map) -> Field:
    return np.asarray(x + 1j * y, dtype=np.complex128)


def _filled(values: Map, valid: NDArray[np.bool_], support: Map, sigma: float) -> Map:
    """Values with gaps filled by their neighbourhood, about their mean."""
    values = np.where(valid, values - values[valid].mean(), 0.0)
    if valid.all():
        return values
    around = ndimage.gaussian_filter(values, sigma, mode="nearest")
    return np.where(valid, values, around / np.maximum(support, 1e-3))


def _filtered(values: Map, sigma: float, order: tuple[int, int]) -> Map:
    """Gaussian filter or derivative; beyond the edges a field goes on as it came."""
    pad = [min(int(4 * sigma + 1.5), size - 1) for size in values.shape]
    wide = np.pad(values, [(p, p) for p in pad], "reflect", reflect_type="odd")
    smoothed: Map = ndimage.gaussian_filter(wide, sigma, order=order, mode="nearest")
    return smoothed[tuple(slice(p, -p) for p in pad)]


def _parts(shape: tuple[int, ...], edge: float, most: int) -> NDArray[np.intp]:
    """Parts of the scan, two to `most` along each axis, about as long as `edge`."""
    counts = (int(np.clip(size / edge, 2, most)) for size in shape)
    rows, columns = (
        np.arange(size) * count // size for size, count in zip(shape, counts, strict=True)
    )
    return rows[:, None] * max(shape) + columns


@dataclass(frozen=True, eq=False)
class Turned:
    """Deflections turned so that their curl is least, as if of one handedness.

    Parameters
    ----------
    handedness : int
        +1 or -1.
    angle, std : float
        Rotation, up to 180°, and half the width of its 68 % interval [rad], by Student's t where
        there are few parts of the scan.
    axis_confidence : float
        Probability that the curl is not so small by chance.
    curl : float
        Share of the curl in the squares of all derivatives.
    curls : ndarray
        That share in each part of the scan.
    climbs : ndarray or None
        Correlation of the deflections with the gradient of the dark field, part by part.
    """

    handedness: int
    angle: float
    std: float
    axis_confidence: float
    curl: float
    curls: Map
    climbs: Map | None

    @classmethod
    def of(cls, blurred: Blurred, handedness: int) -> "Turned":
        """The angle in closed form, with what it leaves."""
        operator = derivative(blurred, handedness)
        squares = _complex_sums(operator**2, blurred.block)
        resultant = squares.sum()
        angle = handedness * float(np.angle(resultant)) / 2
        turn = np.exp(-1j * handedness * angle)
        sizes = np.abs(squares)
        count = max(sizes.sum() ** 2 / max((sizes**2).sum(), 1e-300), FEWEST)  # effective number
        spread = count / (count - 1)
        off = (squares * turn**2).imag
        std = 0.5 * np.sqrt(spread * (off**2).sum()) / max(abs(resultant), 1e-300)
        std *= JOINED * special.stdtrit(len(squares) - 1, STANDARD)
        random = (np.abs(_complex_sums(operator**2, blurred.cell)) ** 2).sum()
        by_chance = len(SMOOTHING) * np.exp(-(abs(resultant) ** 2) / max(random, 1e-300))
        energy = max((np.abs(operator) ** 2).sum(), 1e-300)
        curls = block_sums((operator * turn).imag ** 2, blurred.block) / energy
        climbs = None
        if blurred.climb is not None:
            field = _mirrored(blurred.field, handedness) * turn
            climbs = block_sums((field * blurred.climb.conj()).real, blurred.block)
            size = np.sqrt((np.abs(field) ** 2).sum() * (np.abs(blurred.climb) ** 2).sum())
            climbs = climbs / size if size > 0 else None
        return cls(handedness, angle, float(std), _posterior(by_chance), curls.sum(), curls, climbs)


def _mirrored(field: Field, handedness: int) -> Field:
    return field if handedness > 0 else field.conj()


def without_plane(com: Map) -> Map:
    """Deflections ``[iy, ix, 2]`` less the plane that fits them best: descan moves the beam so."""
    y, x = np.indices(com.shape[:2])
    basis = np.stack([np.ones(y.shape), y - y.mean(), x - x.mean()], axis=-1)
    seen = np.isfinite(com).all(axis=-1)
    return np.asarray(com - basis @ np.linalg.lstsq(basis[seen], com[seen], rcond=None)[0])


def derivative(blurred: Blurred, handedness: int) -> Field:
    """D = div + i·curl, less its mean: a plane in the deflections says nothing."""
    operator = _mirrored(blurred.by_x, handedness) - 1j * _mirrored(blurred.by_y, handedness)
    return operator - operator.mean()


def block_sums(values: Map, block: NDArray[np.intp]) -> Map:
    """Sum of the values in each part of the scan."""
    return np.asarray(np.bincount(block, values), dtype=np.float64)


def _complex_sums(values: Field, block: NDArray[np.intp]) -> Field:
    return _complex(block_sums(values.real, block), block_sums(values.imag, block))


def _posterior(p_value: float) -> float:
    """Highest probability of an effect that a p-value leaves, if it is as likely as none.

    Sellke, Bayarri & Berger, Am. Stat. 55, 62 (2001), doi:10.1198/000313001300339950.
    """
    if p_value >= 1 / np.e:
        return 0.5
    return float(1 / (1 - np.e * p_value * np.log(max(p_value, 1e-300))))
