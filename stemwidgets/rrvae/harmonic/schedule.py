"""Training of the harmonic rrVAE, as a generator of moments."""

import math
from collections.abc import Iterator
from dataclasses import replace

import torch

from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.harmonic import em_local as locally
from stemwidgets.rrvae.harmonic import em_on_grid as on_grid
from stemwidgets.rrvae.harmonic.state import Moment, Patterns, best_cells

NARROW = math.radians(3.0)  # with angles known as well as that the grid is too coarse
SAMPLE = 512
ON_GRID = 0.6  # share of the time, if local rounds follow


def train(moment: Moment, patterns: Patterns, noise_floor: float, seed: int) -> Iterator[Moment]:
    """Learn a manifold.

    Parameters
    ----------
    moment : Moment
        Where to begin, or to go on.
    patterns : Patterns
        On the manifold's device.
    noise_floor : float
        Variance of shot noise; a better fit than that is not sought.
    seed : int
        Of the batches and draws.

    Yields
    ------
    Moment
        After every step.
    """
    if locally.finished(moment, noise_floor):
        yield moment
    narrow = False
    while not (moment.rounds or narrow or on_grid.finished(moment, patterns)):
        moment = on_grid.update(moment, patterns, noise_floor, seed)
        narrow = on_grid.settled(moment) and _narrow(moment, patterns)
        if not (narrow or on_grid.finished(moment, patterns)):
            yield replace(
                moment,
                planned=moment.planned + locally.ROUNDS,
                fraction=ON_GRID * moment.fraction,
            )
    if not moment.rounds:
        if narrow or _narrow(moment, patterns):
            moment = locally.begin(moment, patterns)
        else:
            yield _ended(moment)
            return
    while not locally.finished(moment, noise_floor):
        moment = locally.update(moment, patterns, noise_floor, seed)
        if locally.finished(moment, noise_floor):
            yield _ended(moment)
        else:
            yield replace(
                moment,
                planned=moment.passes - moment.rounds + locally.ROUNDS,
                fraction=ON_GRID + (1 - ON_GRID) * moment.fraction,
            )


def _ended(moment: Moment) -> Moment:
    return replace(moment, planned=moment.passes, fraction=1.0)


def _narrow(moment: Moment, patterns: Patterns) -> bool:
    """Whether angles are known better than the grid tells, from more numbers than unknowns."""
    if moment.manifold.degrees_of_freedom <= moment.manifold.latent_dim + 1:
        return False
    chosen = torch.arange(min(SAMPLE, len(patterns)), device=patterns.dose.device)
    found = best_cells(moment, patterns.rows(chosen))
    information = torch.linalg.inv(found.covariance)[:, -1, -1]
    return float(distributed.joined(information).median()) > 1 / NARROW**2
