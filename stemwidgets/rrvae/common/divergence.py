"""Divergence of a training: its detection and its message."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from stemwidgets.rrvae.common.protocols import Step


class DivergenceError(RuntimeError):
    """A diverged training; the model is as it was at its last good step."""


def require_finite(step: "Step", last: "Step | None", *weights: "Tensor") -> None:
    """Make sure that a training has not diverged.

    Parameters
    ----------
    step : Step
        Present state of the training.
    last : Step or None
        Last good state, for the message.
    *weights : Tensor
        Weights that were learned.

    Raises
    ------
    DivergenceError
        If the loss or a weight is NaN or infinite.
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
