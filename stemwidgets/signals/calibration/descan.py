"""Descan that is taken off: as users give it, and in the metadata of the result."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.centring.beam_frame import BeamFrame
from stemwidgets.arrays.centring.find import (
    descan_that_matters,
    find_beam_frame,
    require_descan,
)
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import CleanScan
from stemwidgets.arrays.masks import left_out

RECORD = "Stemwidgets.descan"


def known_descan(given: Any, com: NDArray[np.float64]) -> Descan | None:
    """The descan to take off a centre of mass ``[iy, ix, 2]`` in pixels; None for none.

    An InputError if what is given is no descan, or that of another scan.
    """
    require_descan(given, com.shape[:2])
    return descan_that_matters(com) if isinstance(given, str) else given


def beam_frame(clean: CleanScan, given: Any) -> BeamFrame | None:
    """The frame of the beam of a scan ``[iy, ix, ky, kx]``; None where its descan is left in.

    An InputError as for `known_descan`.
    """
    data = clean.data
    require_descan(given, tuple(data.shape[:2]))
    if given is None:
        return None
    return find_beam_frame(data, left_out(data, clean.mask), given)


def given_descan(given: Any, source: Any) -> Any:
    """Descan of a calibration; anything else as it is.

    An InputError if it is to be taken off patterns from which a calibration took it already.
    """
    known = getattr(given, "descan", given)
    if not (known is None or isinstance(known, str)) and taken_off(source) is not None:
        raise InputError(
            "The descan was taken off these patterns already, by a calibration. Pass the scan as "
            'it was recorded, or leave descan="find", which takes off what is left if it matters.'
        )
    return known


def descan_after(given: Any, before: Axes, after: Axes) -> Any:
    """Descan in the pixels of a prepared scan, from that in the pixels of the recorded one."""
    if not isinstance(given, Descan):
        return given
    return given.in_pixels(after.ky.scale / before.ky.scale, after.kx.scale / before.kx.scale)


def record_descan(descan: Descan | None, signal: Any) -> None:
    """Record the descan that was taken off a map or patterns, if any was."""
    if descan is not None:
        signal.metadata.set_item(RECORD, json.dumps(asdict(descan)))


def taken_off(signal: Any) -> Descan | None:
    """The descan that was taken off a map, or off the patterns of a scan; None if none was."""
    if not (hasattr(signal, "metadata") and signal.metadata.has_item(RECORD)):
        return None
    record = json.loads(signal.metadata.get_item(RECORD))
    return Descan(**{name: _tuple(value) for name, value in record.items()})


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, list) else value
