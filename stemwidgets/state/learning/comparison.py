"""Comparison of the rrVAE angle with the COM angle, in words."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.maps.circular import AngleComparison, compare_angles
from stemwidgets.state.channels import BAND_LIMITED, Channel, Channels

COM_ANGLE = "COM angle"
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
        One line for the screen: against the raw COM and, where there is one, the band-limited.
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
    angle, com = channels.get("angle"), channels.get(COM_ANGLE)
    if angle is None or com is None:
        return None
    magnitude = channels["COM magnitude"]
    weight = magnitude.values
    if shown is not None:
        com, magnitude = _of_shown(com, shown), _of_shown(magnitude, shown)
        own = shown == np.arange(shown.size).reshape(shown.shape)
        weight = np.where(own, weight, np.float32(0))
    smooth = _band_limited(channels, shown)
    if not turning:
        return Compared(angle, com, magnitude, None, NO_ANGLE)
    try:
        found = compare_angles(angle.values, com.values, weight, angle.fold)
    except InputError as error:
        return Compared(angle, com, magnitude, None, f"not comparable: {error}")
    words = str(found)
    if smooth is not None:
        words = _all_three(angle, com, smooth, weight, found)
    return Compared(angle, com, magnitude, found, words)


def _band_limited(channels: Channels, shown: NDArray[np.intp] | None) -> Channel | None:
    """The COM angle without the noise beyond the band limit, where there is one."""
    com = channels.get(COM_ANGLE + BAND_LIMITED)
    return com if com is None or shown is None else _of_shown(com, shown)


def _all_three(
    angle: Channel, com: Channel, smooth: Channel, weight: NDArray[np.float32], raw: AngleComparison
) -> str:
    """The rrVAE angle against both COM angles, and these against each other."""
    try:
        limited = compare_angles(angle.values, smooth.values, weight, angle.fold)
        both = compare_angles(com.values, smooth.values, weight)
    except InputError as error:
        return f"raw COM: {raw}; band-limited COM: not comparable: {error}"
    return (
        f"raw COM: {raw}; band-limited COM: {_in_short(limited)}; "
        f"raw against band-limited COM: {_in_short(both)}"
    )


def _in_short(found: AngleComparison) -> str:
    apart = np.degrees(found.median_difference)
    return f"circular correlation {found.correlation:.3f}, median difference {apart:.1f}°"


def _of_shown(channel: Channel, shown: NDArray[np.intp]) -> Channel:
    """The channel with the values of the patterns that are shown."""

    def taken(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.where(shown >= 0, values.ravel()[shown], np.float32(np.nan))

    confidence = None if channel.confidence is None else taken(channel.confidence)
    return replace(channel, values=taken(channel.values), confidence=confidence)
