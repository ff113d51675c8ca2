"""Adam (Kingma and Ba, arXiv:1412.6980) on one vector."""

import math

import torch
from torch import Tensor

DECAY_OF_MEAN, DECAY_OF_SQUARE = 0.9, 0.999
LEAST_SPREAD = 1e-8


class Adam:
    """The optimiser and all of its state.

    Parameters
    ----------
    weights : Tensor, shape [n]
        What is learned, in place.
    learning_rate : float
        Largest change of a weight in a step, about.

    Attributes
    ----------
    mean, square : Tensor, shape [n]
        Moments of the gradient.
    steps : int
        Number of steps that they are made of.
    """

    def __init__(self, weights: Tensor, learning_rate: float) -> None:
        self.weights, self.learning_rate = weights, learning_rate
        self.mean, self.square = torch.zeros_like(weights), torch.zeros_like(weights)
        self.steps = 0
        self._rate, self._least_spread = weights.new_zeros(()), weights.new_zeros(())

    def begin_step(self) -> None:
        """Count one more step; what `step` does is then the same for all of them."""
        self.steps += 1
        of_mean = 1 - DECAY_OF_MEAN**self.steps
        of_square = math.sqrt(1 - DECAY_OF_SQUARE**self.steps)
        self._rate.fill_(self.learning_rate * of_square / of_mean)
        self._least_spread.fill_(LEAST_SPREAD * of_square)

    @torch.no_grad()
    def step(self, gradient: Tensor) -> None:
        """Change the weights; nothing waits for the device."""
        self.mean.lerp_(gradient, 1 - DECAY_OF_MEAN)
        self.square.mul_(DECAY_OF_SQUARE).addcmul_(gradient, gradient, value=1 - DECAY_OF_SQUARE)
        spread = self.square.sqrt().add_(self._least_spread)
        self.weights.sub_((self.mean / spread).mul_(self._rate))

    def restart(self) -> None:
        """Forget the moments."""
        self.mean.zero_()
        self.square.zero_()
        self.steps = 0
