"""Devices for training on this machine, for views, which never import torch."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stemwidgets.rrvae.common.device import Device


def devices_here() -> "tuple[Device, ...]":
    """The devices that torch offers, the one it takes by itself first; none before it is loaded.

    Loading torch takes seconds, and is left to the training.
    """
    if "torch" not in sys.modules:
        return ()
    from stemwidgets.rrvae.common.device import devices

    return devices()
