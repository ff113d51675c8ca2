"""Angle by which the detector is turned against the scan, and whether it is mirrored.

The centre of mass of a thin specimen is a gradient: it has no curl. With D = (∂x − i∂y)(vx + i·vy)
= div + i·curl, turning the detector by θ multiplies D by exp(iθ), so that θ is half the phase of
⟨D²⟩, in closed form, up to 180°. Of a mirrored detector, only the mirror image has no curl. What is
left, the sign, has two witnesses. The centre of mass points towards atoms, and atoms scatter
outside the disc: it climbs the dark field. And -div, the projected charge, has sharp positive peaks
at atoms; but that one errs where atoms are not resolved, as a blurred honeycomb has sharp holes
instead, with a skewness of up to 0.82 (three waves at 120°). So scattering is asked first, and
peaks are trusted only where they are sharper than such holes can be.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stemwidgets.arrays.calibration.curl import (
    BLOCK,
    MARGIN,
    SMOOTHING,
    Blurred,
    Turned,
    block_sums,
    derivative,
    without_plane,
)
from stemwidgets.arrays.errors import InputError

SMALLEST_SCAN = 8  # positions along each axis: with fewer smoothing leaves nothing to measure
SURE = 0.99  # probability, from which the dark field decides the sign alone
SHARP = 1.0  # skewness of peaks, beyond the 0.82 that blurred holes reach
# probability that sharp and blunt peaks show the right sign, chosen by hand
TRUST_IN_SHARP, TRUST_IN_BLUNT = 0.97, 0.75
RESOLVED = 0.9  # a guess of one in ten is too often wrong to turn every vector by it
ROUNDING = 1e-12  # of the centre of mass: what is left of a plane that was subtracted
WORTH = 0.8  # of the error, so that more smoothing is not chosen by chance

Map = NDArray[np.float64]


@dataclass(frozen=True)
class ScanRotation:
    """Rotation and handedness of the detector against the scan.

    ``v_detector = R(angle) · (vx, handedness · vy)_scan``, y down: a mirrored detector flips the y
    of the scan first, then turns it.

    Parameters
    ----------
    angle : float
        [rad, in (-π, π]]; positive turns +x towards +y.
    std : float
        Half the width of the 68 % interval of the angle [rad], but for the 180°; 0 where the angle
        was given.
    handedness : int
        +1, or -1 where the detector is mirrored.
    axis_confidence, handedness_confidence, sign_confidence : float
        Probability that there is an angle at all, that it is not mirrored otherwise, and that it is
        not 180° off.
    witness : str
        Evidence of the sign: ``"dark field"``, ``"bright field"``, ``"divergence"`` or ``"given"``.
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
        """True if the confidence is high enough to turn vectors by this rotation."""
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
    least: float = 0.0,
) -> ScanRotation:
    """Find the rotation of the detector against the scan, from the deflections of the beam.

    Constant terms and planes in `com` do not matter: they are subtracted first, so that no witness
    takes descan for deflection. Errors and probabilities come from the spread between parts of the
    scan.

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
    least : float
        Deflections that vary by no more than this are none.

    Raises
    ------
    InputError
        If the scan is too small, empty, or without deflection, or the handedness is no sign.
    """
    com = _deflections(com, least)
    if handedness not in (None, 1, -1):
        raise InputError(f"Expected a handedness of +1 or -1, got {handedness!r}.")
    signs = (1, -1) if handedness is None else (handedness,)
    best: tuple[Turned, ...] | None = None
    sharpest: Blurred | None = None
    for sigma in _smoothings(com.shape[:2]):
        blurred = Blurred.of(com, dark_field, step, sigma)
        if blurred is None:
            continue
        sharpest = sharpest or blurred
        turned = tuple(sorted((Turned.of(blurred, sign) for sign in signs), key=lambda t: t.curl))
        if best is None or turned[0].std < WORTH * best[0].std:
            best = turned
    if best is None or sharpest is None:
        raise InputError(
            "Expected neighbouring positions with a centre of mass, got only scattered ones. "
            "Empty patterns have none; pass the rotation if it is known."
        )
    return _judged(best, sharpest)


def _deflections(com: Map, least: float) -> Map:
    """Deflections without a plane."""
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
    rest = without_plane(com)
    least = max(least, ROUNDING * float(np.abs(seen).max()))
    if np.nanmax(np.abs(rest)) <= least:
        but = " but for a plane, which is descan" if np.ptp(seen, axis=0).max() > least else ""
        raise InputError(
            "Expected a centre of mass that changes over the scan, got the same everywhere"
            f"{but}: nothing deflects the beam. Pass rotation=0 to calibrate the rest in vacuum."
        )
    return rest


def _smoothings(shape: tuple[int, ...]) -> Iterator[float]:
    yield SMOOTHING[0]
    for sigma in SMOOTHING[1:]:
        if min(shape) - 2 * round(MARGIN * sigma) >= 3 * BLOCK * sigma:
            yield sigma


def _judged(turned: tuple[Turned, ...], sharpest: Blurred) -> ScanRotation:
    """Weigh the evidence for handedness and sign."""
    if len(turned) == 2:
        odds = _log_odds(turned[1].curls - turned[0].curls)
        if turned[0].climbs is not None and turned[1].climbs is not None:
            odds += _log_odds(_uphill(turned[0].climbs) - _uphill(turned[1].climbs))
        chosen, confidence = turned[0 if odds >= 0 else 1], float(special.expit(abs(odds)))
    else:
        chosen, confidence = turned[0], 1.0
    by_dark_field = 0.0 if chosen.climbs is None else _log_odds(chosen.climbs)
    if special.expit(abs(by_dark_field)) > SURE:
        sign, witness, trust = by_dark_field, "dark field", 1.0
    else:
        by_peaks, trust = _peaks(sharpest, chosen)
        sign, witness = by_dark_field + by_peaks, "divergence"
    angle = chosen.angle if sign >= 0 else chosen.angle - np.pi * np.sign(chosen.angle or 1.0)
    found = ScanRotation(
        float(angle),
        chosen.std,
        chosen.handedness,
        chosen.axis_confidence,
        confidence,
        min(float(special.expit(abs(sign))), trust),
        witness,
    )
    return found if found.angle > -np.pi else replace(found, angle=np.pi)


def _uphill(climbs: Map) -> Map:
    return climbs if climbs.sum() >= 0 else -climbs


def _peaks(sharpest: Blurred, turned: Turned) -> tuple[float, float]:
    """Logarithm of the odds that -div peaks upwards, and how far to trust that."""
    operator = derivative(sharpest, turned.handedness)
    charge = -(operator * np.exp(-1j * turned.handedness * turned.angle)).real
    charge /= max(charge.std(), 1e-300)
    trust = TRUST_IN_SHARP if abs((charge**3).mean()) > SHARP else TRUST_IN_BLUNT
    return _log_odds(block_sums(charge**3, sharpest.block)), trust


def _log_odds(parts: Map) -> float:
    """Logarithm of the odds that the sum of the parts is truly positive, by Student's t."""
    count = len(parts)
    error = np.sqrt(count / (count - 1) * ((parts - parts.mean()) ** 2).sum())
    if not error > 0:
        return 0.0 if parts.sum() == 0 else float(np.sign(parts.sum())) * 50.0
    share = special.stdtr(count - 1, parts.sum() / error)
    return float(np.clip(special.logit(share), -50.0, 50.0))
