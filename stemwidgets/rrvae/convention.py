"""What an angle means.

The decoder's own frame is arbitrary. By the convention "com" it is removed by turning each decoded
pattern so that its centre of mass lies along +kx: the angle is then that of a denoised COM. Where
no pattern has a COM of its own, the strongest term of the lowest order m that stands out takes its
place, and the angle is defined modulo 2π/m.

Where the COM moves within the pattern as the latent variables change, their uncertainty adds to
that of such an angle. By the convention "alike" the frame stays the one in which the manifold was
unfolded, all patterns turned until they were as much alike as can be: there a change of the latent
variables is, as far as possible, no turn. It is turned as a whole, the mean COM along +kx.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.rrvae.basis import HarmonicBasis
from stemwidgets.rrvae.manifold import Manifold
from stemwidgets.rrvae.posterior import Posterior

CONVENTIONS = ("com", "alike")
CLEAR = 9.0
HIGHEST_SYMMETRY = 6


@dataclass(frozen=True, eq=False)
class Convention:
    """The term of a decoded pattern that points along its angle.

    Parameters
    ----------
    symmetry : int
        The angle is defined modulo 2π / symmetry.
    pointer : Tensor, shape [2 * components, 2]
        ``coefficients @ pointer`` is a vector (x, y) that turns by ``symmetry * θ``.
    frame : float or None
        Direction of angle 0 in the decoder's own frame [rad], where it is the same for all latent
        variables; None where it is that of each pattern's own pointer.
    """

    symmetry: int
    pointer: Tensor
    frame: float | None = None

    @classmethod
    def choose(
        cls,
        manifold: Manifold,
        basis: HarmonicBasis,
        coordinates: tuple[NDArray[np.float64], NDArray[np.float64]],
        latent: Tensor,
        kind: Tensor,
        noise: float,
        alike: bool,
    ) -> "Convention":
        """Take the lowest order whose pointer stands out of the noise in most patterns.

        Parameters
        ----------
        manifold : Manifold
            Trained.
        basis : HarmonicBasis
            Of the patterns.
        coordinates : tuple of ndarray
            ``(y, x)`` of the pixels.
        latent : Tensor, shape [n, d]
            Latent variables of the training patterns.
        kind : Tensor of int, shape [n]
            Their classes.
        noise : float
            Variance of a coefficient.
        alike : bool
            Whether angle 0 has one direction in the decoder's own frame.
        """
        decoded = manifold.decode(latent, kind)
        best, clearest = None, -1.0
        for symmetry in range(1, HIGHEST_SYMMETRY + 1):
            pointer = _pointer(basis, coordinates, symmetry)
            if pointer is None:
                continue
            pointer = pointer.to(decoded)
            power = (decoded @ pointer).square().sum(-1)
            clarity = float(power.median() / (pointer.square().sum() * noise))
            if clarity > clearest:
                best, clearest = cls(symmetry, pointer), clarity
            if clarity > CLEAR:
                break
        if best is None:
            first = (
                int(manifold.order[manifold.order > 0].min()) if (manifold.order > 0).any() else 1
            )
            pointer = torch.zeros(len(manifold.signal), 2).to(decoded)
            best = cls(first, pointer)
        if not alike:
            return best
        x, y = (decoded @ best.pointer).sum(dim=0).tolist()
        return replace(best, frame=math.atan2(y, x) / best.symmetry)

    def offset(self, manifold: Manifold, latent: Tensor, kind: Tensor) -> Tensor:
        """Angle ``[n]`` of the unturned decoded patterns of latents ``[n, d]`` and classes."""
        if self.frame is not None:
            return torch.full_like(latent[..., 0], self.frame)
        vector = manifold.decode(latent, kind) @ self.pointer
        return torch.atan2(vector[..., 1], vector[..., 0]) / self.symmetry

    def variance(self, manifold: Manifold, found: Posterior) -> Tensor:
        """Variance [rad²] of the angle of each pattern, ``[n]``."""
        if self.frame is not None:
            return found.covariance[:, -1, -1]
        decoded, by_latent = manifold.decode_with_slopes(found.latent, found.kind)
        vector, slopes = decoded @ self.pointer, by_latent @ self.pointer
        x, y = vector[:, 0, None], vector[:, 1, None]
        square = (x.square() + y.square()).clamp(min=1e-30)
        by_latent = (x * slopes[..., 1] - y * slopes[..., 0]) / square / self.symmetry
        by_angle = torch.ones_like(by_latent[:, :1])
        gradient = torch.cat([by_latent, by_angle], dim=1)
        return torch.einsum("ni,nij,nj->n", gradient, found.covariance, gradient)


def _pointer(
    basis: HarmonicBasis,
    coordinates: tuple[NDArray[np.float64], NDArray[np.float64]],
    symmetry: int,
) -> Tensor | None:
    components = len(basis.order)
    of_order = np.flatnonzero(basis.order == symmetry)
    if len(of_order) == 0:
        return None
    pointer = np.zeros((2 * components, 2))
    columns = np.concatenate([of_order, of_order + components])
    if symmetry == 1:
        y, x = coordinates
        counts = basis.functions[:, columns] / basis.weight[:, None]
        pointer[columns, 0] = x @ counts
        pointer[columns, 1] = y @ counts
    else:
        strongest = of_order[0]
        pointer[strongest, 0] = 1.0
        pointer[strongest + components, 1] = -1.0
    return torch.from_numpy(pointer.astype(np.float32))
