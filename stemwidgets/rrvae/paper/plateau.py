"""Detection of the plateau at which a training has nothing more to gain."""

from collections.abc import Sequence

FEWEST = 20  # losses, before which it is too early to judge
PARTS = 5  # of the training: the mean of the last is compared with that of the one before
LEAST_FALL = 0.01  # of the whole fall so far: a smaller one is not worth another fifth


def on_plateau(losses: Sequence[float]) -> bool:
    """True when the loss has stopped falling.

    The mean loss of the last fifth of the training is compared with that of the fifth before: where
    it fell by less than 1 % of what it fell from the first loss on, going on would gain little.
    Fifths grow with the training, so that their means are smooth however noisy single losses are.

    Parameters
    ----------
    losses : sequence of float
        Losses at even distances; with fewer than 20 it is too early to judge.
    """
    if len(losses) < FEWEST:
        return False
    part = len(losses) // PARTS
    before = sum(losses[-2 * part : -part]) / part
    last = sum(losses[-part:]) / part
    return before - last < LEAST_FALL * (losses[0] - last)
