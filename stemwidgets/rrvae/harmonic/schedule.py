"""Training of the harmonic rrVAE, as a generator of states."""

import math
from collections.abc import Iterator
from dataclasses import replace

import torch

from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.harmonic import em_local as locally
from stemwidgets.rrvae.harmonic import em_on_grid as on_grid
from stemwidgets.rrvae.harmonic.state import Patterns, TrainingState, best_cells

NARROW = math.radians(3.0)  # with angles known as well as that the grid is too coarse
SAMPLE = 512  # patterns from which the precision of the angles is estimated
ON_GRID = 0.6  # share of the time, if local rounds follow


def train(
    state: TrainingState, patterns: Patterns, noise_floor: float, seed: int
) -> Iterator[TrainingState]:
    """Learn a manifold.

    Parameters
    ----------
    state : TrainingState
        State to begin with, or to go on from.
    patterns : Patterns
        Patterns, on the manifold's device.
    noise_floor : float
        Variance of shot noise; a better fit than that is not sought.
    seed : int
        Seed of the batches and draws.

    Yields
    ------
    TrainingState
        State after every step.
    """
    if locally.finished(state, noise_floor):
        yield state
    narrow = False
    while not (state.rounds or narrow or on_grid.finished(state, patterns)):
        state = on_grid.update(state, patterns, noise_floor, seed)
        narrow = on_grid.settled(state) and _narrow(state, patterns)
        if not (narrow or on_grid.finished(state, patterns)):
            yield replace(
                state,
                planned=state.planned + locally.ROUNDS,
                fraction=ON_GRID * state.fraction,
            )
    if not state.rounds:
        if narrow or _narrow(state, patterns):
            state = locally.begin(state, patterns)
        else:
            yield _ended(state)
            return
    while not locally.finished(state, noise_floor):
        state = locally.update(state, patterns, noise_floor, seed)
        if locally.finished(state, noise_floor):
            yield _ended(state)
        else:
            yield replace(
                state,
                planned=state.passes - state.rounds + locally.ROUNDS,
                fraction=ON_GRID + (1 - ON_GRID) * state.fraction,
            )


def _ended(state: TrainingState) -> TrainingState:
    return replace(state, planned=state.passes, fraction=1.0)


def _narrow(state: TrainingState, patterns: Patterns) -> bool:
    """True if angles are known better than the grid shows, from more numbers than unknowns."""
    if state.manifold.degrees_of_freedom <= state.manifold.latent_dim + 1:
        return False
    chosen = torch.arange(min(SAMPLE, len(patterns)), device=patterns.dose.device)
    found = best_cells(state, patterns.rows(chosen))
    information = torch.linalg.inv(found.covariance)[:, -1, -1]
    return float(distributed.joined(information).median()) > 1 / NARROW**2
