"""New latent variables for learned patterns: straight, level and apart.

From a random start the right patterns are learned in any order, folded and crossing in z. They are
turned until they are as much alike as can be (generalised Procrustes analysis: Gower,
Psychometrika 40, 33 (1975), doi:10.1007/BF02291478); the principal components of the residual are
the new latent variables, so that patterns that differ lie apart.
"""

import math

import torch
from torch import Tensor

from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.harmonic.manifold import Manifold

FRAMES = 48  # every 7.5°, among which the first angle is sought
ROUNDS = 8  # of turning to the mean and averaging
NEWTON_STEPS = 3  # towards the best angle, within half a frame
FARTHEST = 2.2  # of a new latent variable, in standard deviations


def turn_alike(
    manifold: Manifold, patterns: Tensor, weight: Tensor, divided: bool = False
) -> Tensor:
    """Angles that turn patterns towards the mean of all.

    Parameters
    ----------
    manifold : Manifold
        Manifold of the patterns.
    patterns : Tensor, shape [n, 2 * components]
        Patterns without noise.
    weight : Tensor, shape [n]
        Weight of each pattern.
    divided : bool
        True if other processes have the rest of these patterns.

    Returns
    -------
    Tensor, shape [n]
        Angles [rad].
    """
    total = distributed.total if divided else _as_it_is
    frames = torch.arange(FRAMES, device=patterns.device) * (2 * math.pi / FRAMES)
    heaviest = weight.argmax()
    mean = patterns[heaviest]
    if divided:
        mean = distributed.joined(mean[None])[distributed.joined(weight[heaviest][None]).argmax()]
    angle = torch.zeros_like(weight)
    for _ in range(ROUNDS):
        match = patterns @ manifold.turn(mean.expand(FRAMES, -1), -frames).T
        angle = frames[match.argmax(dim=1)]
        for _ in range(NEWTON_STEPS):
            rate = manifold.turning_rate(manifold.turn(patterns, angle))
            slope, bend = rate @ mean, manifold.turning_rate(rate) @ mean
            step = torch.where(bend < 0, -slope / bend, 0.0)
            angle = angle + step.clamp(-math.pi / FRAMES, math.pi / FRAMES)
        mean = total(weight @ manifold.turn(patterns, angle)) / total(weight.sum())
    return angle


def principal_latent(
    alike: Tensor,
    weight: Tensor,
    kind: Tensor,
    latent_dim: int,
    noise: float = 0.0,
    divided: bool = False,
) -> Tensor:
    """Principal components of each class, with unit variance where they are more than noise.

    Parameters
    ----------
    alike : Tensor, shape [n, 2 * components]
        Patterns, turned alike.
    weight : Tensor, shape [n]
        Weight of each pattern.
    kind : Tensor of int, shape [n]
        Classes of the patterns.
    latent_dim : int
        Number d of latent variables.
    noise : float
        Variance of a coefficient of these patterns that is noise.
    divided : bool
        True if other processes have the rest of these patterns.

    Returns
    -------
    Tensor, shape [n, d]
        Latent variables.
    """
    total = distributed.total if divided else _as_it_is
    latent = torch.zeros(len(alike), latent_dim, device=alike.device)
    kinds = kind.unique()
    for k in distributed.joined(kinds).unique() if divided else kinds:
        members = kind == k
        share = weight[members] / total(weight[members].sum())
        apart = alike[members] - total(share @ alike[members])
        variance, axes = torch.linalg.eigh(total((apart.T * share) @ apart))
        axes, variance = axes.flip(1)[:, :latent_dim], variance.flip(0)[:latent_dim]
        variance = variance.clamp(min=1e-12)
        unit = (1 - noise / variance).clamp(min=0) / variance.sqrt()
        latent[members, : len(unit)] = ((apart @ axes) * unit).clamp(-FARTHEST, FARTHEST)
    return latent


def _as_it_is(value: Tensor) -> Tensor:
    return value
