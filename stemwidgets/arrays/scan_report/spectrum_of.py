"""Spectrum of a scan that was read: of its COM, bright field and dark field."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.band_limit.limit import highest_frequency
from stemwidgets.arrays.band_limit.measure import measure_spectrum
from stemwidgets.arrays.band_limit.spectrum import ScanSpectrum
from stemwidgets.arrays.detectors import Preset, preset
from stemwidgets.arrays.scan_report.counting import BRIGHT, JOINED, ORDER, noise
from stemwidgets.arrays.scan_report.seen import Seen

IMAGES: tuple[Preset, ...] = ("BF", "ADF")  # of the overview
DIM = 25  # per cent of the pixels: the dimmest, in which the readout shows
CERTAIN = 4.0  # standard errors by which its noise stands out
APART = 4  # pixels: so far apart they share no electrons
SHARED = 0.05  # correlation of neighbouring pixels: less is that of a scan that jitters

Map = NDArray[np.float64]


def spectrum_of(seen: Seen, limit: float | None = None) -> ScanSpectrum:
    """Spectrum of a scan, and what of it lies beyond a limit.

    Parameters
    ----------
    seen : Seen
        The scan.
    limit : float, optional
        Highest scan frequency [1/Å]; if not given 2α/λ, of the direct beam or the semi-angle.
    """
    y, x = seen.axes.scan_y, seen.axes.scan_x
    in_length = y.units == x.units == "Å"
    if in_length and limit is None:
        limit = highest_frequency(seen.axes, seen.disc, seen.beam_energy, seen.semi_angle)
    if not np.isfinite(seen.com).any():
        return ScanSpectrum(reason="no pattern has a COM.")
    maps, noise = _maps_and_noise(seen)
    return measure_spectrum(
        maps,
        noise,
        (y.scale, x.scale) if in_length else (1.0, 1.0),
        limit if in_length else None,
        seen.beam_energy,
        "1/Å" if in_length else "1/step",
        seen.counting.known,
    )


def _maps_and_noise(seen: Seen) -> tuple[Map, Map]:
    """Maps ``[iy, ix, n]`` and the covariance of their noise ``[n, n]``.

    By counting, the COM has <k²>/N along either axis, of the pattern about its COM; a share p of
    the counts has p (1 − p) / N, and two shares p and q of different pixels −p q / N. To that comes
    the noise of the readout, alike in all pixels.
    """
    sums = np.where(seen.overview.sum_image > 0, seen.overview.sum_image, np.nan)
    pixels, shares = [~seen.hidden], []
    images = seen.overview.bright_field, seen.overview.dark_field
    for name, image in zip(IMAGES, images, strict=True):
        if image is not None and seen.disc is not None:
            ring = preset(name, seen.disc, seen.axes.pixel_size).pixels(seen.hidden.shape)
            pixels.append(ring & ~seen.hidden)
            shares.append(image / sums)
    maps = np.stack([*np.moveaxis(seen.com, -1, 0), *shares], axis=-1)
    counting, readout = np.zeros((2, maps.shape[-1], maps.shape[-1]))
    counting[:2, :2] = np.diag(_squares(seen))
    for i, p in enumerate(shares, 2):
        for j, q in enumerate(shares, 2):
            counting[i, j] = float(np.nanmean(p * (i == j) - p * q))
    readout[:2, :2] = np.diag(_places(seen))
    readout[2:, 2:] = np.diag([float(of.sum()) for of in pixels[1:]])
    unit = seen.counting.unit if seen.counting.known else 1.0
    of_readout, shared = _pixels(seen)
    noise = shared * unit * counting * float(np.nanmean(1 / sums))
    return maps, noise + of_readout * readout * float(np.nanmean(1 / sums**2))


def _squares(seen: Seen) -> tuple[float, float]:
    """<k²> along y and x of a pattern about its own COM, in pixels along kx squared."""
    pattern = np.where(seen.hidden, 0.0, np.clip(seen.mean_pattern, 0.0, None))
    total = pattern.sum()
    if not total > 0:
        return math.nan, math.nan
    squares = []
    for axis, size in ((0, seen.aspect), (1, 1.0)):
        line, place = pattern.sum(axis=1 - axis), np.arange(pattern.shape[axis])
        middle = (line * place).sum() / total
        square = (line * (place - middle) ** 2).sum() / total
        moved = np.nanvar(seen.overview.com[..., axis])  # the mean pattern is smeared by it
        squares.append(float(size**2 * max(square - moved, 0.0)))
    return squares[0], squares[1]


def _places(seen: Seen) -> tuple[float, float]:
    """Sum over all pixels of their squared distance along y and x from the COM, likewise."""
    kept = ~seen.hidden
    sums = []
    for axis, size in ((0, seen.aspect), (1, 1.0)):
        place = np.indices(kept.shape)[axis] - float(np.nanmean(seen.overview.com[..., axis]))
        sums.append(float(size**2 * (place[kept] ** 2).sum()))
    return sums[0], sums[1]


def _pixels(seen: Seen) -> tuple[float, float]:
    """Noise of the pixels beside counting, from differences along the scan.

    The variance of the noise of the readout of a pixel, 0 where none stands out from counting; and
    the factor by which sums over pixels that share electrons with their neighbours are noisier than
    the pixels say, (1 + 2ρ)² for a correlation ρ of neighbours along both axes.
    """
    order = min(ORDER, seen.runs.shape[1] - 1)
    if not seen.counting.known or order < 1:
        return 0.0, 1.0
    sound = seen.left_out.repaired(seen.runs)
    variance, mean, _ = noise(sound, order)
    used = ~seen.hidden & np.isfinite(variance) & (mean > 0)
    if not used.any():
        return 0.0, 1.0
    dim = used & (mean <= np.percentile(mean[used], DIM))
    beyond = (variance - seen.counting.unit * mean)[dim]
    error = float(beyond.std() / math.sqrt(beyond.size))
    readout = float(beyond.mean()) if beyond.mean() > CERTAIN * error else 0.0
    bright = used & (mean >= np.percentile(mean[used], BRIGHT))
    near, far = (_correlation(sound[..., ::step], bright[:, ::step], order) for step in (1, APART))
    shared = near - far  # without the beam current, which all pixels have in common
    return readout, (1 + 2 * shared) ** 2 if SHARED < shared < JOINED else 1.0


def _correlation(runs: NDArray[Any], bright: NDArray[np.bool_], order: int) -> float:
    """Correlation of the noise of pixels with that of the next ones along kx."""
    variance, mean, joined = noise(runs, order)
    pairs = bright[:, :-1] & bright[:, 1:]
    scatter = (variance[:, :-1] / np.where(pairs, mean[:, :-1], 1.0))[pairs].sum()
    return float(joined[:, :-1][pairs].sum() / scatter) if scatter > 0 else 0.0
