"""Registry of the kinds of model, by name."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemwidgets.rrvae.common.checks import (
    require_integer,
    require_one_of,
    require_truth,
    require_used,
)
from stemwidgets.rrvae.common.protocols import Learned, Options, Run
from stemwidgets.rrvae.harmonic.angle_convention import CONVENTIONS
from stemwidgets.rrvae.harmonic.model import HarmonicModel
from stemwidgets.rrvae.harmonic.run import HarmonicRun
from stemwidgets.rrvae.paper.run import PaperModel, PaperRun

PixelSize = tuple[float, float]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Kind:
    """One kind of model.

    Parameters
    ----------
    start : callable
        Reads data, given with pixel size, mask, `Options`, device, to go on a `State` or else
        None, ``faulty=`` and ``limit=``: yields the share of the reading that is done, and returns
        a `Run`.
    read : callable
        Builds a model from saved tensors, record and device.
    options : frozenset of str
        Names of the `Options` it takes besides ``latent_dim`` and ``seed``.
    turning : bool
        True if it has an angle.
    """

    start: Callable[..., Generator[float, None, Run]]
    read: Callable[[dict[str, Tensor], dict[str, Any], torch.device], Learned]
    options: frozenset[str] = frozenset()
    turning: bool = True


_OF_NETWORKS = frozenset({"centered", "epochs"})

KINDS: Mapping[str, Kind] = {
    "harmonic": Kind(
        HarmonicRun.begin, HarmonicModel.from_record, frozenset({"classes", "convention"})
    ),
    "paper": Kind(partial(PaperRun.begin, turning=True), PaperModel.from_record, _OF_NETWORKS),
    "vae": Kind(
        partial(PaperRun.begin, turning=False), PaperModel.from_record, _OF_NETWORKS, turning=False
    ),
}


def checked_options(
    kind: str,
    latent_dim: int,
    seed: int,
    classes: int,
    centered: bool,
    epochs: int | None,
    convention: str,
) -> Options:
    """The options of a kind of model.

    An InputError if there is no such kind, or an option is out of range or of no use to it.
    """
    require_one_of("kind", kind, KINDS)
    require_integer("latent_dim", latent_dim, 1, 16)
    require_integer("seed", seed, 0, 2**31 - 1)
    require_integer("classes", classes, 1, 16)
    require_truth("centered", centered)
    if epochs is not None:
        require_integer("epochs", epochs, 1, 10**6)
        epochs = int(epochs)
    require_one_of("convention", convention, CONVENTIONS)
    options = Options(int(latent_dim), int(seed), int(classes), bool(centered), epochs, convention)
    require_used(options, KINDS[kind].options, kind)
    return options
