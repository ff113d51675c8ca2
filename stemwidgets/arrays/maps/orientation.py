"""Rotation of the lattice from place to place, from patterns alone."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import wrap

WIDTH = 0.2  # of the latent variables, in units of their spread: patterns that near are alike
MOST = 2000  # positions of the reference that are compared with
BLOCK = 1024  # positions at once
ROUNDS = 4  # at most, of moving the boundary to where the grains found last end
ASIDE = 0.1  # of the scan, on both sides of a boundary: patterns that see both grains
FEWEST = 0.1  # of the scan, to belong to a grain

Vectors = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Split:
    """Two grains, one after the other along an axis of the scan.

    Parameters
    ----------
    boundary : float
        Beginning of the second grain [scan positions]: 4.5 is between the positions 4 and 5.
    rotation : float
        Angle of the second lattice against the first [rad, in (-π, π] / symmetry]; positive turns
        +kx towards +ky.
    contrast : float
        Gain of two grains over one in explaining the angles, from 0 to 1.
    """

    boundary: float
    rotation: float
    contrast: float


@dataclass(frozen=True, eq=False)
class LatticeRotation:
    """Turn of the lattice at each position against a reference.

    Parameters
    ----------
    turn : ndarray of complex, shape [iy, ix]
        exp(i·n·rotation) with the symmetry n, times a weight from 0 to 1 for its certainty.
    symmetry : int
        Order n of the lattice.
    """

    turn: Vectors
    symmetry: int

    @property
    def angle(self) -> NDArray[np.float64]:
        """Rotation of the lattice at each position [rad, in (-π, π] / symmetry]."""
        return wrap(np.angle(self.turn) / self.symmetry, self.symmetry)

    def mean(self, region: ArrayLike) -> float:
        """Rotation [rad] of the lattice at the positions of a region, against the reference."""
        inside = np.asarray(region, dtype=bool)
        return float(np.angle(self.turn[inside].sum()) / self.symmetry)


def lattice_rotation(
    angle: ArrayLike, latent: ArrayLike, reference: ArrayLike, symmetry: int = 6
) -> LatticeRotation:
    """Rotation of the lattice against that of a reference region.

    In one lattice, patterns with the same latent variables come from equivalent places of the cell,
    and their angles differ by multiples of 2π/n only. If the lattice turns, the latent variables
    stay and all angles turn with it. So each angle is compared with those in the reference whose
    latent variables are near (a Gaussian kernel).

    Parameters
    ----------
    angle : array, shape [iy, ix]
        Angle of each pattern [rad].
    latent : array, shape [iy, ix, d]
        Quantities of the pattern that do not turn: latent variables, the magnitude of the
        centre of mass.
    reference : array of bool, shape [iy, ix]
        A region of one grain.
    symmetry : int
        Order n of the rotational symmetry of the lattice: 6 for graphene.

    Returns
    -------
    LatticeRotation
        A turn for each position; 0 where angle or latent variables are NaN, or nothing alike is in
        the reference.

    Raises
    ------
    InputError
        If the shapes do not fit or the reference has less than 20 positions.
    """
    theta, z = np.asarray(angle, dtype=float), np.asarray(latent, dtype=float)
    inside = np.asarray(reference, dtype=bool)
    if theta.ndim != 2 or z.shape[:-1] != theta.shape or inside.shape != theta.shape:
        raise InputError(
            f"Expected an angle [iy, ix], latent variables [iy, ix, d] and a reference [iy, ix], "
            f"got {theta.shape}, {z.shape} and {inside.shape}."
        )
    known = np.isfinite(theta) & np.isfinite(z).all(axis=-1)
    if (inside & known).sum() < 20:
        raise InputError("Expected a reference of at least 20 positions with an angle.")
    vectors = np.where(known, np.exp(1j * symmetry * np.nan_to_num(theta)), 0)
    scaled = np.nan_to_num(z / z[known].std(axis=0))
    expected = _expected(vectors, scaled, inside & known)
    return LatticeRotation(vectors * expected.conj(), int(symmetry))


def find_grain_boundary(
    angle: ArrayLike, latent: ArrayLike, symmetry: int = 6, axis: int = 1
) -> Split:
    """Find the boundary of two grains, see `stemwidgets.find_grain_boundary`.

    The first third of the scan along the axis is taken for the reference; then the first
    grain is, as it was found, until nothing changes. For the rotation a tenth of the scan is left
    out on both sides of the boundary, where patterns see both grains. Errors are those of
    `lattice_rotation`.
    """
    theta = np.asarray(angle, dtype=float)
    if theta.ndim != 2 or axis not in (0, 1):
        raise InputError(
            f"Expected an angle [iy, ix] and axis 0 or 1, got {theta.shape}, {axis!r}."
        )
    along = np.indices(theta.shape)[axis]
    first = lattice_rotation(theta, latent, along < theta.shape[axis] / 3, symmetry)
    aside = ASIDE * theta.shape[axis]
    split = _split(first.turn, symmetry, axis)
    for _ in range(ROUNDS):
        grain = along < split.boundary - aside
        if grain.mean() < FEWEST or (along > split.boundary + aside).mean() < FEWEST:
            break
        found = lattice_rotation(theta, latent, grain, symmetry)
        again = replace(
            _split(found.turn, symmetry, axis), rotation=found.mean(along > split.boundary + aside)
        )
        if again == split:
            break
        split = again
    return split


def _expected(vectors: Vectors, z: NDArray[np.float64], reference: NDArray[np.bool_]) -> Vectors:
    """Mean vector of the reference at each position's latent variables, without the position."""
    places = np.flatnonzero(reference)
    places = places[:: int(np.ceil(len(places) / MOST))]
    flat, values = z.reshape(-1, z.shape[-1]), vectors.ravel()
    found = np.zeros(len(flat), dtype=np.complex128)
    for start in range(0, len(flat), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(flat)))
        far = ((flat[rows, None] - flat[None, places]) ** 2).sum(axis=-1)
        kernel = np.exp(-far / (2 * WIDTH**2))
        kernel[rows[:, None] == places[None]] = 0
        found[rows] = (kernel @ values[places]) / np.maximum(kernel.sum(axis=1), 1e-9)
    return found.reshape(vectors.shape)


def _split(turn: Vectors, symmetry: int, axis: int) -> Split:
    lines = turn.sum(axis=1 - axis)
    before = np.concatenate([[0], np.cumsum(lines)])
    after = before[-1] - before
    score = before.real + np.abs(after)
    at = int(score.argmax())
    rotation = float(np.angle(after[at]) / symmetry) if abs(after[at]) > 0 else 0.0
    better = (score[at] - abs(before[-1])) / max(np.abs(turn).sum(), 1e-300)
    return Split(at - 0.5, rotation, float(np.clip(better, 0, 1)))
