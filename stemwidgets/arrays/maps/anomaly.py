"""Places that differ from the rest of a scan, by maps such as the latent variables."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from sklearn.covariance import MinCovDet

from stemwidgets.arrays.errors import InputError

PERIODS = 0.4  # of the lattice, to smooth by: 4 % of its contrast is left
LEAST_PERIODS = 2.5  # in the scan: what is longer is drift, or chance
PADDED = 4  # times as fine a spectrum as that of the scan alone: a peak is 2 × 4 wide
MARGIN = 1.5  # of the scan that is left out, in units of the smoothing
FEWEST = 20  # positions for each map


@dataclass(frozen=True, eq=False)
class Anomaly:
    """Distance of each place in a scan from the usual.

    Parameters
    ----------
    distance : ndarray of float64, shape [iy, ix]
        Robust Mahalanobis distance of the smoothed maps: in units of their usual spread. NaN along
        the edges, where smoothing mixes in what was not scanned.
    smoothing : float
        Standard deviation of the Gaussian that the maps were smoothed by [scan positions].
    """

    distance: NDArray[np.float64]
    smoothing: float

    def places(self, count: int = 5) -> list[tuple[int, int]]:
        """Scan positions (iy, ix) of the largest distances, the largest first, and so many at most.

        Each is the largest within twice the smoothing.
        """
        values = np.nan_to_num(np.asarray(self.distance), nan=-np.inf)
        around = 2 * max(int(np.ceil(2 * self.smoothing)), 1) + 1
        peaks = (values == ndimage.maximum_filter(values, around)) & np.isfinite(values)
        where = np.argwhere(peaks)
        largest_first = np.argsort(-values[peaks])[:count]
        return [(int(iy), int(ix)) for iy, ix in where[largest_first]]


def find_anomalies(maps: ArrayLike, smoothing: float | None = None) -> Anomaly:
    """Find unusual places in maps ``[iy, ix]`` or ``[iy, ix, d]``: `stemwidgets.find_anomalies`.

    A single pattern of a crystal is seldom unusual: above a missing atom it is much like that in
    the middle of a hexagon. What is unusual is that it stands there. Therefore the maps are
    smoothed over the lattice first, so that in the perfect crystal nothing is left but noise. Then
    the distance from the usual is measured in all maps together, by the mean and covariance of
    those three quarters of the scan that are most alike (minimum covariance determinant). An angle
    is no such map: it depends on the turning of the patterns.

    Notes
    -----
    Rousseeuw & Van Driessen, Technometrics 41, 212 (1999), doi:10.1080/00401706.1999.10485670.
    """
    values = np.asarray(maps, dtype=float)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or min(values.shape) < 1:
        raise InputError(f"Expected maps [iy, ix] or [iy, ix, d], got the shape {values.shape}.")
    known = np.isfinite(values).all(axis=-1)
    if not known.any() or (np.ptp(values[known], axis=0) == 0).any():
        raise InputError("Expected maps whose values differ from place to place.")
    values = np.where(known[..., None], values, np.median(values[known], axis=0))
    if smoothing is None:
        smoothing = PERIODS * lattice_period(values)
    elif not 0 <= smoothing < np.inf:
        raise InputError(f"smoothing: expected scan positions, from 0, got {smoothing!r}.")
    margin = int(np.ceil(MARGIN * smoothing))
    smooth = ndimage.gaussian_filter(values, (smoothing, smoothing, 0), mode="nearest")
    rows, columns, count = values.shape
    inside = (slice(margin, rows - margin), slice(margin, columns - margin))
    left = smooth[inside].reshape(-1, count)
    if len(left) < FEWEST * count:
        raise InputError(
            f"A scan of {rows} × {columns} positions leaves too little inside a margin of {margin}."
            " Scan more, or choose a smaller smoothing."
        )
    usual = MinCovDet(support_fraction=0.75, random_state=0).fit(left / left.std(axis=0))
    distance = np.full((rows, columns), np.nan)
    squares = usual.mahalanobis(left / left.std(axis=0))
    distance[inside] = np.sqrt(squares).reshape(smooth[inside].shape[:2])
    return Anomaly(np.where(known, distance, np.nan), float(smoothing))


def lattice_period(maps: NDArray[np.float64]) -> float:
    """The period of the strongest wave in maps ``[iy, ix, d]``, in scan positions.

    Waves of less than two and a half periods along the short side of the scan are not counted, nor
    what is no peak of the spectrum: the flank of what varies slowly, as a defect does.
    """
    rows, columns = maps.shape[:2]
    centred = (maps - maps.mean(axis=(0, 1))) / maps.std(axis=(0, 1))
    window = np.hanning(rows + 2)[1:-1, None, None] * np.hanning(columns + 2)[None, 1:-1, None]
    size = (PADDED * rows, PADDED * columns)
    power = (np.abs(np.fft.rfft2(centred * window, s=size, axes=(0, 1))) ** 2).sum(axis=-1)
    y, x = np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None]
    around = ndimage.maximum_filter(power, (2 * PADDED + 1,) * 2, mode=("wrap", "nearest"))
    power[(power < around) | (np.hypot(y, x) < LEAST_PERIODS / min(rows, columns))] = 0
    iy, ix = np.unravel_index(power.argmax(), power.shape)
    return float(1 / np.hypot(y[iy, 0], x[0, ix]))
