"""Comparison of the rrVAE angle with the COM angle, in words."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import AngleComparison, compare_angles
from stemwidgets.state.channels import Channel, Channels

NO_ANGLE = "no angle: the model does not turn"


@dataclass(frozen=True, eq=False)
class Compared:
    """Two angle maps and their agreement.

    Parameters
    ----------
    angle, com, magnitude : Channel
        "angle", "COM angle" and "COM magnitude", which is the weight.
    agreement : AngleComparison or None
        Agreement; None where they cannot be compared.
    words : str
        One line for the screen.
    """

    angle: Channel
    com: Channel
    magnitude: Channel
    agreement: AngleComparison | None
    words: str


def compared(
    channels: Channels, turning: bool = True, shown: NDArray[np.intp] | None = None
) -> Compared | None:
    """Compare the two angles; None while one of them is missing.

    Parameters
    ----------
    channels : mapping of str to Channel
        Maps with "angle", "COM angle" and "COM magnitude", which is the weight.
    turning : bool
        True if the model has angles.
    shown : ndarray of int, shape [iy, ix], optional
        Number of the pattern whose angle each position shows, -1 for none: the angle is compared
        with the COM of that pattern, once.
    """
    angle, com = channels.get("angle"), channels.get("COM angle")
    if angle is None or com is None:
        return None
    magnitude = channels["COM magnitude"]
    weight = magnitude.values
    if shown is not None:
        com, magnitude = _of_shown(com, shown), _of_shown(magnitude, shown)
        own = shown == np.arange(shown.size).reshape(shown.shape)
        weight = np.where(own, weight, np.float32(0))
    if not turning:
        return Compared(angle, com, magnitude, None, NO_ANGLE)
    try:
        found = compare_angles(angle.values, com.values, weight, angle.fold)
    except InputError as error:
        return Compared(angle, com, magnitude, None, f"not comparable: {error}")
    return Compared(angle, com, magnitude, found, str(found))


def _of_shown(channel: Channel, shown: NDArray[np.intp]) -> Channel:
    """The channel with the values of the patterns that are shown."""

    def taken(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.where(shown >= 0, values.ravel()[shown], np.float32(np.nan))

    confidence = None if channel.confidence is None else taken(channel.confidence)
    return replace(channel, values=taken(channel.values), confidence=confidence)
