"""How the rrVAE angle compares with the COM angle, in words."""

from dataclasses import dataclass

from stemwidgets.arrays.circular import AngleComparison, compare_angles
from stemwidgets.arrays.errors import InputError
from stemwidgets.state.channels import Channel, Channels

NO_ANGLE = "no angle: the model does not turn"


@dataclass(frozen=True, eq=False)
class Compared:
    """Two angle maps and what they have in common.

    Parameters
    ----------
    angle, com, magnitude : Channel
        "angle", "COM angle" and "COM magnitude", which is the weight.
    agreement : AngleComparison or None
        None where they cannot be compared.
    words : str
        One line for the screen.
    """

    angle: Channel
    com: Channel
    magnitude: Channel
    agreement: AngleComparison | None
    words: str


def compared(channels: Channels, turning: bool = True) -> Compared | None:
    """Compare the two angles; None while one of them is missing.

    Parameters
    ----------
    channels : mapping of str to Channel
        With "angle", "COM angle" and "COM magnitude", which is the weight.
    turning : bool
        Whether the model has angles.
    """
    angle, com = channels.get("angle"), channels.get("COM angle")
    if angle is None or com is None:
        return None
    magnitude = channels["COM magnitude"]
    if not turning:
        return Compared(angle, com, magnitude, None, NO_ANGLE)
    try:
        found = compare_angles(angle.values, com.values, magnitude.values, angle.fold)
    except InputError as error:
        return Compared(angle, com, magnitude, None, f"not comparable: {error}")
    return Compared(angle, com, magnitude, found, str(found))
