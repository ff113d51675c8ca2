"""Every pattern about its own centre, although the beam wanders on the detector (descan).

Patterns, or detectors with the beam, are moved by whole pixels, which changes no count. Of what
remains, half a pixel at most, the change is taken off that the mean pattern leads to expect there.
So edges may be as sharp as they are, and counts are never interpolated.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.blocks import iterate_blocks, native_type
from stemwidgets.arrays.calibration.descan import Descan, fit_descan
from stemwidgets.arrays.center_of_mass import centroids, pattern_moments
from stemwidgets.arrays.centring.half_pixels import (
    MovedPatterns,
    at_rest,
    fit_half_pixels,
    followed,
    moved,
    overlaps,
    whole_pixels,
    windows,
)
from stemwidgets.arrays.centring.sharp_edges import SharpEdges, fit_sharp_edges, powers
from stemwidgets.arrays.changed import changed
from stemwidgets.arrays.detectors import Detector, SegmentDetector
from stemwidgets.arrays.virtual_image import detector_weights, virtual_image

SAMPLE_VALUES = 2**24  # of the patterns from which the mean pattern is fitted,
FEWEST, MOST = 512, 4096  # but at least and at most so many patterns
ROUNDS = 3  # of filling what is left out from the mean pattern and fitting that again

Map = NDArray[np.float64]
Mask = NDArray[np.bool_]
Whole = NDArray[np.int64]
Pixels = tuple[NDArray[np.intp], ...]


@dataclass(frozen=True, eq=False)
class BeamFrame:
    """The frame of the beam: detectors that stay in place there follow it over the camera.

    Parameters
    ----------
    descan : Descan
        Position of the beam on the detector.
    dose : ndarray, shape [iy, ix]
        Counts of each pattern over their mean.
    half_pixels : ndarray, shape [2 ky + 3, 2 kx + 3]
        Mean pattern about its own centre, in half pixels.
    edges : SharpEdges
        Correction of sharp edges, beyond what half pixels show.
    hidden : ndarray of bool, shape [ky, kx]
        Detector pixels that are left out.
    """

    descan: Descan
    dose: Map
    half_pixels: Map
    edges: SharpEdges
    hidden: Mask

    @cached_property
    def mean(self) -> Map:
        """Mean pattern about its own centre, ``[ky, kx]``."""
        return at_rest(self.half_pixels)

    @property
    def words(self) -> str:
        """Description of the correction."""
        return (
            f"{self.descan.words} It is taken off: every pattern is read about its own centre. "
            "Where it is a field of the specimen instead, leave it in: descan=None."
        )

    @property
    def moves(self) -> bool:
        """True if patterns are moved by whole pixels, with what is left out."""
        return bool(self._whole.any())

    @cached_property
    def _whole(self) -> Whole:
        return whole_pixels(self.descan).reshape(-1, 2)

    @property
    def _rest(self) -> Map:
        return self.descan.departure.reshape(-1, 2) - self._whole

    @cached_property
    def _shares(self) -> Map:
        return overlaps(self._rest)

    @cached_property
    def _terms(self) -> Map:
        return powers(self._rest, self.edges.order)

    @cached_property
    def _unseen(self) -> list[tuple[NDArray[np.intp], Pixels]]:
        """Positions with the same whole shift, and the pixels ``(ky, kx)`` that they do not see."""
        shifts, group = np.unique(self._whole, axis=0, return_inverse=True)
        blank = np.zeros((1, *self.hidden.shape), np.bool_)
        found = []
        for number, shift in enumerate(shifts):
            seen = np.empty_like(blank)
            moved(blank, shift[None], self.hidden, np.empty_like(blank), seen)
            found.append((np.flatnonzero(group.ravel() == number), np.nonzero(~seen[0])))
        return found

    def moved(self, data: Any) -> Any:
        """The scan ``[iy, ix, ky, kx]`` moved by whole pixels, in its own type.

        0 where nothing is seen; numpy or dask; nothing is read yet.
        """

        def change(patterns: NDArray[Any], numbers: NDArray[np.intp]) -> NDArray[Any]:
            result, seen = np.empty_like(patterns), np.empty(patterns.shape, np.bool_)
            moved(patterns, self._whole[numbers], self.hidden, result, seen)
            return result

        return changed(data, change, native_type(data.dtype))

    def of(self, data: Any) -> Any:
        """The scan ``[iy, ix, ky, kx]`` with every pattern about its own centre, in float32.

        numpy or dask; nothing is read yet. What was left out holds what the mean pattern leads to
        expect there.
        """
        edges, dose = self.edges, self.dose.ravel()
        half_pixels, mean, hidden = self.half_pixels, self.mean, self.hidden

        def change(patterns: NDArray[Any], numbers: NDArray[np.intp]) -> NDArray[np.float32]:
            result = np.empty(patterns.shape, np.float32)
            of_each = self._whole[numbers], self._shares[numbers], dose[numbers]
            model = half_pixels, mean, self._terms[numbers]
            followed(patterns, *of_each, *model, edges.pixels, edges.slopes, hidden, result)
            return result

        return changed(data, change, np.float32)

    def image(self, data: Any, detector: Detector | NDArray[Any], mask: Mask | None = None) -> Map:
        """Counts on a detector that follows the beam; as `virtual_image` otherwise.

        What is left out by `mask` is left out where it lies when the beam is at its mean position;
        what comes to lie elsewhere on the way holds what the mean pattern leads to expect there.
        """
        images = virtual_image(self.moved(data), detector, mask)
        rest = self.rest_of(detector_weights(detector, self.hidden.shape, mask))
        return images + (rest if isinstance(detector, SegmentDetector) else rest[..., 0])

    def rest_of(self, weights: NDArray[Any]) -> Map:
        """Counts ``[iy, ix, images]`` to add where patterns are moved by whole pixels only.

        The weights ``[images, ky, kx]`` are those of `detector_weights`.
        """
        return np.stack([self._rest_of(weight) for weight in weights], axis=-1)

    def _rest_of(self, weights: NDArray[Any]) -> Map:
        still = float((weights * self.mean).sum())
        result = still - self._expected(weights, np.nonzero(weights), slice(None))
        for places, unseen in self._unseen:
            if weights[unseen].any():
                result[places] += self._expected(weights, unseen, places)
        return self.dose * result.reshape(self.descan.shape)

    def _expected(self, weights: NDArray[Any], pixels: Pixels, places: Any) -> Map:
        """Counts to expect from the mean pattern on some pixels, at some positions."""
        seen = np.tensordot(weights[pixels].astype(float), windows(self.half_pixels)[pixels], 1)
        shares, chosen = self._shares[places], np.zeros(weights.shape)
        chosen[pixels] = weights[pixels]
        at_edges = chosen[*self.edges.pixels.T] @ self.edges.slopes
        smooth = ((shares[:, 0] @ seen) * shares[:, 1]).sum(axis=-1)
        return np.asarray(smooth + self._terms[places] @ at_edges)


def fit_beam_frame(
    descan: Descan, counts: Map, data: Any, hidden: Mask, known: bool = True
) -> BeamFrame:
    """Fit the mean pattern about its own centre to patterns from all over a scan.

    Where pixels are left out, a descan that was found is fitted again to patterns that hold what
    the mean pattern leads to expect there: without them the centre of mass is drawn aside.

    Parameters
    ----------
    descan : Descan
        Position of the beam on the detector.
    counts : ndarray, shape [iy, ix]
        Sum of each pattern, without what is left out.
    data : array, shape [iy, ix, ky, kx]
        numpy or dask; without single events.
    hidden : ndarray of bool, shape [ky, kx]
        Detector pixels that are left out.
    known : bool
        True if the descan was measured elsewhere, and stays.
    """
    mean = counts.mean()
    dose = counts / mean if mean > 0 else np.zeros_like(counts)
    sample, places = sample_of(data, hidden)
    place = tuple(places.T)
    for left in reversed(range(ROUNDS if hidden.any() and not known else 1)):
        whole = whole_pixels(descan)[place]
        patterns, seen = np.empty(sample.shape, np.float32), np.empty(sample.shape, np.bool_)
        moved(sample, whole, hidden, patterns, seen)
        still = MovedPatterns(patterns, seen, dose[place], descan.departure[place] - whole)
        half_pixels = fit_half_pixels(still)
        if left:
            still.fill(half_pixels)
            com = np.full((*descan.shape, 2), np.nan)
            com[place] = centroids(pattern_moments(patterns, None)) + whole
            descan = fit_descan(com, descan.order, lines=descan.lines)
    edges = fit_sharp_edges(still, half_pixels, bool(descan.steps))
    return BeamFrame(descan, dose, half_pixels, edges, hidden)


def sample_of(data: Any, hidden: Mask) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Evenly spaced patterns of a scan ``[n, ky, kx]`` with counts, and their places ``[n, 2]``.

    Blank ones are left out if there are others; pixels that are hidden may hold anything.
    """
    shape, pixels = tuple(data.shape[:2]), math.prod(data.shape[2:])
    wanted = min(max(SAMPLE_VALUES // pixels, FEWEST), MOST)
    count = math.prod(shape)
    places = np.unravel_index(np.arange(0, count, max(1, count // wanted)), shape)
    chosen = data.vindex[places] if hasattr(data, "dask") else data[places]
    patterns = np.concatenate([block for _, block in iterate_blocks(chosen)])
    filled = patterns[:, ~hidden].sum(axis=1, dtype=np.float64) > 0
    filled |= not filled.any()
    return patterns[filled], np.stack(places, axis=-1)[filled]
