"""A report of a scan, first thing."""

from os import PathLike
from typing import Any

import hyperspy.api as hs
from tqdm.auto import tqdm

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.calibration.electrons import energy_in_kev, semi_angle_in_mrad
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.scan_report.checking import Checking
from stemwidgets.arrays.scan_report.report import ScanReport
from stemwidgets.signals.conversion import to_arrays, with_notes
from stemwidgets.signals.io.load import load
from stemwidgets.signals.io.missing import noted
from stemwidgets.signals.metadata.title_and_beam import beam_energy as energy_of
from stemwidgets.signals.metadata.title_and_beam import semi_angle as semi_angle_of
from stemwidgets.signals.metadata.title_and_beam import title_of

QUICK = 1.0  # s: a bar for less only flickers


def check(
    source: Any,
    semi_angle: float | None = None,
    beam_energy: float | None = None,
    progress: bool = True,
    **load_options: Any,
) -> ScanReport:
    """Report on a scan: findings, whether each is as it should be, and the action taken.

    Units and beam energy; frames and flyback; hot, flickering and dead pixels, rows and columns,
    single events; gain of the camera; saturation; the direct beam, its edge and shape; descan; scan
    rotation; jitter of the lines and distortion of the lattice; the power beyond the highest scan
    frequency of the probe; the dose, how steady the beam current is, and the error that is left in
    the angle of one pattern. What cannot be measured on a scan is reported as such.

    Parameters
    ----------
    source : signal, path or array
        A HyperSpy or pyxem signal, a file, or a numpy or dask array ``[iy, ix, ky, kx]``; lazy data
        are streamed, once.
    semi_angle : float, optional
        Convergence semi-angle [mrad]; that of the metadata if not given.
    beam_energy : float, optional
        Energy of the beam [keV], or as text, "200 kV"; that of the metadata if not given.
    progress : bool
        True to show a progress bar while a large scan is read.
    **load_options
        Options of `stemwidgets.load` for a file: ``lazy``, ``scan_shape``, ``flyback`` …

    Returns
    -------
    ScanReport
        Prints as a table, shows with pictures in a notebook; ``report["dose"].value`` is a number,
        ``report.alarms`` lists what needs attention.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If `source` is no scan of diffraction patterns, or a pixel is not finite in some patterns.

    Examples
    --------
    >>> print(sw.check("scan.zspy", lazy=True))
    """
    data, axes, title, known = with_beam(source, semi_angle, beam_energy, **load_options)
    checking = Checking(data, axes, title, **known)
    read(checking, "check", progress)
    return checking.report()


def with_beam(
    source: Any, semi_angle: Any = None, beam_energy: Any = None, **load_options: Any
) -> tuple[Any, Axes, str, dict[str, Any]]:
    """Patterns, axes and title of any source that users may pass, and what is known of the beam.

    The last as `Checking` takes it; parameters and errors as of `check`.
    """
    given_angle = None if semi_angle is None else semi_angle_in_mrad(semi_angle)
    energy = None if beam_energy is None else energy_in_kev(beam_energy)
    if isinstance(source, str | PathLike):
        source = load(source, **load_options)
    elif load_options:
        raise InputError(
            f"{', '.join(sorted(load_options))} say how a file is read, and this is none: pass the "
            "name of a file."
        )
    notes: tuple[str, ...] = ()
    if isinstance(source, hs.signals.BaseSignal):
        data, axes, found = with_notes(source)
        notes, title = (*found, *noted(source)), title_of(source)
        energy, given_angle = energy or energy_of(source), given_angle or semi_angle_of(source)
    else:
        data, axes, title = to_arrays(source)
    return data, axes, title, {"beam_energy": energy, "semi_angle": given_angle, "notes": notes}


def read(checking: Checking, name: str, progress: bool) -> None:
    """Read a scan, with a bar of this name if it takes long."""
    with tqdm(total=1.0, desc=name, delay=QUICK, leave=False, disable=not progress) as bar:
        for share in checking.steps():
            bar.update(share - bar.n)
