"""Adam (Kingma and Ba, arXiv:1412.6980) on one vector."""

import math

import torch
from torch import Tensor

DECAY_OF_MEAN, DECAY_OF_SQUARE = 0.9, 0.999  # per step, as in Kingma and Ba
LEAST_SPREAD = 1e-8  # of the root mean square gradient, as in Kingma and Ba


class Adam:
    """The optimiser and all of its state.

    Parameters
    ----------
    weights : Tensor, shape [n]
        Weights to learn, changed in place.
    learning_rate : float
        Approximate largest change of a weight in a step.

    Attributes
    ----------
    mean, square : Tensor, shape [n]
        Moments of the gradient.
    steps : int
        Number of steps that the moments contain.
    """

    def __init__(self, weights: Tensor, learning_rate: float) -> None:
        self.weights, self.learning_rate = weights, learning_rate
        self.mean, self.square = torch.zeros_like(weights), torch.zeros_like(weights)
        self.steps = 0
        self._rate, self._least_spread = weights.new_zeros(()), weights.new_zeros(())

    def begin_step(self) -> None:
        """Count one more step, which fixes the rates of the next call of `step`."""
        self.steps += 1
        of_mean = 1 - DECAY_OF_MEAN**self.steps
        of_square = math.sqrt(1 - DECAY_OF_SQUARE**self.steps)
        self._rate.fill_(self.learning_rate * of_square / of_mean)
        self._least_spread.fill_(LEAST_SPREAD * of_square)

    @torch.no_grad()
    def step(self, gradient: Tensor) -> None:
        """Change the weights, without waiting for the device."""
        self.mean.lerp_(gradient, 1 - DECAY_OF_MEAN)
        self.square.mul_(DECAY_OF_SQUARE).addcmul_(gradient, gradient, value=1 - DECAY_OF_SQUARE)
        spread = self.square.sqrt().add_(self._least_spread)
        self.weights.sub_((self.mean / spread).mul_(self._rate))

    def restart(self) -> None:
        """Reset the moments."""
        self.mean.zero_()
        self.square.zero_()
        self.steps = 0
