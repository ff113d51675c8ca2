"""Meaning of an angle: the convention by which it is measured.

The decoder's own frame is arbitrary. By the convention "com" it is removed by turning each decoded
pattern so that its centre of mass lies along +kx: the angle is then that of a denoised COM. Where
no pattern has a COM of its own, the strongest term of the lowest order m that stands out takes its
place, and the angle is defined modulo 2π/m.

A manifold of few patterns is not exact, and with many electrons its COM is less so than that of the
pattern itself. The scatter of the patterns' own pointers about it, beyond noise, is measured on
those that were learned from; each pattern's own is then believed as much as it is the more precise.

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

from stemwidgets.rrvae.basis.harmonics import HarmonicBasis
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.harmonic.manifold import Manifold
from stemwidgets.rrvae.harmonic.posterior import Posterior

CONVENTIONS = ("com", "alike")
CLEAR = 9.0  # times the power of one pattern's noise, in half of the patterns at least
HIGHEST_SYMMETRY = 6  # of a crystal along its axis
LEAST_FREE = 0.1  # of the noise in a coefficient: with less the fit follows it, whatever it is


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
    inexact : float
        Variance of each component of the patterns' pointers about the manifold, without noise.
    zero : (float, float)
        Pointer (x, y) of no deflection: that of the mean pattern of a scan, as of the COM.
    """

    symmetry: int
    pointer: Tensor
    frame: float | None = None
    inexact: float = 0.0
    zero: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def choose(
        cls,
        manifold: Manifold,
        basis: HarmonicBasis,
        coordinates: tuple[NDArray[np.float64], NDArray[np.float64]],
        latent: Tensor,
        class_index: Tensor,
        noise: float,
        alike: bool,
    ) -> "Convention":
        """Take the lowest order whose pointer stands out of the noise in most patterns.

        Parameters
        ----------
        manifold : Manifold
            Trained manifold.
        basis : HarmonicBasis
            Basis of the patterns.
        coordinates : tuple of ndarray
            ``(y, x)`` of the pixels.
        latent : Tensor, shape [n, d]
            Latent variables of the training patterns.
        class_index : Tensor of int, shape [n]
            Classes of the training patterns.
        noise : float
            Variance of a coefficient.
        alike : bool
            True if angle 0 has one direction in the decoder's own frame.
        """
        decoded = manifold.decode(latent, class_index)
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

    def offset(self, manifold: Manifold, latent: Tensor, class_index: Tensor) -> Tensor:
        """Angle ``[n]`` of the unturned decoded patterns of latents ``[n, d]`` and classes."""
        if self.frame is not None:
            return torch.full_like(latent[..., 0], self.frame)
        vector = manifold.decode(latent, class_index) @ self.pointer
        return torch.atan2(vector[..., 1], vector[..., 0]) / self.symmetry

    def about_mean(self, coefficients: Tensor) -> "Convention":
        """The same convention, with the COM of the mean pattern as that of no deflection.

        So it is for the COM itself, and for the field of deflections that a scan is. `coefficients`
        are those of all its patterns.
        """
        if self.frame is not None or self.symmetry != 1:
            return self
        sums = distributed.total((coefficients @ self.pointer).sum(dim=0).double().cpu())
        x, y = (sums / distributed.total(len(coefficients))).tolist()
        return replace(self, zero=(x, y))

    def measured(
        self,
        manifold: Manifold,
        found: Posterior,
        coefficients: Tensor,
        noise: Tensor,
        share: float,
    ) -> "Convention":
        """The same convention, with the scatter about the manifold, from training patterns.

        Parameters
        ----------
        manifold, found, coefficients, noise
            As for `read`.
        share : float
            As for `read`.
        """
        if self.frame is not None:
            return self
        seen = _Pointers.of(self, manifold, found, coefficients, noise, share)
        free = (seen.noise - seen.fitted).clamp(min=LEAST_FREE * seen.noise)
        size = distributed.joined(seen.size)
        clear = size > size.median()
        across, expected = (
            distributed.joined(each)[clear] / size[clear] ** 2
            for each in (seen.across.square(), free)
        )
        # a fit that may follow the noise in part leaves as large a part of what the manifold misses
        beyond = max(0.0, float(across.mean() / expected.mean()) - 1)
        return replace(self, inexact=beyond * float(distributed.joined(seen.noise).mean()))

    def read(
        self,
        manifold: Manifold,
        found: Posterior,
        coefficients: Tensor,
        noise: Tensor,
        share: float,
        jitter: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Angle of each pattern ``[n]``, and its variance [rad²].

        Parameters
        ----------
        manifold : Manifold
            The decoder.
        found : Posterior
            Posterior of each pattern.
        coefficients : Tensor, shape [n, 2 * components]
            The patterns.
        noise : Tensor, shape [n]
            Variance of the shot noise of their coefficients.
        share : float
            Share of the shot noise in the noise of the posteriors.
        jitter : Tensor, shape [n]
            Variance of their coefficients by jitter of the positions, along the manifold.
        """
        if self.frame is not None:
            return found.angle + self.frame, found.covariance[:, -1, -1]
        seen = _Pointers.of(self, manifold, found, coefficients, noise, share)
        # the innovation of a Kalman filter: what a pattern adds to what the manifold says of it
        gain = self.inexact / (self.inexact + seen.noise).clamp(min=1e-30)
        x, y = (seen.pointing + gain[:, None] * seen.left).unbind(-1)
        turn = self.symmetry * found.angle
        cos, sin = turn.cos(), turn.sin()
        x, y = cos * x - sin * y - self.zero[0], sin * x + cos * y - self.zero[1]
        angle = torch.atan2(y, x) / self.symmetry
        missed = (1 - seen.fitted / seen.noise.clamp(min=1e-30)).clamp(min=0) * self.inexact
        of_manifold = (1 - gain).square() * missed + (1 - gain.square()) * seen.fitted
        of_jitter = jitter * self.pointer.square().sum(0).mean()
        variance = of_manifold + gain.square() * seen.noise + of_jitter
        return angle, variance / (seen.size * self.symmetry).square()


@dataclass(frozen=True, eq=False)
class _Pointers:
    """Pointers of the manifold, and what it leaves of those of the patterns, in its own frame.

    Parameters
    ----------
    pointing, left : Tensor, shape [n, 2]
        Pointer (x, y) of the manifold, and that of the pattern less it.
    size, across : Tensor, shape [n]
        Length of the former, and component of the latter that turns it.
    fitted, noise : Tensor, shape [n]
        Variance of that component by shot noise: of the manifold, which is fitted to the pattern,
        and of the pattern.
    """

    pointing: Tensor
    left: Tensor
    size: Tensor
    across: Tensor
    fitted: Tensor
    noise: Tensor

    @classmethod
    def of(
        cls,
        convention: Convention,
        manifold: Manifold,
        found: Posterior,
        coefficients: Tensor,
        noise: Tensor,
        share: float,
    ) -> "_Pointers":
        """Read them off patterns; the parameters are those of `Convention.read`."""
        pointer = convention.pointer
        decoded, by_latent = manifold.decode_with_slopes(found.latent, found.class_index)
        pointing, slopes = decoded @ pointer, by_latent @ pointer
        left = (manifold.turn(coefficients, -found.angle) - decoded) @ pointer
        size = pointing.square().sum(-1).clamp(min=1e-30).sqrt()
        x, y = (pointing / size[:, None]).unbind(-1)
        across = x[:, None] * slopes[..., 1] - y[:, None] * slopes[..., 0]
        gradient = torch.cat([across, convention.symmetry * size[:, None]], dim=1)
        fitted = share * torch.einsum("ni,nij,nj->n", gradient, found.covariance, gradient)
        of_noise = noise * pointer.square().sum(0).mean()
        return cls(pointing, left, size, x * left[:, 1] - y * left[:, 0], fitted, of_noise)


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
