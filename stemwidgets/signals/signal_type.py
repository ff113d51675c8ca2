"""Scans as a signal type of HyperSpy, with the page as a method."""

from typing import Any

from hyperspy.signals import LazySignal
from hyperspy.ui_registry import get_gui
from pyxem.signals import ElectronDiffraction2D

EXPLORE = "stemwidgets.explore"  # the key under which HyperSpy finds the page


class DiffractionScan(ElectronDiffraction2D):  # type: ignore[misc]  # pyxem has no types
    """A 4D-STEM scan that opens its own page; otherwise pyxem's electron diffraction.

    ``signal.set_signal_type("diffraction_scan")`` makes one of any scan. Where stemwidgets is not
    installed, HyperSpy opens a file of it as a plain two-dimensional signal.
    """

    _signal_type = "diffraction_scan"

    def explore(self, display: bool = True, toolkit: Any = None, **options: Any) -> Any:
        """Open :func:`stemwidgets.explore` on the scan; HyperSpy's navigator and it move together.

        Parameters
        ----------
        display : bool
            Show the page. If False, return it as ``{"ipywidgets": {"wdict": parts, "widget": …}}``.
        toolkit : str, optional
            As for every such method of HyperSpy; there is ``"ipywidgets"``.
        **options
            Options of :func:`stemwidgets.explore`.

        Returns
        -------
        dict or None
        """
        return get_gui(self, EXPLORE, display=display, toolkit=toolkit, **options)


class LazyDiffractionScan(LazySignal, DiffractionScan):  # type: ignore[misc]
    """A diffraction scan with patterns that stay on disk."""
