"""A session at one moment: what files, code and page are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.calibration.scan_rotation import ScanRotation
from stemwidgets.arrays.calibration.vacuum import InVacuum
from stemwidgets.arrays.disc.find import Disc
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.faults.clean import FIND
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.scan_report.choose_limit import Asked
from stemwidgets.arrays.scan_report.limit_of import ChosenLimit
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.state.channels import Channel, encoding_channels, merged, names_from
from stemwidgets.state.learning.comparison import compared
from stemwidgets.state.scan.decomposition import Parts
from stemwidgets.state.session import ScanSession
from stemwidgets.views.pictures.display import Display


@dataclass(frozen=True)
class Origin:
    """Origin of a scan.

    Parameters
    ----------
    file : Path or None
        The file that it was read from, if it was one.
    read_from : Path or None
        The file that its signal was once read from, and may differ from since.
    lazy : bool
        True if its patterns stay in that file.
    load_options : mapping of str to object
        Further options of reading that file, see `stemwidgets.load`.
    """

    file: Path | None = None
    read_from: Path | None = None
    lazy: bool = False
    load_options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Any, lazy: bool, load_options: Mapping[str, Any]) -> Self:
        """Origin of the scan in a file, a signal or an array."""
        if isinstance(source, str | PathLike):
            return cls(Path(source).expanduser().resolve(), None, lazy, load_options)
        if not hasattr(source, "tmp_parameters"):
            return cls()
        folder, name, extension = (  # as HyperSpy notes it
            source.tmp_parameters.get_item(part, "") for part in ("folder", "filename", "extension")
        )
        return cls(read_from=Path(folder) / f"{name}{extension}" if name else None)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything that can be exported.

    Parameters
    ----------
    data, axes, title, beam_energy, left_out, leave_out, descan, in_vacuum, take_off
        As in the session's `Scan`.
    origin : Origin
        Origin of the scan.
    position, detector, channels, model
        As in the session.
    scan_rotation : ScanRotation or None
        Rotation of the calibration with which the COM is shown; None without one.
    semi_angle : float
        Convergence semi-angle [mrad] that gives the COM its scale; 0 without one.
    disc : Disc or None
        The direct beam as a person gave it; None where it was found.
    decompositions : tuple of Parts
        Components and clusters whose maps are among them.
    mean_pattern : ndarray, shape [ky, kx]
        Mean of all patterns.
    read : Encoding or None
        Maps that the session has read with that model; None if it has not.
    trainings : tuple of str
        Ending of each training of that model.
    model_file : Path or None
        File to which that model was saved.
    followed : Descan or None
        Descan that detectors follow; that of the patterns, with what is left out filled.
    band_limit : "auto", None or float
        Highest scan frequency [1/Å] as the session was asked for.
    chosen_limit : ChosenLimit or None
        Limit that this comes to; None if nothing needed it.
    find_limit : callable
        Returns the band limit, or None, with which a model reads the scan.
    displays : mapping of str to Display
        Display of each map on the page, by the name of the channel; others are shown as suits them.
    """

    data: Any
    axes: Axes
    title: str
    beam_energy: float | None
    origin: Origin
    position: tuple[int, int]
    detector: Any
    scan_rotation: ScanRotation | None
    semi_angle: float
    disc: Disc | None
    channels: Mapping[str, Channel]
    decompositions: tuple[Parts, ...]
    mean_pattern: NDArray[Any]
    model: Any
    read: Encoding | None
    trainings: tuple[str, ...]
    model_file: Path | None
    left_out: LeftOut | None
    leave_out: bool
    descan: Descan | None
    in_vacuum: InVacuum | None
    followed: Descan | None
    take_off: bool
    band_limit: Asked
    chosen_limit: ChosenLimit | None
    find_limit: Callable[[Any], BandLimit | None]
    displays: Mapping[str, Display]

    @property
    def descan_taken_off(self) -> Descan | None:
        """The descan that is taken off; None if there is none, or it is left in."""
        return self.descan if self.take_off else None

    @cached_property
    def encoding(self) -> Encoding | None:
        """Maps that the trained model reads off the scan; as a script would, bit for bit."""
        if self.model is None or self.read is not None:
            return self.read
        descan = FIND if self.descan_taken_off and not self.in_vacuum else self.descan_taken_off
        limit = self.find_limit(self.model)
        encoding: Encoding = self.model.encode(self.data, descan=descan, limit=limit)
        return encoding

    @cached_property
    def maps(self) -> Mapping[str, Channel]:
        """All channels, those of the trained model from `encoding`."""
        if self.encoding is None:
            return self.channels
        old = names_from(self.channels, "model")
        return merged(self.channels, *encoding_channels(self.encoding), drop=old)

    @property
    def comparison(self) -> str:
        """Comparison of the rrVAE angle with the COM angle; empty without a model."""
        found = None if self.model is None else compared(self.maps, self.model.turning)
        return "" if found is None else found.words

    @property
    def name(self) -> str:
        """Name of the scan."""
        return self.title or (self.origin.file.stem if self.origin.file else "4D-STEM scan")

    @cached_property
    def manifold(self) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[Any]] | None:
        """Decoded patterns ``[z2, z1, ky, kx]`` at angle 0, and the values of z2 and z1.

        Five values of each, from the 5th to the 95th percentile of what the scan has; other latent
        variables are at their medians. None without a model, and one row if it has one latent
        variable.
        """
        if self.encoding is None:
            return None
        latent = self.encoding.latent.reshape(-1, self.encoding.latent.shape[-1])
        known = latent[np.isfinite(latent).all(axis=1)]
        if not len(known):
            return None
        steps = np.percentile(known, [5, 27.5, 50, 72.5, 95], axis=0)
        z1 = steps[:, 0]
        z2 = steps[:, 1] if latent.shape[1] > 1 else np.zeros(1)
        codes = np.tile(np.median(known, axis=0), (len(z2), len(z1), 1))
        codes[..., 0] = z1
        if latent.shape[1] > 1:
            codes[..., 1] = z2[:, None]
        return self.model.decode(codes), z2, z1


def snapshot_of(
    session: ScanSession,
    origin: Origin,
    model_file: Path | None = None,
    displays: Mapping[str, Display] | None = None,
) -> Snapshot:
    """A snapshot of a session; `origin`, `model_file` and `displays` as for `Snapshot`.

    An InputError if the scan is still being read, or the session is closed.
    """
    session.require_open()
    scan, learned = session.scan, session.learned
    if scan.overview is None:
        raise InputError(
            "Expected maps to export, but the scan is still being read: session.wait()."
        )
    calibration = session.calibration.used if session.calibration.applied else None
    return Snapshot(
        data=scan.data,
        axes=scan.axes,
        title=scan.title,
        beam_energy=scan.beam_energy,
        origin=origin,
        position=session.position,
        detector=session.detector,
        scan_rotation=None if calibration is None else calibration.scan_rotation,
        semi_angle=0.0 if calibration is None else session.calibration.semi_angle,
        disc=session.beam.given,
        channels=session.channels,
        decompositions=session.decomposition.shown,
        mean_pattern=scan.overview.mean_pattern,
        model=session.model,
        read=learned.encoding,
        trainings=session.training.endings,
        model_file=model_file,
        left_out=scan.left_out,
        leave_out=scan.leave_out,
        descan=scan.descan,
        in_vacuum=scan.in_vacuum,
        followed=scan.descan_in_numbers,
        take_off=scan.take_off,
        band_limit=session.band_limit,
        chosen_limit=session.limiting.known,
        find_limit=session.limiting.for_model,
        displays=displays or {},
    )
