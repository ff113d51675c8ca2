"""How the rrVAE angle compares with the COM angle, in words."""

from stemwidgets.arrays.circular import compare_angles
from stemwidgets.arrays.errors import InputError
from stemwidgets.state.channels import Channels

NO_ANGLE = "no angle: the model does not turn"


def compared(channels: Channels, turning: bool = True) -> str | None:
    """One line about the two angles; None while one of them is missing.

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
    if not turning:
        return NO_ANGLE
    weights = channels["COM magnitude"].values
    try:
        return str(compare_angles(angle.values, com.values, weights, angle.fold))
    except InputError as error:
        return f"not comparable: {error}"
