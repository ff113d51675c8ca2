"""Groups of patterns that lie apart: the beginning of the classes.

Spectral clustering with a scale of its own for each pattern (Zelnik-Manor & Perona, Adv. Neural
Inf. Process. Syst. 17 (2004); Ng, Jordan & Weiss, ibid. 14 (2001)), so that a broad family is not
cut before two narrow ones are separated.
"""

import torch
from torch import Tensor

NEIGHBOURS = 12.0  # patterns within the scale of each
LEAST_SCALE = 4.0  # over the standard deviation of the noise
LEAST_GROUP = 0.02  # share of all patterns
EMPTY = 0.1  # patterns; with fewer, a point means nothing
ROUNDS = 30  # of k-means at most


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
    for _ in range(ROUNDS):
        group = torch.cdist(place, centers).argmin(dim=1)
        member = torch.nn.functional.one_hot(group, wanted).double() * count[:, None]
        size = member.sum(dim=0)[:, None]
        centers = torch.where(size > 0, member.T @ place / size.clamp(min=1e-30), centers)
    return group
