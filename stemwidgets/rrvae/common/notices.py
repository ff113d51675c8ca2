"""Notices about a training that goes on all the same, and the error of one that cannot."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from stemwidgets.rrvae.common.protocols import Step


class TrainingNotice(UserWarning):
    """A deviation from the plan, after which the work went on."""


_LISTENER: ContextVar[list[str] | None] = ContextVar("listener", default=None)


def tell(notice: str) -> None:
    """Pass a notice to the listener of this thread; without one it becomes a warning."""
    listener = _LISTENER.get()
    if listener is None:
        warnings.warn(notice, TrainingNotice, stacklevel=3)
    elif notice not in listener:
        listener.append(notice)


@contextmanager
def listening(heard: list[str]) -> Iterator[None]:
    """Collect notices in a list, each once, instead of warning."""
    token = _LISTENER.set(heard)
    try:
        yield
    finally:
        _LISTENER.reset(token)


class DivergenceError(RuntimeError):
    """A diverged training; the model is as it was at its last good step."""


def require_finite(step: "Step", last: "Step | None", *weights: "Tensor") -> None:
    """Raise a DivergenceError if the loss of a step or one of the weights is NaN or infinite.

    `last` is the last good step, for the message.
    """
    loss = step.reconstruction + step.kl
    if math.isfinite(loss) and all(
        math.isfinite(float(tensor.detach().sum())) for tensor in weights
    ):
        return
    kept = "Nothing was learned before that."
    if last is not None:
        kept = f"The model is kept as it was in epoch {last.epoch}."
    raise DivergenceError(
        f"The training went wrong in epoch {step.epoch} of {step.epochs}: its numbers are no "
        f"longer finite. {kept} Look for patterns with extreme counts, or try another seed."
    )
