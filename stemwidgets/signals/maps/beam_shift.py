"""Centres of mass in pyxem's convention."""

import numpy as np
from hyperspy.axes import UniformDataAxis
from numpy.typing import NDArray
from pyxem.signals import BeamShift

from stemwidgets.arrays.axes import Axes
from stemwidgets.signals.conversion import axis_dictionary


def beam_shift(
    positions: NDArray[np.float64], axes: Axes, title: str = "", beam_energy: float | None = None
) -> BeamShift:
    """The shift that brings each centre of mass to the middle of the pattern.

    Parameters
    ----------
    positions : ndarray, shape [iy, ix, 2]
        Centres of mass ``(y, x)`` in pixels about the centre of pixel (0, 0).
    axes : Axes
        Calibration of the scan.
    title : str
        Title of the signal.
    beam_energy : float, optional
        Energy of the beam [keV].

    Returns
    -------
    pyxem.signals.BeamShift
        ``(width / 2 - x, height / 2 - y)`` in pixels, as ``get_direct_beam_position`` has it.
    """
    y, x = positions[..., 0], positions[..., 1]
    shifts = np.stack([axes.kx.size / 2 - x, axes.ky.size / 2 - y], axis=-1)
    vector = {"name": "Beam position", "size": 2, "navigate": False}
    scan = [axis_dictionary(axes.scan_y, "y", True), axis_dictionary(axes.scan_x, "x", True)]
    signal = BeamShift(shifts, axes=[*scan, vector], metadata={"General": {"title": title}})
    signal.column_names = ["x-shift", "y-shift"]
    signal.units = ["px", "px"]
    if beam_energy is not None:
        signal.beam_energy = beam_energy
    signal.metadata.add_node("Shifts")
    signal.metadata.Shifts.signal_axes = tuple(
        UniformDataAxis(**axis_dictionary(axis, name, navigate=False))
        for axis, name in ((axes.kx, "kx"), (axes.ky, "ky"))
    )
    return signal
