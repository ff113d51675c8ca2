"""Position of the direct beam, as found or as the user gives it, and images that follow it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from traitlets import Bool, Instance, observe

from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.detectors import AnnularDetector, Preset, preset
from stemwidgets.arrays.disc.find import Disc, find_disc, given_disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import CleanScan
from stemwidgets.arrays.virtual_image import virtual_image
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.channel_store import ChannelStore
from stemwidgets.state.channels import Channel
from stemwidgets.state.scan.computing import Computing
from stemwidgets.state.scan.scan import Scan

Images = dict[str, NDArray[np.float64] | None]

IMAGES: tuple[Preset, ...] = ("BF", "ADF")


class DirectBeam(Computing):
    """The disc that detectors are laid about.

    Parameters
    ----------
    scan, mailbox
        As for `Computing`.
    channels : ChannelStore
        Receives bright and dark field.

    Attributes
    ----------
    given : Disc or None
        Disc from the user, which counts in place of the one found.
    placing : bool
        True while the next press on a pattern sets it.
    """

    given = Instance(Disc, allow_none=True)
    placing = Bool(False)

    def __init__(self, scan: Scan, mailbox: Mailbox, channels: ChannelStore) -> None:
        super().__init__(scan, mailbox)
        self._channels = channels
        self._first: Disc | None = None
        self._found: Disc | None = None
        self._shown: tuple[Disc | None, Descan | None] = (None, None)
        scan.observe(self.show, "followed")

    @property
    def disc(self) -> Disc | None:
        """The disc as given, else as found; None before the scan is read, or in a blank one."""
        return self.given or self._found

    def place(self, center: tuple[float, float], radius: float) -> None:
        """Set the direct beam.

        Parameters
        ----------
        center : (float, float)
            Position ``(ky, kx)`` in pixels.
        radius : float
            Radius along kx, in pixels.

        Raises
        ------
        InputError
            If it lies off the detector.
        """
        self.given = given_disc((center, radius), self._scan.shape[2:])
        self.placing = False

    def find(self, disc: Disc | None) -> None:
        """Take the result of the first read of the scan."""
        self._first = self._found = disc
        self._shown = (None, None)

    @observe("given")
    def show(self, _: Any = None) -> None:
        """Make the images about another disc, or with another descan, in the background."""
        given, scan = self.given, self._scan
        wanted = (given, scan.followed)
        if scan.overview is None or wanted == self._shown:
            return
        self._shown = wanted
        pixel_size = scan.axes.pixel_size

        def images() -> tuple[Disc | None, Images]:
            clean, frame = scan.cleaned(), scan.beam_frame()
            found = self._first
            if frame is not None:
                found = _found(frame.mean, pixel_size, clean.mask)
            disc = given or found
            if disc is None or not disc.sure:
                return found, dict.fromkeys(IMAGES)
            make = virtual_image if frame is None else frame.image
            laid = {name: preset(name, disc, pixel_size) for name in IMAGES}
            return found, {name: _image(make, clean, detector) for name, detector in laid.items()}

        self._compute(images, self._keep)

    def _keep(self, made: tuple[Disc | None, Images]) -> None:
        scan = self._scan
        assert scan.overview is not None
        self._found, images = made
        new = [
            Channel(name, image.astype(np.float32), "counts", source="scan")
            for name, image in images.items()
            if image is not None
        ]
        self._channels.put(*new, drop=tuple(name for name in IMAGES if images[name] is None))
        scan.overview = replace(
            scan.overview,
            disc=self.disc,
            bright_field=images["BF"],
            dark_field=images["ADF"],
        )


def _found(
    mean: NDArray[np.float64], pixel_size: tuple[float, float], mask: NDArray[np.bool_] | None
) -> Disc | None:
    """The disc of a mean pattern; None in a blank one."""
    try:
        return find_disc(mean, pixel_size, mask)
    except InputError:
        return None


def _image(
    make: Callable[..., NDArray[np.float64]], clean: CleanScan, detector: AnnularDetector
) -> NDArray[np.float64] | None:
    """Counts on a detector; None where the pattern ends before it begins."""
    try:
        return make(clean.data, detector, clean.mask)
    except InputError:
        return None
