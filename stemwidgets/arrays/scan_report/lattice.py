"""Distortion of a lattice that should be a regular hexagon or a square.

Drift and scan coils that are out of square shear a scan. A single scan shows that only by an object
of known shape: here waves at 60°, or at 90°, of equal length. They are found in the spectrum,
and their frequencies refined by least squares together with all their harmonics, without the
positions that do not fit, at a defect say.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stemwidgets.arrays.band_limit.limit import middle

FEWEST = 3.0  # periods in the scan, of each wave
MOST = 72  # positions that are looked at down and along, in the middle of the scan
PADDED = 4  # times as fine a spectrum: a wave is then found within a quarter of 1/L
WAVES = {"regular hexagon": 60, "square": 90}  # degrees between their waves
LENGTH, DIRECTION = 0.08, math.radians(5)  # by which waves may differ: else it is another lattice
WEAKEST = 0.05  # of the power of the strongest wave
ABOVE = 30.0  # times the median power: waves, not noise
TOPS = 3.0  # median deviations: what lies beyond belongs to a defect rather than the lattice
HIGHEST = 2  # order of the harmonics
EXACT = 1e-12  # of the variance: what rounding leaves
NYQUIST = 0.47  # cycles per step: of what is faster there is an alias
ROUNDS, ROUGH = 7, 3  # of the fit, and the first of them with all positions
SPOT = 3  # positions, over which the misfit is averaged
ODD = 2.5  # times the usual misfit: there the lattice is not sound
CHI_SQUARED = 0.455  # median of a squared normal number
NEGLIGIBLE = 0.01  # of the variance: harmonics of higher order
STRUCTURED = 0.15  # of the variance: where a lattice leaves more, there are others
SOUND = 0.6  # of the scan: of less nothing is said
LARGEST_STEP = 0.2  # of 1/L, by which a wave moves in one round
STANDS_OUT = 4.5  # standard errors: noise feigns them in one of ten thousand scans

Map = NDArray[np.float64]
ORDERS = np.array(
    [
        (h, k)
        for h in range(HIGHEST + 1)
        for k in range(-HIGHEST, HIGHEST + 1)
        if (h, k) > (0, 0)  # the others are the conjugates of these
    ]
)


@dataclass(frozen=True)
class Lattice:
    """A lattice, and its deviation from a regular one.

    Parameters
    ----------
    name : str
        Name of the regular lattice that it resembles.
    distortion : float
        Longest over shortest direction, less 1.
    error : float
        Standard error of the distortion.
    """

    name: str
    distortion: float
    error: float

    @property
    def stands_out(self) -> bool:
        """True if it is distorted beyond its error."""
        return self.distortion > STANDS_OUT * self.error


def measure_lattice(maps: Map, step: tuple[float, float]) -> Lattice | None:
    """Find a lattice and its distortion; None where no such waves stand out.

    Maps ``[iy, ix, n]`` are such as the centre of mass and the bright-field image, without NaN;
    `step` is the length of a scan step down and along, in one unit.
    """
    maps = maps[middle(maps.shape[0], MOST), middle(maps.shape[1], MOST)]
    maps = maps - maps.mean(axis=(0, 1))
    drawn = _without_tops(maps)
    size = drawn.std(axis=(0, 1))
    if min(maps.shape[:2]) < 2 * FEWEST or not (size > 0).all():
        return None
    spectrum = _spectrum(drawn / size, step)
    for name, degrees in WAVES.items():
        waves = _strongest(*spectrum, math.radians(degrees))
        if waves is None:
            continue
        try:
            return _fitted(name, math.radians(degrees), (drawn / size, maps / size), waves, step)
        except np.linalg.LinAlgError:  # waves too close to be distinguished
            return None
    return None


def _without_tops(maps: Map) -> Map:
    """Maps with their highest and lowest values, as at a defect, drawn in."""
    middle = np.median(maps, axis=(0, 1))
    reach = TOPS * np.median(np.abs(maps - middle), axis=(0, 1))
    drawn = np.clip(maps, middle - reach, middle + reach)
    return np.asarray(drawn - drawn.mean(axis=(0, 1)))


def _spectrum(maps: Map, step: tuple[float, float]) -> tuple[Map, NDArray[np.complex128]]:
    """Power of the waves with enough periods in the scan, and their frequencies x + iy."""
    down, along = (np.hanning(size + 2)[1:-1] for size in maps.shape[:2])
    padded = [PADDED * size for size in maps.shape[:2]]
    waves = np.fft.fft2(maps * down[:, None, None] * along[:, None], padded, axes=(0, 1))
    power = (np.abs(waves) ** 2).sum(axis=2)
    by_y, by_x = (np.fft.fftfreq(count, length) for count, length in zip(padded, step, strict=True))
    length = [size * each for size, each in zip(maps.shape[:2], step, strict=True)]
    power[np.hypot(by_y[:, None] * length[0], by_x * length[1]) < FEWEST] = 0.0
    return power, by_x + 1j * by_y[:, None]


def _strongest(power: Map, frequency: NDArray[np.complex128], turn: float) -> Map | None:
    """Frequencies ``[2, (y, x)]`` of the strongest wave and of one at an angle to it, if any is."""
    noise = ABOVE * float(np.median(power[power > 0]))
    first = frequency.flat[int(power.argmax())]
    if power.max() < noise:
        return None
    ratio = frequency / (first * np.exp(1j * turn))
    like = (np.abs(np.abs(ratio) - 1) < LENGTH) & (np.abs(np.angle(ratio)) < DIRECTION)
    beside = np.where(like, power, 0.0)
    if beside.max() < max(noise, WEAKEST * float(power.max())):
        return None
    second = frequency.flat[int(beside.argmax())]
    return np.array([[wave.imag, wave.real] for wave in (first, second)])


def _fitted(
    name: str, turn: float, given: tuple[Map, Map], waves: Map, step: tuple[float, float]
) -> Lattice | None:
    """Waves of the lattice by least squares (Gauss and Newton), at last where it is sound."""
    drawn, maps = given
    places = np.moveaxis(np.indices(maps.shape[:2]), 0, -1) - (np.array(maps.shape[:2]) - 1) / 2
    places *= step
    longest = LARGEST_STEP / (np.array(maps.shape[:2]) * step)
    points = places.reshape(-1, 2)
    orders = ORDERS[(np.abs(ORDERS @ waves) * step < NYQUIST).all(axis=1)]
    sound = np.ones(maps.shape[:2], dtype=bool)
    for number in range(ROUNDS):
        rough = number < ROUGH
        flat = (drawn if rough else maps).reshape(-1, maps.shape[2])
        basis = _basis(places, orders @ waves)
        used = basis * sound.reshape(-1, 1)
        square = used.T @ basis
        amplitudes = np.asarray(np.linalg.solve(square, used.T @ flat), dtype=np.float64)
        rest = flat - basis @ amplitudes
        noise = np.maximum((rest[sound.ravel()] ** 2).mean(axis=0), EXACT)
        normal, back = np.zeros((4, 4)), np.zeros(4)
        for which, variance in enumerate(noise):
            slopes = _slopes(basis, amplitudes[:, which], points, orders)
            shared = used.T @ slopes
            slopes_used = slopes * sound.reshape(-1, 1)
            own = slopes_used.T @ slopes - shared.T @ np.linalg.solve(square, shared)
            normal += own / variance
            back += slopes_used.T @ rest[:, which] / variance
        change = np.linalg.solve(normal, back).reshape(2, 2)
        waves = waves + np.clip(change, -longest, longest)
        fits = sound if rough else _sound(rest.reshape(maps.shape))
        if fits.mean() < SOUND:
            return None
        sound = fits
    if _structured(rest.reshape(maps.shape), sound) > STRUCTURED:
        return None
    return _judged(name, turn, waves, np.asarray(np.linalg.inv(normal), float))


def _basis(places: Map, waves: Map) -> Map:
    """One, and cosine and sine of each wave, at places ``[iy, ix, 2]``: ``[places, n]``."""
    down, along = (
        np.exp(2j * np.pi * at[:, None] * frequency)
        for at, frequency in zip((places[:, 0, 0], places[0, :, 1]), waves.T, strict=True)
    )
    turned = (down[:, None] * along).reshape(-1, len(waves))
    return np.concatenate([np.ones((len(turned), 1)), turned.real, turned.imag], axis=1)


def _sound(rest: Map) -> NDArray[np.bool_]:
    """True where the lattice fits as well as elsewhere."""
    squares = rest**2
    usual = np.median(squares, axis=(0, 1)) / CHI_SQUARED
    misfit = (squares / np.maximum(usual, NEGLIGIBLE)).mean(axis=2)
    odd = ndimage.uniform_filter(misfit, SPOT) > ODD
    return np.asarray(~ndimage.binary_dilation(odd, iterations=2))


def _structured(rest: Map, sound: NDArray[np.bool_]) -> float:
    """Share of the variance that most maps leave and neighbours have in common: no noise."""
    both = sound[:, 1:] & sound[:, :-1]
    if not both.any():
        return math.inf
    differences = (np.diff(rest, axis=1)[both] ** 2).mean(axis=0) / 2
    return float(np.median((rest[sound] ** 2).mean(axis=0) - differences))


def _slopes(basis: Map, amplitudes: Map, points: Map, orders: NDArray[np.intp]) -> Map:
    """Derivatives of one map by the frequencies of both waves, ``[n, 4]``."""
    count = len(orders)
    cos, sin = basis[:, 1 : count + 1], basis[:, count + 1 :]
    turned = cos * amplitudes[count + 1 :] - sin * amplitudes[1 : count + 1]
    by_phase = 2 * np.pi * turned @ orders
    return (by_phase[:, :, None] * points[:, None, :]).reshape(len(points), 4)


def _judged(name: str, turn: float, waves: Map, covariance: Map) -> Lattice | None:
    """Deviation of the linear map from regular waves to these from a rotation.

    None where they have moved apart as they were refined.
    """
    first, second = waves[:, 1] + 1j * waves[:, 0]
    ratio = second / first / np.exp(1j * turn)
    if abs(abs(ratio) - 1) > LENGTH or abs(np.angle(ratio)) > DIRECTION:
        return None
    length = math.sqrt(abs(first) * abs(second))
    back = np.linalg.inv([[1.0, math.cos(turn)], [0.0, math.sin(turn)]])
    shape = np.array([[first.real, second.real], [first.imag, second.imag]]) @ back / length
    long, short = np.linalg.svd(shape, compute_uv=False)
    # stretch and shear [T11 - T22, T12 + T21] are linear in the frequencies (y, x) of both waves
    stretch = np.array([[-back[0, 1], back[0, 0]], [-back[1, 1], back[1, 0]]])
    shear = np.array([[back[0, 0], back[0, 1]], [back[1, 0], back[1, 1]]])
    linear = np.stack([stretch.ravel(), shear.ravel()]) / length
    variance = float(np.trace(linear @ covariance @ linear.T)) / 2
    return Lattice(name, float(long / short - 1), math.sqrt(max(variance, 0.0)))
