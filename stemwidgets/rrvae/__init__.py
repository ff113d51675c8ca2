"""The rotationally invariant variational autoencoder: model, training and encoding.

Runs without HyperSpy: ``from stemwidgets.rrvae import RRVAE`` takes and returns arrays.
"""

from stemwidgets.rrvae.model import RRVAE
from stemwidgets.rrvae.records import Encoding, Progress

__all__ = ["RRVAE", "Encoding", "Progress"]
