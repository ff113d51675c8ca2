"""New latent variables and classes for learned patterns: straight, level and apart.

From a random start the right patterns are learned in any order, folded and crossing in z. They are
turned until they are as much alike as can be (generalised Procrustes analysis: Gower,
Psychometrika 40, 33 (1975), doi:10.1007/BF02291478); the principal components of the residual are
the new latent variables, so that patterns that differ lie apart.

Classes begin as groups that lie apart: spectral clustering with a scale of its own for each pattern
(Zelnik-Manor & Perona, Adv. Neural Inf. Process. Syst. 17 (2004); Ng, Jordan & Weiss, ibid. 14
(2001)), so that a broad family is not cut before two narrow ones are separated.
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
NEIGHBOURS = 12.0  # patterns within the scale of each
LEAST_SCALE = 4.0  # over the standard deviation of the noise
LEAST_GROUP = 0.02  # share of all patterns
EMPTY = 0.1  # patterns; with fewer, a point means nothing
CLUSTERING_ROUNDS = 30  # of k-means at most


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
    class_index: Tensor,
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
    class_index : Tensor of int, shape [n]
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
    present = class_index.unique()
    for k in distributed.joined(present).unique() if divided else present:
        members = class_index == k
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


def groups(patterns: Tensor, count: Tensor, noise: float, wanted: int) -> Tensor:
    """Group that each pattern belongs to.

    Parameters
    ----------
    patterns : Tensor, shape [n, 2 * components]
        Patterns without noise, turned alike.
    count : Tensor, shape [n]
        Number of patterns that each of them represents.
    noise : float
        Variance of a coefficient.
    wanted : int
        Number of groups.

    Returns
    -------
    Tensor of int, shape [n]
        From 0; patterns that are too few for a group join the nearest one.
    """
    group = torch.zeros(len(patterns), dtype=torch.long, device=patterns.device)
    if wanted == 1:
        return group
    distance = torch.cdist(patterns.double(), patterns.double())
    scale = _scale(distance, count).clamp(min=LEAST_SCALE * noise**0.5)
    affinity = torch.exp(-distance.square() / (scale[:, None] * scale))
    kept = count > EMPTY
    while True:
        found = _cut(affinity[kept][:, kept], count[kept].double(), wanted)
        size = torch.bincount(found, count[kept].double(), minlength=wanted)
        few = (size < LEAST_GROUP * count.sum())[found]
        if not few.any() or few.all():
            break
        kept[kept.clone()] = ~few
    nearest = distance[:, kept].argmin(dim=1)
    return found[nearest]


def _scale(distance: Tensor, count: Tensor) -> Tensor:
    """Distance from each pattern within which a few others lie."""
    sorted_distance, order = distance.sort(dim=1)
    enough = count[order].cumsum(dim=1) >= min(NEIGHBOURS, float(count.sum()))
    first = enough.to(torch.uint8).argmax(dim=1, keepdim=True)
    return sorted_distance.gather(1, first)[:, 0]


def _cut(affinity: Tensor, count: Tensor, wanted: int) -> Tensor:
    weighted = affinity * (count[:, None] * count).sqrt()
    degree = weighted.sum(dim=1)
    _, vectors = torch.linalg.eigh(weighted / (degree[:, None] * degree).sqrt())
    place = torch.nn.functional.normalize(vectors[:, -wanted:], dim=1)
    centers = place[count.argmax()][None]
    while len(centers) < wanted:
        far = torch.cdist(place, centers).amin(dim=1).square() * count
        centers = torch.cat([centers, place[far.argmax()][None]])
    for _ in range(CLUSTERING_ROUNDS):
        group = torch.cdist(place, centers).argmin(dim=1)
        member = torch.nn.functional.one_hot(group, wanted).double() * count[:, None]
        size = member.sum(dim=0)[:, None]
        centers = torch.where(size > 0, member.T @ place / size.clamp(min=1e-30), centers)
    return group
