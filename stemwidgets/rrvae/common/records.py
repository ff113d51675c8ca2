"""Records that training and encoding return: frozen, of plain numbers and arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Encoding:
    """Maps that the rrVAE reads off the patterns.

    The leading shape ``[...]`` is that of the patterns: ``[iy, ix]`` or ``[n]``.

    Parameters
    ----------
    angle : ndarray of float32, shape [...]
        Rotation of the pattern [rad, in (-π / fold, π / fold]]; positive turns +kx towards +ky.
        NaN where the pattern is rotation-symmetric.
    latent : ndarray of float32, shape [..., latent_dim]
        Rotation-invariant latent variables (posterior means, prior of unit variance).
    confidence : ndarray of float32, shape [...]
        Resultant length of the angle's posterior: 1 is certain, 0 means that every angle is alike.
    residual : ndarray of float32, shape [...]
        Root-mean-square misfit of the whole pattern, in units of what is typical of the training.
    angle_std : ndarray of float32, shape [...]
        Standard deviation of the angle [rad], from its posterior.
    symmetry : ndarray of uint8, shape [...]
        Order n of the pattern's own rotational symmetry: 1 is none, 0 is full rotational symmetry.
    symmetry_confidence : ndarray of float32, shape [...]
        Probability of that n; NaN if the kind of model does not estimate it.
    fold : int
        The angle is defined modulo 2π / fold at every position: the symmetry that all patterns
        have in common.
    classes : ndarray of int16, shape [...], or None
        Most probable class, from 0; None if the model has no classes.
    class_probability : ndarray of float32, shape [..., classes], or None
        Probability of each class.
    shown : ndarray of int, shape [...], or None
        Number of the pattern that each position shows, counted through the scan; -1 where there is
        none. None where each shows its own.

    Patterns without counts have NaN in every map, 0 in `symmetry` and -1 in `classes`.
    """

    angle: NDArray[np.float32]
    latent: NDArray[np.float32]
    confidence: NDArray[np.float32]
    residual: NDArray[np.float32]
    angle_std: NDArray[np.float32]
    symmetry: NDArray[np.uint8]
    symmetry_confidence: NDArray[np.float32]
    fold: int = 1
    classes: NDArray[np.int16] | None = None
    class_probability: NDArray[np.float32] | None = None
    shown: NDArray[np.intp] | None = None


@dataclass(frozen=True, eq=False)
class Progress:
    """Progress of a training, reported after a step.

    Parameters
    ----------
    epoch, epochs : int
        Whole passes over the data done, and the most that will be done. Of a large scan the
        harmonic model may need less than one pass: at the end a begun one counts, so that there is
        at least 1.
    loss : float
        Negative evidence lower bound per pattern [nats], mean over the epoch.
    reconstruction, kl : float
        The two parts of the loss.
    elapsed, remaining : float
        Seconds spent, and estimated seconds to go.
    encoding : Encoding or None
        The maps as they stand; only now and then, since encoding costs time. Of a scan of more
        than 4,096 positions, at first of more than 512, one stands for the block of neighbours
        around it.
    notice : str
        Deviations from the plan so far, in words; empty if there are none.
    read : float
        Share of the scan that has been read. Training begins at 1; before, `epochs` is 0 and loss
        and its parts are NaN.
    fraction : float or None
        Share of the training done, from 0 to 1; None if that of the epochs.
    passes : float or None
        Passes over the data done, with the begun one in parts; None if `epoch`.
    """

    epoch: int
    epochs: int
    loss: float
    reconstruction: float
    kl: float
    elapsed: float
    remaining: float
    encoding: Encoding | None = None
    notice: str = ""
    read: float = 1.0
    fraction: float | None = None
    passes: float | None = None

    @property
    def share_done(self) -> float:
        """Share of the training done, from 0 to 1."""
        if self.fraction is not None:
            return self.fraction
        return min(1.0, self.epoch / self.epochs) if self.epochs > 0 else 0.0

    @property
    def passes_done(self) -> float:
        """Passes over the data done, with the begun one in parts."""
        return self.epoch if self.passes is None else self.passes
