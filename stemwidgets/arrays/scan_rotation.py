"""By which angle the detector is turned against the scan, and whether it is mirrored.

The centre of mass of a thin specimen is a gradient: it has no curl. With D = (∂x − i∂y)(vx + i·vy)
= div + i·curl, turning the detector by θ multiplies D by exp(iθ), so that θ is half the phase of
⟨D²⟩, in closed form, up to 180°. Of a mirrored detector, only the mirror image has no curl. What is
left, the sign, is told by two witnesses: the centre of mass points towards atoms, and atoms scatter
outside the disc, so that it climbs the dark field; and -div, the projected charge, has sharp
positive peaks at atoms. The second one errs where atoms are not resolved: a blurred honeycomb has
sharp holes instead. So the dark field is asked first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from stemwidgets.arrays.errors import InputError

SMALLEST_SCAN = 8
SMOOTHING = (1.0, 1.5, 2.25, 3.4, 5.0)
MARGIN = 2.0
BLOCK = 6.0
MOST_BLOCKS = 16
LEAST_SUPPORT = 0.9
SURE = 0.99
TRUST_IN_SKEWNESS = 0.9
RESOLVED = 0.8

Map = NDArray[np.float64]
Field = NDArray[np.complex128]


@dataclass(frozen=True)
class ScanRotation:
    """How the detector lies against the scan.

    ``v_detector = R(angle) · (vx, handedness · vy)_scan``, y down: a mirrored detector flips the y
    of the scan first, then turns it.

    Parameters
    ----------
    angle : float
        [rad, in (-π, π]]; positive turns +x towards +y.
    std : float
        Standard error of the angle [rad], but for the 180°; 0 where it was given.
    handedness : int
        +1, or -1 where the detector is mirrored.
    axis_confidence, handedness_confidence, sign_confidence : float
        Probability that there is an angle at all, that it is not mirrored otherwise, and that it is
        not 180° off.
    witness : str
        What told the sign: ``"dark field"``, ``"divergence"``, or ``"given"``.
    """

    angle: float
    std: float = 0.0
    handedness: int = 1
    axis_confidence: float = 1.0
    handedness_confidence: float = 1.0
    sign_confidence: float = 1.0
    witness: str = "given"

    @property
    def confidence(self) -> float:
        """Probability that all three are right."""
        return self.axis_confidence * self.handedness_confidence * self.sign_confidence

    @property
    def resolved(self) -> bool:
        """Whether that is likely enough to turn vectors by it."""
        return self.confidence >= RESOLVED

    def to_scan(self, y: Map, x: Map) -> tuple[Map, Map]:
        """Turn vectors ``(y, x)`` from the detector into the frame of the scan."""
        turned = (x + 1j * y) * np.exp(-1j * self.angle)
        return self.handedness * turned.imag, turned.real

    def to_detector(self, y: Map, x: Map) -> tuple[Map, Map]:
        """Turn vectors ``(y, x)`` from the scan into the frame of the detector."""
        turned = (x + 1j * self.handedness * y) * np.exp(1j * self.angle)
        return turned.imag, turned.real


def find_rotation(
    com: Map,
    step: tuple[float, float] = (1.0, 1.0),
    dark_field: Map | None = None,
    handedness: int | None = None,
) -> ScanRotation:
    """Find how the detector lies against the scan, from the deflections of the beam.

    Constant terms and planes in `com` do not matter. Errors and probabilities come from the spread
    between parts of the scan.

    Parameters
    ----------
    com : ndarray, shape [iy, ix, 2]
        ``(y, x)`` in the units of the detector, where both count alike; NaN is left out.
    step : (float, float)
        Distance of scan positions down and along, in one unit.
    dark_field : ndarray, shape [iy, ix], optional
        Counts outside the disc.
    handedness : int, optional
        +1 or -1 where it is known.

    Raises
    ------
    InputError
        If the scan is too small, empty, or without deflection, or the handedness is no sign.
    """
    _require_deflections(com)
    if handedness not in (None, 1, -1):
        raise InputError(f"Expected a handedness of +1 or -1, got {handedness!r}.")
    signs = (1, -1) if handedness is None else (handedness,)
    best: tuple[_Turned, ...] | None = None
    sharpest: _Blurred | None = None
    for sigma in _smoothings(com.shape[:2]):
        blurred = _Blurred.of(com, dark_field, step, sigma)
        if blurred is None:
            continue
        sharpest = sharpest or blurred
        turned = tuple(sorted((_Turned.of(blurred, sign) for sign in signs), key=lambda t: t.curl))
        if best is None or turned[0].std < best[0].std:
            best = turned
    if best is None or sharpest is None:
        raise InputError(
            "Expected neighbouring positions with a centre of mass, got only scattered ones. "
            "Empty patterns have none; pass the rotation if it is known."
        )
    return _judged(best, sharpest)


def _require_deflections(com: Map) -> None:
    if com.ndim != 3 or com.shape[-1] != 2:
        raise InputError(f"Expected centres of mass [iy, ix, 2], got the shape {com.shape}.")
    if min(com.shape[:2]) < SMALLEST_SCAN:
        raise InputError(
            f"Expected a scan of at least {SMALLEST_SCAN}×{SMALLEST_SCAN} positions to tell the "
            f"rotation, got {com.shape[0]}×{com.shape[1]}. Pass the rotation if it is known."
        )
    seen = com[np.isfinite(com).all(axis=-1)]
    if not len(seen):
        raise InputError(
            "Expected patterns with a centre of mass, got NaN everywhere: all patterns are empty."
        )
    if np.ptp(seen, axis=0).max() <= 1e-9 * max(np.abs(seen).max(), 1e-9):
        raise InputError(
            "Expected a centre of mass that changes over the scan, got the same everywhere: "
            "nothing deflects the beam. Pass rotation=0 to calibrate the rest in vacuum."
        )


def _smoothings(shape: tuple[int, ...]) -> Iterator[float]:
    yield SMOOTHING[0]
    for sigma in SMOOTHING[1:]:
        if min(shape) - 2 * round(MARGIN * sigma) >= 3 * BLOCK * sigma:
            yield sigma


@dataclass(frozen=True, eq=False)
class _Blurred:
    """Smoothed deflections, their derivatives and those of the dark field; flat arrays.

    `block` is the part of the scan that each position belongs to.
    """

    field: Field
    by_x: Field
    by_y: Field
    climb: Field | None
    block: NDArray[np.intp]

    @classmethod
    def of(
        cls, com: Map, dark_field: Map | None, step: tuple[float, float], sigma: float
    ) -> "_Blurred | None":
        valid = np.isfinite(com[..., 0]) & np.isfinite(com[..., 1])
        maps = [com[..., 1], com[..., 0]] + ([] if dark_field is None else [dark_field])
        margin = round(MARGIN * sigma)
        inside = (slice(margin, -margin),) * 2
        support = ndimage.gaussian_filter(valid.astype(float), sigma, mode="nearest")
        used = (support > LEAST_SUPPORT)[inside]
        block = _blocks(used.shape, sigma)[used]
        if len(np.unique(block)) < 2:
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


def _blocks(shape: tuple[int, ...], sigma: float) -> NDArray[np.intp]:
    """Parts of the scan, larger than what smoothing connects."""
    counts = (int(np.clip(size / (BLOCK * sigma), 2, MOST_BLOCKS)) for size in shape)
    rows, columns = (
        np.arange(size) * count // size for size, count in zip(shape, counts, strict=True)
    )
    return rows[:, None] * MOST_BLOCKS + columns


@dataclass(frozen=True, eq=False)
class _Turned:
    """Deflections turned so that their curl is least, as if of one handedness.

    `curl` is the share of curl in all derivatives, `curls` and `climbs` its sum and that of the
    slope of the dark field along the deflections in each block, both over the sum of all.
    """

    handedness: int
    angle: float
    std: float
    axis_confidence: float
    curl: float
    curls: Map
    climbs: Map | None

    @classmethod
    def of(cls, blurred: _Blurred, handedness: int) -> "_Turned":
        operator = _derivative(blurred, handedness)
        squares = _complex_sums(operator**2, blurred.block)
        resultant = squares.sum()
        angle = handedness * float(np.angle(resultant)) / 2
        turn = np.exp(-1j * handedness * angle)
        count = len(squares)
        spread = count / (count - 1)
        off = (squares * turn**2).imag
        std = 0.5 * np.sqrt(spread * (off**2).sum()) / max(abs(resultant), 1e-300)
        random = spread * (np.abs(squares - squares.mean()) ** 2).sum()
        by_chance = len(SMOOTHING) * np.exp(-(abs(resultant) ** 2) / max(random, 1e-300))
        energy = max((np.abs(operator) ** 2).sum(), 1e-300)
        curls = _sums((operator * turn).imag ** 2, blurred.block) / energy
        climbs = None
        if blurred.climb is not None:
            field = _mirrored(blurred.field, handedness) * turn
            climbs = _sums((field * blurred.climb.conj()).real, blurred.block)
            size = np.sqrt((np.abs(field) ** 2).sum() * (np.abs(blurred.climb) ** 2).sum())
            climbs = climbs / size if size > 0 else None
        return cls(handedness, angle, float(std), _posterior(by_chance), curls.sum(), curls, climbs)


def _mirrored(field: Field, handedness: int) -> Field:
    return field if handedness > 0 else field.conj()


def _derivative(blurred: _Blurred, handedness: int) -> Field:
    """D = div + i·curl, less its mean: a plane in the deflections says nothing."""
    operator = _mirrored(blurred.by_x, handedness) - 1j * _mirrored(blurred.by_y, handedness)
    return operator - operator.mean()


def _sums(values: Map, block: NDArray[np.intp]) -> Map:
    _, index = np.unique(block, return_inverse=True)
    return np.asarray(np.bincount(index, values), dtype=np.float64)


def _complex_sums(values: Field, block: NDArray[np.intp]) -> Field:
    return _complex(_sums(values.real, block), _sums(values.imag, block))


def _judged(turned: tuple[_Turned, ...], sharpest: _Blurred) -> ScanRotation:
    """Weigh the evidence for handedness and sign."""
    if len(turned) == 2:
        odds = _log_odds(turned[1].curls - turned[0].curls)
        if turned[0].climbs is not None and turned[1].climbs is not None:
            odds += _log_odds(_uphill(turned[0].climbs) - _uphill(turned[1].climbs))
        chosen, confidence = turned[0 if odds >= 0 else 1], float(special.expit(abs(odds)))
    else:
        chosen, confidence = turned[0], 1.0
    by_dark_field = 0.0 if chosen.climbs is None else _log_odds(chosen.climbs)
    by_peaks = _log_odds(_peaks(sharpest, chosen))
    if special.expit(abs(by_dark_field)) > SURE:
        sign, witness, sure = by_dark_field, "dark field", 1.0
    else:
        sign, witness, sure = by_dark_field + by_peaks, "divergence", TRUST_IN_SKEWNESS
    angle = chosen.angle if sign >= 0 else chosen.angle - np.pi * np.sign(chosen.angle or 1.0)
    found = ScanRotation(
        float(angle),
        chosen.std,
        chosen.handedness,
        chosen.axis_confidence,
        confidence,
        min(float(special.expit(abs(sign))), sure),
        witness,
    )
    return found if found.angle > -np.pi else replace(found, angle=np.pi)


def _uphill(climbs: Map) -> Map:
    return climbs if climbs.sum() >= 0 else -climbs


def _peaks(sharpest: _Blurred, turned: _Turned) -> Map:
    """Third moment of -div in each block."""
    operator = _derivative(sharpest, turned.handedness)
    charge = -(operator * np.exp(-1j * turned.handedness * turned.angle)).real
    return _sums(charge**3, sharpest.block)


def _posterior(p_value: float) -> float:
    """Highest probability of an effect that a p-value leaves, if it is as likely as none.

    Sellke, Bayarri & Berger, Am. Stat. 55, 62 (2001), doi:10.1198/000313001300339950.
    """
    if p_value >= 1 / np.e:
        return 0.5
    return float(1 / (1 - np.e * p_value * np.log(max(p_value, 1e-300))))


def _log_odds(parts: Map) -> float:
    """Logarithm of the odds that the sum of the parts is truly positive, by Student's t."""
    count = len(parts)
    error = np.sqrt(count / (count - 1) * ((parts - parts.mean()) ** 2).sum())
    if not error > 0:
        return 0.0 if parts.sum() == 0 else float(np.sign(parts.sum())) * 50.0
    share = special.stdtr(count - 1, parts.sum() / error)
    return float(np.clip(special.logit(share), -50.0, 50.0))
