"""Settings of a training of the paper's network, its progress, and when it has no more to gain."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

BATCH = 20  # patterns in a batch
MOST_STEPS = 6000  # batches at most for centred patterns, should the loss never level off
FEWEST_LOSSES = 20  # losses, before which it is too early to judge
PARTS = 5  # of the training: the mean of the last is compared with that of the one before
LEAST_FALL = 0.01  # of the whole fall so far: a smaller one is not worth another fifth


@dataclass(frozen=True)
class PaperSettings:
    """Settings of a training of the paper's network; `turning` is False for a plain autoencoder.

    Of `centered` see `RRVAE`. The training ends after so many epochs, or earlier, if it goes on
    `to_plateau`, where the loss falls no further: see `on_plateau`.
    """

    turning: bool = True
    centered: bool = False
    epochs: int = 100
    to_plateau: bool = False

    @classmethod
    def for_data(
        cls, patterns: int, turning: bool, centered: bool, epochs: int | None = None
    ) -> Self:
        """The paper's 100 epochs, or, for centred patterns, as many as it takes.

        Centred patterns are learned until the loss falls no further, in 1000 to 6000 batches.

        Parameters
        ----------
        patterns : int
            Number of patterns.
        turning, centered
            As of the class.
        epochs : int, optional
            Exact number of passes instead.
        """
        if epochs is not None or not centered:
            return cls(turning, centered, 100 if epochs is None else epochs)
        most = -(-MOST_STEPS // -(-patterns // BATCH))
        return cls(turning, centered, most, to_plateau=True)

    @property
    def learning_rate(self) -> float:
        """Learning rate of Adam."""
        return 1e-3 if self.centered else 1e-4


@dataclass(frozen=True)
class PaperStep:
    """State of the training after a few steps, see `Step`; losses are means over about an epoch."""

    epoch: int
    epochs: int
    passes: float
    fraction: float
    reconstruction: float
    kl: float


@dataclass
class TrainingPosition:
    """Position of a training in its plan.

    Parameters
    ----------
    steps : int
        Batches done.
    planned : int
        Batches after which it ends.
    began : int
        Number of `losses` when it was last extended.
    losses : list of float
        Mean losses of `STEPS_PER_LOSS` batches each.
    """

    steps: int
    planned: int
    began: int = 0
    losses: list[float] = field(default_factory=list)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Read the result of `dataclasses.asdict`; a ValueError if it is no position."""
        steps, planned, began = (int(record[name]) for name in ("steps", "planned", "began"))
        losses = [float(loss) for loss in record["losses"]]
        if not (0 <= steps <= planned and planned > 0 and 0 <= began <= len(losses)):
            raise ValueError(f"no position: {steps} of {planned}")
        return cls(steps, planned, began, losses)


def on_plateau(losses: Sequence[float]) -> bool:
    """True when the loss has stopped falling.

    The mean loss of the last fifth of the training is compared with that of the fifth before: where
    it fell by less than 1 % of what it fell from the first loss on, going on would gain little.
    Fifths grow with the training, so that their means are smooth however noisy single losses are.
    With fewer than 20 losses, at even distances, it is too early to judge.
    """
    if len(losses) < FEWEST_LOSSES:
        return False
    part = len(losses) // PARTS
    before = sum(losses[-2 * part : -part]) / part
    last = sum(losses[-part:]) / part
    return before - last < LEAST_FALL * (losses[0] - last)
