"""Named maps over the scan, which the views offer to show."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.center_of_mass import Deflection
from stemwidgets.arrays.com_error import direction_std
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.fields import curl, divergence, per_length
from stemwidgets.arrays.overview import Overview
from stemwidgets.rrvae.common.records import Encoding

Kind = Literal["scalar", "signed", "angle", "category"]
Source = Literal["scan", "COM", "detector", "neighbours", "model", "seeds", "decomposition", "user"]


@dataclass(frozen=True, eq=False)
class Channel:
    """One map over the scan.

    Parameters
    ----------
    name : str
        Name on screen.
    values : ndarray of float32, shape [iy, ix]
        Values of the map; NaN where it is not defined.
    units : str
        ``"1/Å"``, ``"rad"`` …; empty for a pure number.
    kind : {"scalar", "signed", "angle", "category"}
        Colours: from low to high, about zero, around the circle, or one for each whole number
        from 0.
    confidence : ndarray of float32, shape [iy, ix], optional
        From 0 (random) to 1 (certain); angles and categories are drawn faint where it is
        low.
    fold : int
        An angle is defined modulo 2π / fold.
    source : {"scan", "COM", "detector", "neighbours", "model", "seeds", "decomposition", "user"}
        Origin of the map; maps of one origin are replaced together.
    """

    name: str
    values: NDArray[np.float32]
    units: str = ""
    kind: Kind = "scalar"
    confidence: NDArray[np.float32] | None = None
    fold: int = 1
    source: Source = "user"

    @classmethod
    def of_user(cls, name: str, values: ArrayLike, units: str, shape: tuple[int, int]) -> Self:
        """A map that a user made, for a scan of this shape; see `Session.add_map`."""
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"Expected the map's name on screen, got {name!r}.")
        if expected_source(name) is not None:
            raise InputError(
                f"Expected a name of your own, got {name!r}: the session makes a map of that name "
                "itself. Choose another one."
            )
        array = np.asarray(values)
        if array.shape != shape or array.dtype.kind not in "buif":
            raise InputError(
                f"Expected real numbers of the scan's shape {shape}, got {array.dtype} of shape "
                f"{array.shape}. One number for each position makes a map."
            )
        return cls(name, _float32(array), str(units))


Channels = Mapping[str, Channel]

CLUSTERS = "clusters"
COM_ANGLE_STD = "COM angle std"
ANGLE_SPREAD, LATENT_SPREAD = "angle spread", "latent spread"
BAND_LIMITED = ", band-limited"  # ends the names of maps without the noise beyond the band limit
DECOMPOSITIONS = ("PCA", "NMF")
_NAMES: dict[Source, tuple[str, ...]] = {  # latent variables and components are numbered besides
    "scan": ("sum", "BF", "ADF"),
    "COM": (
        "COM x",
        "COM y",
        "COM magnitude",
        "COM angle",
        COM_ANGLE_STD,
        "COM divergence",
        "COM curl",
    ),
    "detector": ("virtual detector", "DPC x", "DPC y"),
    "model": (
        "angle",
        "angle std",
        "confidence",
        "symmetry",
        "symmetry confidence",
        "classes",
        "class confidence",
        "residual",
    ),
    "seeds": (ANGLE_SPREAD, LATENT_SPREAD),
    "decomposition": (CLUSTERS,),
}


def merged(channels: Channels, *new: Channel, drop: tuple[str, ...] = ()) -> Channels:
    """A new mapping with some channels dropped and others added or replaced in their place."""
    kept = {name: channel for name, channel in channels.items() if name not in drop}
    return MappingProxyType(kept | {channel.name: channel for channel in new})


def overview_channels(
    overview: Overview, axes: Axes, descan: Descan | None = None
) -> list[Channel]:
    """Channels that need no model: sum, bright and dark field, and the centre of mass."""
    images = {"sum": overview.sum_image, "BF": overview.bright_field, "ADF": overview.dark_field}
    return [
        *(
            Channel(name, _float32(image), "counts", source="scan")
            for name, image in images.items()
            if image is not None
        ),
        *com_channels(overview.deflection(axes, descan), axes),
    ]


def com_channels(
    com: Deflection, axes: Axes, std: NDArray[np.float64] | None = None
) -> list[Channel]:
    """Components, length, direction, divergence and curl of the centre of mass.

    With the standard deviation of its components ``[iy, ix]``, in its units, also the error of the
    direction.
    """
    units = com.units
    magnitude = _float32(com.magnitude)
    defined = magnitude[np.isfinite(magnitude)]
    long = np.percentile(defined, 95) if defined.size else 0.0
    confidence = np.clip(magnitude / long, 0, 1) if long > 0 else np.zeros_like(magnitude)
    return [
        Channel("COM x", _float32(com.x), units, "signed", source="COM"),
        Channel("COM y", _float32(com.y), units, "signed", source="COM"),
        Channel("COM magnitude", magnitude, units, source="COM"),
        Channel("COM angle", _float32(com.angle), "rad", "angle", _float32(confidence), 1, "COM"),
        *_derivative_channels(com, axes),
        *([] if std is None else [_error_channel(com, std)]),
    ]


def limited(channel: Channel) -> Channel:
    """A map without the noise beyond the band limit, under a name of its own."""
    return replace(channel, name=channel.name + BAND_LIMITED, source="neighbours")


def _error_channel(com: Deflection, std: NDArray[np.float64]) -> Channel:
    error = _float32(direction_std(com.magnitude, std))
    return Channel(COM_ANGLE_STD, error, "rad", source="COM")


def _derivative_channels(com: Deflection, axes: Axes) -> list[Channel]:
    if min(com.x.shape) < 2:
        return []
    steps = (axes.scan_y.scale, axes.scan_x.scale)
    units = per_length(com.units, axes.scan_x.units)
    fields = {"COM divergence": divergence, "COM curl": curl}
    return [
        Channel(name, _float32(field(com.y, com.x, steps)), units, "signed", source="COM")
        for name, field in fields.items()
    ]


def encoding_channels(encoding: Encoding) -> list[Channel]:
    """Channels that the rrVAE reads off the patterns."""
    angle, certain = _float32(encoding.angle), _float32(encoding.confidence)
    sure = _float32(encoding.symmetry_confidence)
    symmetry = _float32(np.where(np.isfinite(sure), encoding.symmetry, np.nan))
    found = [
        Channel("angle", angle, "rad", "angle", certain, encoding.fold),
        Channel("angle std", _float32(encoding.angle_std), "rad"),
        *(
            Channel(f"z{index + 1}", _float32(encoding.latent[..., index]))
            for index in range(encoding.latent.shape[-1])
        ),
        Channel("confidence", certain),
        Channel("symmetry", symmetry, "", "category", sure),
        Channel("symmetry confidence", sure),
        *_class_channels(encoding),
        Channel("residual", _float32(encoding.residual)),
    ]
    return [replace(channel, source="model") for channel in found]


def _class_channels(encoding: Encoding) -> list[Channel]:
    if encoding.classes is None or encoding.class_probability is None:
        return []
    sure = _float32(encoding.class_probability.max(axis=-1))
    classes = _float32(np.where(encoding.classes >= 0, encoding.classes, np.nan))
    return [Channel("classes", classes, "", "category", sure), Channel("class confidence", sure)]


def spread_channels(angle: NDArray[Any], latent: NDArray[Any]) -> list[Channel]:
    """Channels of the spread over seeds: of the angle [rad], if known anywhere, and of latents.

    Parameters
    ----------
    angle, latent : ndarray, shape [iy, ix]
        Spread of each; NaN where it is not known.
    """
    spread = Channel(LATENT_SPREAD, _float32(latent), source="seeds")
    if not np.isfinite(angle).any():
        return [spread]
    return [Channel(ANGLE_SPREAD, _float32(angle), "rad", source="seeds"), spread]


def names_from(channels: Channels, source: Source) -> tuple[str, ...]:
    """Names of the channels of one origin."""
    return tuple(name for name, channel in channels.items() if channel.source == source)


def latents(channels: Channels) -> list[Channel]:
    """Latent variables of the rrVAE, in order; empty without a model."""
    return [channels[name] for name in names_from(channels, "model") if _is_latent(name)]


def expected_source(name: str) -> Source | None:
    """Origin that a channel of this name will have once it is there; None for an unknown name."""
    if name.endswith(BAND_LIMITED):
        return expected_source(name.removesuffix(BAND_LIMITED)) and "neighbours"
    for source, names in _NAMES.items():
        if name in names:
            return source
    family, _, index = name.partition(" ")
    if family in DECOMPOSITIONS and index.isdigit():
        return "decomposition"
    return "model" if _is_latent(name) else None


def _is_latent(name: str) -> bool:
    return name[:1] == "z" and name[1:].isdigit()


def _float32(values: Any) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # of what is refused once the scan has been read
        array = np.array(values, dtype=np.float32)
    array.flags.writeable = False
    return array
