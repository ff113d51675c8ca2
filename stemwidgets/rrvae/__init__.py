"""The rotationally invariant variational autoencoder: model, training and encoding.

Runs without HyperSpy: ``from stemwidgets.rrvae import RRVAE`` takes and returns arrays.
"""

from typing import TYPE_CHECKING

from stemwidgets.rrvae.common.notices import DivergenceError
from stemwidgets.rrvae.common.records import Encoding, Progress

if TYPE_CHECKING:
    from stemwidgets.rrvae.model import RRVAE as RRVAE

__all__ = ["RRVAE", "DivergenceError", "Encoding", "Progress"]


def __getattr__(name: str) -> object:
    if name == "RRVAE":
        from stemwidgets.rrvae.model import RRVAE

        return RRVAE
    raise AttributeError(f"module 'stemwidgets.rrvae' has no attribute {name!r}")
