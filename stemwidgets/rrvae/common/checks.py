"""Checks of a model's parameters, with errors in words."""

from collections.abc import Collection
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.masks import require_mask
from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.common.protocols import Options

# of height over width: more than rounding, less than another detector
ASPECT_TOLERANCE = 0.01

_ADVICE = {
    "classes": 'it knows one kind of pattern. Leave it out, or choose kind="harmonic"',
    "convention": 'its angle is what the network makes it. Leave it out, or choose "harmonic"',
    "centered": 'it always takes away what all patterns share. Leave it out, or choose "paper"',
    "epochs": 'it chooses the length of training from the data. Leave it out, or choose "paper"',
}


def require_integer(name: str, value: Any, lowest: int, highest: int) -> None:
    """Refuse all but a whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InputError(f"Expected {name} to be a whole number, got {value!r}.")
    if not lowest <= value <= highest:
        raise InputError(f"Expected {name} between {lowest} and {highest}, got {value}.")


def require_one_of(name: str, value: Any, known: Collection[str]) -> None:
    """Refuse all but one of some words."""
    if value not in known:
        raise InputError(f"Expected {name} to be one of {', '.join(known)}, got {value!r}.")


def require_truth(name: str, value: Any) -> None:
    """Refuse all but True and False."""
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(f"Expected {name} to be True or False, got {value!r}.")


def require_used(options: Options, used: frozenset[str], kind: str) -> None:
    """Refuse an option that was given to a model that has no use for it."""
    for option in fields(options):
        value = getattr(options, option.name)
        if option.name in _ADVICE and option.name not in used and value != option.default:
            raise InputError(
                f'Expected no {option.name} for kind="{kind}", got {value!r}: '
                f"{_ADVICE[option.name]}."
            )


def require_codes(
    latent: ArrayLike, angle: ArrayLike, classes: ArrayLike, options: Options
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Check latent variables ``[..., d]``, angles and classes ``[...]`` that are to be decoded."""
    z = np.array(latent, dtype=np.float32)
    if z.ndim == 0 or z.shape[-1] != options.latent_dim:
        raise InputError(
            f"Expected latent variables of shape [..., {options.latent_dim}], got {z.shape}."
        )
    theta, class_index = np.asarray(angle, dtype=np.float32), np.asarray(classes)
    try:
        theta, class_index = (
            np.broadcast_to(values, z.shape[:-1]) for values in (theta, class_index)
        )
    except ValueError as error:
        raise InputError(
            f"Expected one angle and class for each latent vector, shape {z.shape[:-1]}, got "
            f"{theta.shape} and {class_index.shape}."
        ) from error
    if class_index.size and not 0 <= class_index.min() <= class_index.max() < options.classes:
        raise InputError(
            f"Expected classes from 0 to {options.classes - 1}, got {class_index.min()} to "
            f"{class_index.max()}."
        )
    return z, theta.copy(), class_index.astype(np.int64)


def require_pixel_size(pixel_size: Any) -> None:
    """Refuse all but two lengths, with a sign."""
    if np.shape(pixel_size) != (2,) or not all(np.isfinite(s) and s != 0 for s in pixel_size):
        raise InputError(
            f"Expected pixel_size as (height, width) of a detector pixel, got {pixel_size}."
        )


def require_same_frame(window: PixelWindow, pixel_size: tuple[float, float]) -> None:
    """Refuse patterns whose axes run the other way than those that a model has learned from."""
    learned = np.sign(window.pixel_size)
    for name, sign, before in zip(("ky", "kx"), np.sign(pixel_size), learned, strict=True):
        if sign != before:
            raise InputError(
                f"Expected {name} to {'rise' if before > 0 else 'fall'} from pixel to pixel, as in "
                f"the patterns that the model has learned from, got a scale of the other sign: the "
                "angles would be mirrored. Pass signals with the axes of those, or train a new "
                "model on these."
            )


def require_as_before(
    window: PixelWindow,
    pixel_size: tuple[float, float] | None,
    mask: NDArray[np.bool_] | None,
) -> None:
    """Refuse another shape or choice of pixels than a model has learned with, if one is given."""
    if pixel_size is not None:
        require_same_frame(window, pixel_size)
        aspect, before = (abs(size[0] / size[1]) for size in (pixel_size, window.pixel_size))
        if abs(aspect / before - 1) > ASPECT_TOLERANCE:
            raise InputError(
                f"Expected pixels {before:.4g} times as high as wide, as those that the model has "
                f"learned from, got {aspect:.4g}. Train a new model on these."
            )
    if mask is not None:
        used = require_mask(mask, window.shape)
        if window.mask is not None:
            used = used & ~window.mask
        if used.any():
            raise InputError(
                f"Expected the mask that the model has learned with, got one that leaves out "
                f"{np.count_nonzero(used)} pixels more. Train a new model with this mask."
            )
