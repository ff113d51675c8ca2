"""Expectation and maximisation over a grid of latent variables and angles.

The noise falls from the variance of the data to the shot noise (deterministic annealing: Rose,
Proc. IEEE 86, 2210 (1998), doi:10.1109/5.726788), so that what is strongest is learned first: the
exact posterior of each pattern, then the most probable manifold. On the way the manifold is
unfolded. After that the noise is what the manifold leaves.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.device import at_a_time
from stemwidgets.rrvae.harmonic.grid import LatentGrid, TurnedPoints
from stemwidgets.rrvae.harmonic.manifold import Manifold, scattered_points
from stemwidgets.rrvae.harmonic.state import Patterns, TrainingState, generator
from stemwidgets.rrvae.harmonic.unfolding import groups, principal_latent, turn_alike

POINTS = 128  # of the grid, divided among the classes: more cost time and memory in proportion
FEWEST_POINTS = 48  # for each class: about seven along each of two latent variables
FRAMES = 48  # every 7.5°; cost grows with them, and the local rounds refine the rest
BATCH = 512  # patterns in an update, of a scan that holds more
FEWEST_UPDATES = 15  # before the manifold is unfolded for the first time,
UNFOLD_AFTER = (0, 10)  # which is done that many updates after the noise has fallen,
SETTLED = 25  # and has then settled so far that narrow posteriors are better learned from locally;
UPDATES = 45  # with that many to follow at least where they are not narrow
PASSES = 3  # over the data at least before the loss may end the training
PLATEAU = 20  # updates over which the loss has to fall
# factor of the noise per update: slow enough for what is strongest to be learned first
COOLING = 0.75
REACH = 2.0  # how far z may be from its point, over the distance between points
LEAST_COUNT = 0.1  # patterns at a point of the grid where none was found


def begin(manifold: Manifold, noise_floor: float, independent: float) -> TrainingState:
    """The state before the first update, of patterns of which so large a share is independent."""
    noise = max(noise_floor, COOLING * float(manifold.signal.max()))
    # classes are separated when the manifold is unfolded
    one_class = replace(manifold, weights=manifold.weights[:1])
    nothing = torch.zeros_like(manifold.signal)
    return TrainingState(manifold, new_grid(one_class), noise, nothing, independent=independent)


def anew(state: TrainingState, independent: float) -> TrainingState:
    """The state before the first update on other patterns, with what was learned."""
    grid = new_grid(state.manifold)
    return TrainingState(state.manifold, grid, state.noise, state.fixed, independent=independent)


def extended(state: TrainingState) -> TrainingState:
    """The same state of a training that had ended, with more to do."""
    if state.rounds:
        return replace(state, rounds=0, carried={}, fraction=0.0)
    return replace(state, cooled=state.updates - UNFOLD_AFTER[-1] - 1, fraction=0.0)


def settled(state: TrainingState) -> bool:
    """True when it is time, once in a training, to see if the grid is too coarse to learn from."""
    return state.cooled > 0 and state.updates - state.cooled == SETTLED


def finished(state: TrainingState, patterns: Patterns) -> bool:
    """True when all updates are done, or the last of them have led no further.

    The loss differs from batch to batch, so the mean of the last `PLATEAU` updates has to lie below
    that of as many before by two standard errors.
    """
    since = state.updates - state.cooled
    if not state.cooled or since < UPDATES:
        return False
    if since >= PASSES * _batches(patterns):
        return True
    losses = torch.tensor(state.losses[-2 * PLATEAU :])
    before, last = losses.chunk(2)
    error = math.sqrt(float(before.var() + last.var()) / PLATEAU)
    return since >= UPDATES + PLATEAU and float(before.mean() - last.mean()) < 2 * error


@torch.no_grad()
def update(
    state: TrainingState, patterns: Patterns, noise_floor: float, seed: int
) -> TrainingState:
    """Take one more batch into account.

    Parameters
    ----------
    state : TrainingState
        Present state of the training.
    patterns : Patterns
        Patterns to learn from.
    noise_floor : float
        Variance of shot noise at the mean dose; a better fit than that is not sought.
    seed : int
        Seed of the order of the batches.
    """
    since = state.updates - state.cooled
    if state.cooled and since in UNFOLD_AFTER:
        state = _unfolded(state, patterns.share.whole)
    manifold, grid, noise = state.manifold, state.grid, state.noise
    batches, count = _batches(patterns), patterns.share.whole
    chosen = patterns.share.own(_batch(count, batches, state.updates, seed))
    batch = patterns.rows(chosen.to(grid.latent.device))
    new = _expectation(manifold, grid, batch, noise)
    constant = 0.5 * manifold.degrees_of_freedom * math.log(noise / noise_floor)
    seen = new.misfit(batch.energy, manifold.decode(grid.latent, grid.class_index))

    known = new
    if state.carried:
        seen_before = since - max(u for u in UNFOLD_AFTER if u <= since)
        share = max(1 / batches, min(0.5, 10 / (seen_before + 1)))
        known = _Expected(**state.carried, log_evidence=0.0).mixed(new, share)
    independent = count * state.independent
    learned = manifold.fitted(*_by_class(manifold, grid, known), noise / independent)
    counts = count * known.share + LEAST_COUNT
    misfit = known.misfit(patterns.energy, learned.decode(grid.latent, grid.class_index))
    expected = max(noise_floor, misfit / manifold.degrees_of_freedom)
    updates = state.updates + 1
    # before it may follow the misfit: patterns that differ in amplitude would pass for noise
    fallen = updates >= FEWEST_UPDATES and COOLING * noise <= noise_floor
    cooled = state.cooled or (updates if fallen else 0)
    fall = cooled or _falling(manifold, noise_floor)
    planned = fall + max(UPDATES, PASSES * batches)
    return replace(
        state,
        manifold=learned,
        grid=grid.with_counts(counts),
        noise=max(expected if cooled else noise_floor, COOLING * noise),
        updates=updates,
        cooled=cooled,
        passes=updates / batches,
        planned=planned / batches,
        fraction=min(1.0, updates / min(planned, _expected_end(fall, updates))),
        losses=(*state.losses, constant - new.log_evidence),
        reconstruction=constant + seen / (2 * noise),
        carried={"share": known.share, "weight": known.weight, "sums": known.sums},
    )


def new_grid(manifold: Manifold) -> LatentGrid:
    """Evenly scattered points, with as many patterns at each."""
    classes, device = manifold.classes, manifold.weights.device
    d, points = manifold.latent_dim, _points(manifold)
    latent = scattered_points(points, d).repeat(classes, 1).to(device)
    class_index = torch.arange(classes, device=device).repeat_interleave(points)
    within = (REACH * spacing(manifold)) ** 2
    spread = within * torch.eye(d, device=device).expand(len(class_index), d, d)
    nothing = torch.zeros(len(class_index), device=device)
    return LatentGrid(latent, class_index, spread, nothing, FRAMES).with_counts(nothing + 1)


def spacing(manifold: Manifold) -> float:
    """Distance in z between neighbouring points of a new grid."""
    return 2 * math.sqrt(3) / _points(manifold) ** (1 / manifold.latent_dim)


def _points(manifold: Manifold) -> int:
    return max(POINTS // manifold.classes, FEWEST_POINTS)


def _batches(patterns: Patterns) -> int:
    return math.ceil(patterns.share.whole / BATCH)


def _falling(manifold: Manifold, noise_floor: float) -> int:
    """Largest number of updates that the noise takes to fall."""
    whole = math.log(max(1.0, float(manifold.signal.max()) / noise_floor))
    return max(FEWEST_UPDATES, math.ceil(whole / -math.log(COOLING)))


def _expected_end(fall: int, updates: int) -> int:
    """Number of updates to expect if the loss falls no further, or does so for a while yet."""
    return max(fall + UPDATES + PLATEAU, updates + PLATEAU // 2)


def _unfolded(state: TrainingState, count: int) -> TrainingState:
    manifold, grid = state.manifold, state.grid
    weight = count * grid.log_share.exp()
    decoded = manifold.decode(grid.latent, grid.class_index)
    alike = manifold.turn(decoded, turn_alike(manifold, decoded, weight))
    class_index = grid.class_index
    if state.updates == state.cooled:
        class_index = groups(alike, weight, state.noise, manifold.classes)
    latent = principal_latent(alike, weight, class_index, manifold.latent_dim)
    noise = state.noise / state.independent
    manifold = manifold.through(latent, class_index, alike, weight, noise)
    return replace(state, manifold=manifold, grid=new_grid(manifold), carried={})


def _batch(n: int, batches: int, update: int, seed: int) -> Tensor:
    """Numbers of the next patterns; every pass has an order of its own."""
    passes, part = divmod(update, batches)
    order = torch.randperm(n, generator=generator(seed, passes))
    return order.chunk(batches)[part]


@dataclass(frozen=True, eq=False)
class _Expected:
    """Means over patterns, expected under their posteriors.

    `share` and `weight` are the patterns at each point, plain and weighed by dose; `sums` the
    patterns turned back, weighed by dose.
    """

    share: Tensor
    weight: Tensor
    sums: Tensor
    log_evidence: float

    def mixed(self, new: "_Expected", share: float) -> "_Expected":
        """A running mean that takes that share of the new."""
        return _Expected(
            torch.lerp(self.share, new.share, share),
            torch.lerp(self.weight, new.weight, share),
            torch.lerp(self.sums, new.sums, share),
            new.log_evidence,
        )

    def misfit(self, energy: float, decoded: Tensor) -> float:
        """Mean sum of squares between patterns and the points where they are expected to lie."""
        apart = self.weight[:, None] * decoded.square() - 2 * self.sums * decoded
        return energy + float(apart.sum())


def _expectation(
    manifold: Manifold, grid: LatentGrid, patterns: Patterns, noise: float
) -> _Expected:
    turned = TurnedPoints(manifold, grid)
    share = weight = torch.zeros_like(grid.log_share)
    sums, evidences = torch.zeros_like(turned.decoded), []
    for chunk in patterns.batches(at_a_time(patterns.dose.device)):
        found = turned.posterior(chunk.coefficients, noise / chunk.dose)
        at_point = found.cells.sum(dim=0)
        share = share + at_point.sum(dim=0)
        weight = weight + chunk.dose @ at_point
        sums += turned.turned_back_sums(chunk.coefficients * chunk.dose[:, None], found)
        evidences.append(found.log_evidence.sum())
    evidence = float(torch.stack(evidences).cpu().double().sum())
    n, total = patterns.share.whole, distributed.total
    return _Expected(total(share) / n, total(weight) / n, total(sums) / n, total(evidence) / n)


def _by_class(manifold: Manifold, grid: LatentGrid, known: _Expected) -> tuple[Tensor, Tensor]:
    """Sums for `Manifold.fitted`, per pattern."""
    features = manifold.features(grid.latent)
    of_class = [features * (grid.class_index == k)[:, None] for k in range(manifold.classes)]
    normal = torch.stack([(f.T * known.weight) @ f for f in of_class])
    return normal, torch.stack([f.T @ known.sums for f in of_class])
