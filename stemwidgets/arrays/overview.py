"""Overview for the opening of a scan, from one read of the data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.blocks import iterate_blocks, native_type, read_pieces
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.center_of_mass import Deflection, calibrated, centroids, pattern_moments
from stemwidgets.arrays.checks import LARGEST, require_finite, require_scan
from stemwidgets.arrays.detectors import AnnularDetector, preset
from stemwidgets.arrays.disc.find import Disc, find_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.damage import decoding
from stemwidgets.arrays.kernels.one_pass import FirstLook
from stemwidgets.arrays.kernels.sums import DetectorSum, PatternSum, bin_patterns
from stemwidgets.arrays.masks import require_mask

SAMPLE = 64  # patterns in which the bright-field disc is looked for
SMALL_BYTES = 2**25  # of lazy data: read whole for the sample, it is that of data in memory
BLOCK_BYTES = 2**20  # stays in the cache while it is read in several ways
SWIFT_BYTES = 2**23  # of a block that is read in one way
PAGE = 4096  # bytes, in which memory is given

Map = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Overview:
    """First look at a scan.

    Parameters
    ----------
    sum_image : ndarray, shape [iy, ix]
        Counts of each pattern.
    mean_pattern : ndarray, shape [ky, kx]
        Mean over the scan.
    com : ndarray, shape [iy, ix, 2]
        Centre of mass ``(y, x)`` in pixels; NaN where a pattern has no counts.
    reference : (float, float)
        Centre of mass ``(y, x)`` of the mean pattern, in pixels.
    disc : Disc or None
        Bright-field disc, seen in a sample of the patterns; None if it was not looked for, or the
        sample has no contrast.
    bright_field, dark_field : ndarray of shape [iy, ix], or None
        Counts on the disc, and on the ring of ADF around it; None without a disc that is surely
        the direct beam, and where the pattern ends before the detector begins.
    binned : ndarray of float32, shape [iy, ix, ky // bin_by, kx // bin_by], or None
        The scan with larger pixels, each the sum of smaller ones.
    """

    sum_image: Map
    mean_pattern: Map
    com: Map
    reference: tuple[float, float]
    disc: Disc | None = None
    bright_field: Map | None = None
    dark_field: Map | None = None
    binned: NDArray[np.float32] | None = None

    def deflection(self, axes: Axes, descan: Descan | None = None) -> Deflection:
        """The centre of mass in the units of the detector, less the departure of a descan."""
        com = self.com if descan is None else self.com - descan.departure
        return calibrated(com, axes, self.reference)


class _Piece(NamedTuple):
    """Results of a part of the scan: the maps along the last axis."""

    moments: Map
    images: Map
    total: NDArray[Any]
    binned: NDArray[np.float32] | None  # None where it has been put in its place


def overview(
    data: Any,
    mask: NDArray[np.bool_] | None = None,
    detectors: bool = False,
    pixel_size: tuple[float, float] = (1.0, 1.0),
    bin_by: int | None = None,
) -> Overview:
    """Read a scan once and sum it up.

    Parameters
    ----------
    data : array, shape [iy, ix, ky, kx]
        Counts; numpy, read by all cores, or dask, read chunk by chunk.
    mask : ndarray of bool, shape [ky, kx], optional
        True where a pixel is left out of all but the mean pattern, whatever it holds.
    detectors : bool
        Also give the images of BF and ADF. Their disc is found in a sample that is read first, see
        :func:`sample_pattern`.
    pixel_size : (float, float)
        Height and width of a pixel, in one unit, for the disc.
    bin_by : int, optional
        Also give the binned scan, with so many rows and columns in one.

    Raises
    ------
    InputError
        If `data` is not a scan, a pixel is not finite, the mask does not fit, or `bin_by` is no
        number of pixels of the pattern.
    """
    reading = Reading(data, mask, detectors, pixel_size, bin_by)
    for _ in reading.steps():
        pass
    return reading.overview()


class Reading:
    """An overview in progress: its results so far may be looked at.

    Parameters
    ----------
    data, mask, detectors, pixel_size, bin_by
        As for :func:`overview`.
    """

    def __init__(
        self,
        data: Any,
        mask: NDArray[np.bool_] | None = None,
        detectors: bool = False,
        pixel_size: tuple[float, float] = (1.0, 1.0),
        bin_by: int | None = None,
    ) -> None:
        require_scan(data)
        shape = (int(data.shape[2]), int(data.shape[3]))
        if bin_by is not None and not 1 <= bin_by <= min(shape):
            raise InputError(f"Expected to bin by 1 to {min(shape)} pixels, got bin_by={bin_by}.")
        mask = None if mask is None else require_mask(mask, shape)
        self._data, self._mask, self._bin_by, self._shape = data, mask, bin_by, shape
        self._keep = None if mask is None else ~mask
        self._disc = _disc(data, mask, pixel_size) if detectors else None
        self._weights = _weights(self._disc, mask, shape, pixel_size)
        self._moments = np.full((*data.shape[:2], 3), np.nan)
        self._images = np.full((*data.shape[:2], len(self._weights)), np.nan)
        self._total, self._count = np.zeros(shape), 0
        self._small = None if bin_by is None else _binned_scan(data, bin_by)

    def steps(self) -> Iterator[float]:
        """Read the scan; yields the share that has been read, after every piece.

        An InputError if a pixel is not finite.
        """
        moments, small = self._moments, self._small
        for where, piece in read_pieces(self._data, self._read, small):
            moments[where], self._images[where] = piece.moments, piece.images
            with np.errstate(invalid="ignore"):  # opposite infinities, refused below
                self._total += piece.total
            if small is not None and piece.binned is not None:
                small[where] = piece.binned
            self._count += piece.moments[..., 0].size
            yield self._count / moments[..., 0].size
        require_finite(moments[..., 0])

    def overview(self) -> Overview:
        """Overview of the part that has been read; maps are NaN elsewhere, and mean over it."""
        mean_pattern = self._total / self._count
        y, x = centroids(pattern_moments(mean_pattern, self._keep), self._shape)
        seen: list[Map | None] = [
            self._images[..., i].copy() if weight.any() else None
            for i, weight in enumerate(self._weights)
        ]
        bright, dark = seen or (None, None)
        com, sums = centroids(self._moments, self._shape), self._moments[..., 0].copy()
        reference = (float(y), float(x))
        return Overview(sums, mean_pattern, com, reference, self._disc, bright, dark, self._small)

    def _read(self, data: Any, filled: NDArray[np.float32] | None = None) -> _Piece:
        moments = np.empty((*data.shape[:2], 3))
        images = np.empty((*data.shape[:2], len(self._weights)))
        binned = _binned_shape(data, self._bin_by)
        small = np.empty(binned, np.float32) if filled is None else filled
        shape, dtype = data.shape[2:], native_type(data.dtype)
        total = PatternSum(shape, dtype)
        look = None
        if FirstLook.can(shape, dtype, self._bin_by):
            look = FirstLook(self._weights, shape, dtype, self._bin_by, self._mask)
        images_of = [DetectorSum(weight, dtype) for weight in self._weights]
        block_bytes = BLOCK_BYTES if look is None else SWIFT_BYTES
        for row in range(len(data)):
            for (x,), patterns in iterate_blocks(data[row], block_bytes):
                found = (moments[row, x], images[row, x], small[row, x])
                if look is not None:
                    look(patterns, total.total, *found)
                    continue
                moments[row, x] = pattern_moments(patterns, self._keep)
                for index, image_of in enumerate(images_of):
                    images[row, x, index] = image_of(patterns)
                total.add(patterns)
                if self._bin_by is not None:
                    zero = dtype.type(0)
                    kept = patterns if self._keep is None else np.where(self._keep, patterns, zero)
                    bin_patterns(kept, self._bin_by, small[row, x])
        return _Piece(moments, images, total.total, small if filled is None else None)


def sample_pattern(data: Any) -> Map:
    """Mean ``[ky, kx]`` of a few patterns from all over the scan, in which the disc can be found.

    Of a dask array that is not small the chunk in the middle is read. 0 where pixels are not
    finite, or beyond all counts.
    """
    require_scan(data)
    if hasattr(data, "dask"):
        whole = data.rechunk({2: -1, 3: -1})
        if not data.nbytes <= SMALL_BYTES:
            whole = whole.blocks[tuple(count // 2 for count in whole.numblocks)]
        with decoding():
            data = whole.compute()
    rows, columns = data.shape[:2]
    steps = np.linspace(0, rows * columns - 1, min(SAMPLE, rows * columns)).astype(int)
    chosen = data[np.unravel_index(steps, (rows, columns))]
    total = np.zeros(data.shape[2:])
    for _, patterns in iterate_blocks(chosen):
        with np.errstate(invalid="ignore"):
            total += patterns.sum(axis=0, dtype=np.float64)
    return np.where(np.abs(total) <= LARGEST, total, 0.0) / len(chosen)


def _disc(
    data: Any, mask: NDArray[np.bool_] | None, pixel_size: tuple[float, float]
) -> Disc | None:
    try:
        return find_disc(sample_pattern(data), pixel_size, mask)
    except InputError:
        return None


def _weights(
    disc: Disc | None,
    mask: NDArray[np.bool_] | None,
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
) -> list[NDArray[Any]]:
    if disc is None or not disc.sure:
        return []
    rings: list[AnnularDetector] = [preset(name, disc, pixel_size) for name in ("BF", "ADF")]
    used = True if mask is None else ~mask
    return [ring.pixels(shape) & used for ring in rings]


def _binned_scan(data: Any, factor: int) -> NDArray[np.float32]:
    scan = np.empty(_binned_shape(data, factor), dtype=np.float32)
    scan.ravel()[:: PAGE // scan.itemsize] = 0  # asked for by threads, memory comes more slowly
    return scan


def _binned_shape(data: Any, factor: int | None) -> tuple[int, ...]:
    height, width = (0, 0) if factor is None else (size // factor for size in data.shape[2:])
    return (*data.shape[:2], height, width)
