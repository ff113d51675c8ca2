"""The rrVAE for HyperSpy: signals in, signals out."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.faults.clean import FIND, clean_scan
from stemwidgets.arrays.preparation.placement import Placement
from stemwidgets.arrays.scan_report.choose_limit import AUTO
from stemwidgets.arrays.scan_report.limit_of import ChosenLimit
from stemwidgets.rrvae import model
from stemwidgets.rrvae.common.checks import require_same_frame
from stemwidgets.rrvae.common.records import Progress
from stemwidgets.signals.band_limit import LimitChoice
from stemwidgets.signals.calibration.descan import descan_after, given_descan
from stemwidgets.signals.conversion import is_plain_array, to_arrays
from stemwidgets.signals.io.saving import require_target
from stemwidgets.signals.maps.rrvae_maps import Maps, write_encoding
from stemwidgets.signals.preparation import Preparation, require_recipe, with_pixel_size

PixelSize = tuple[float, float]
Prepared = tuple[Any, Axes, Any]


class RRVAE(model.RRVAE):
    """Rotationally invariant variational autoencoder of diffraction patterns.

    Each pattern is described by one rotation angle and a few latent variables z that do not change
    when it turns (Oxley et al., npj Comput. Mater. 7, 65 (2021), doi:10.1038/s41524-021-00527-3).
    Signals and files give signals; plain arrays give arrays (`stemwidgets.rrvae.RRVAE`).

    Parameters
    ----------
    latent_dim : int
        Number of latent variables besides the angle.
    seed : int
        The same seed and data give the same maps on the same machine.
    device : str
        ``"auto"`` (CUDA, then MPS, then CPU) or a torch device.
    kind : {"harmonic", "paper", "vae"}
        ``"harmonic"``: patterns enter as circular harmonics, in which a rotation is exact; all
        else is chosen from the data.
        ``"paper"``: the network of Oxley et al., to compare with; slower and less exact.
        ``"vae"``: an ordinary variational autoencoder, for teaching why the angle matters; its
        angle is NaN.
        The last two keep the used pixels in memory, 4 bytes for each; where there is no room for
        all patterns they learn from some, chosen at random.
    classes : int
        For ``"harmonic"``: number of kinds of patterns, each with latent variables of its own: a
        lattice site, a defect and vacuum, for example.
    centered : bool
        For ``"paper"`` and ``"vae"``. False is the paper's own setting, with which a 4D-STEM scan
        learns little in minutes; True subtracts the mean pattern, makes the root mean square of
        what is left 1 and learns ten times as fast.
    epochs : int, optional
        For ``"paper"`` and ``"vae"``: passes over the data; if not given 100, or, if `centered`,
        until the loss falls no further, at most 6000 batches of 20.
    convention : {"com", "alike"}
        For ``"harmonic"``: meaning of angle 0. ``"com"``: the pattern's own centre of mass lies
        along +kx, so that the angle is a denoised COM angle. ``"alike"``: patterns of different
        latent variables are turned until they are as much alike as can be, and that of their mean
        lies along +kx. Where the COM moves within the pattern from one latent variable to the next,
        that angle is known more precisely.
    preparation : Preparation or str, optional
        Steps, or their JSON, that each scan goes through before it is learned from or encoded; none
        of them may spoil the counts. What they leave open is measured on the scan learned from and
        saved with the model. `decode` gives prepared patterns.
    band_limit : "auto", None or float
        For ``"harmonic"``: highest scan frequency [1/Å], below which each pattern is read with its
        neighbours. The intensity in a detector pixel, over the position of the probe, holds none
        beyond 2α/λ, while shot noise does: see :func:`stemwidgets.scan_spectrum`. ``"auto"`` is
        2α/λ, where the scan keeps to it; None: each pattern is read by itself.
    periodic : bool
        True if the scan goes on at its other edge, as a simulation of whole unit cells does.

    Raises
    ------
    InputError
        If a parameter is out of range, or of no use to that model.

    Examples
    --------
    >>> signal = sw.samples.graphene()
    >>> model = sw.RRVAE(seed=0).fit(signal)
    >>> maps = model.encode(signal)
    >>> maps.angle.plot(cmap="twilight")
    """

    def __init__(
        self,
        latent_dim: int = 2,
        seed: int = 0,
        device: str = "auto",
        kind: str = "harmonic",
        classes: int = 1,
        centered: bool = False,
        epochs: int | None = None,
        convention: str = "com",
        preparation: Preparation | str | None = None,
        band_limit: str | float | None = AUTO,
        periodic: bool = False,
    ) -> None:
        super().__init__(latent_dim, seed, device, kind, classes, centered, epochs, convention)
        self.limiting = LimitChoice(band_limit, periodic, kind)
        self._recipe = require_recipe(preparation)
        self._measured: Preparation | None = None
        self._detector: tuple[int, int] | None = None

    @property
    def preparation(self) -> Preparation | None:
        """Steps that scans go through first; in numbers once there was one to measure."""
        return self._measured or self._recipe

    @property
    def limit(self) -> ChosenLimit | None:
        """Band limit of the last scan, in `words` too."""
        return self.limiting.chosen

    def __repr__(self) -> str:
        """Name the kind and its options."""
        words = super().__repr__()
        if self._recipe is None:
            return words
        return words.replace(repr(self._settings["preparation"]), str(self.preparation))

    def steps(
        self,
        data: Any,
        pixel_size: PixelSize | None = None,
        mask: NDArray[np.bool_] | None = None,
        maps: bool = True,
        checkpoint: str | Path | None = None,
        faulty: Any = FIND,
        descan: Any = FIND,
        limit: BandLimit | None = None,
    ) -> Iterator[Progress]:
        """Learn as `fit` does, step by step; closed early, it leaves the model ready to encode.

        Parameters
        ----------
        data, pixel_size, mask, checkpoint, faulty, descan, limit
            As for `fit`.
        maps : bool
            True to include the maps as they stand, which takes up to a tenth of the time;
            several processes never do.

        Yields
        ------
        Progress
            Many times a second; with maps about twice a second and at the end. While a scan of
            64 MB or more is being read, how much of it has been.

        Raises
        ------
        InputError, FileNotFoundError, PermissionError, DivergenceError
            As `fit`.
        """
        descan = given_descan(descan, data)
        if self._recipe is not None:
            array, before = with_pixel_size(data, pixel_size)
            limit = limit or self.limiting.of(data, array, before)
            clean = clean_scan(array, faulty, mask)
            recipe = self.preparation if self.trained else self._recipe
            scan, self._measured = (recipe or self._recipe).prepared(clean.data, before, clean.mask)
            descan = descan_after(descan, before, scan.axes)
            faulty = None if faulty is None else FIND  # what the steps leave of it
            data, pixel_size, mask = scan.data, scan.axes.pixel_steps, scan.mask
        elif not is_plain_array(data):
            array, axes, _ = to_arrays(data)
            pixel_size = axes.pixel_steps if pixel_size is None else pixel_size
            limit = limit or self.limiting.of(data, array, axes)
            data = array
        return super().steps(data, pixel_size, mask, maps, checkpoint, faulty, descan, limit)

    def encode(
        self,
        data: Any,
        path: str | Path | None = None,
        overwrite: bool = False,
        *,
        descan: Any = FIND,
        limit: BandLimit | None = None,
    ) -> Any:
        """Read angle and latent variables off each pattern.

        Parameters
        ----------
        data : signal, path or array
            Patterns of the shape that the model learned from.
        path : str or Path, optional
            Write the maps to this file, ``.zspy`` or ``.hspy``, without ever having them in memory:
            for scans of many millions of patterns. They come through files in the same folder.
        overwrite : bool
            True to replace a file that exists.
        descan : "find", None, Descan or Calibration
            As for `fit`; that of the scan which was learned from last is not found again.
        limit : BandLimit, optional
            As for `fit`.

        Returns
        -------
        Maps or Encoding
            Signals with the axes of the scan, lazy ones of the file if a `path` is given; for a
            plain array without a path, arrays. NaN where a pattern has no counts.

        Raises
        ------
        FileNotFoundError
            If there is no such file, or no folder for the maps.
        FileExistsError
            If there are such maps and `overwrite` is False.
        InputError
            If the model has not been trained, the patterns have another shape or axes that run the
            other way, or the `path` has another ending.
        UnwrittenError
            If the disk does not take the maps.
        """
        descan = given_descan(descan, data)
        if path is not None:
            path = require_target(path, overwrite)
        elif self._recipe is None and is_plain_array(data):
            return self._encode(data, descan, limit)
        array, axes, title = to_arrays(data)
        limit = limit or self.limiting.of(data, array, axes)
        array, axes, descan = self._as_learned(data, array, axes, descan)
        encoded = partial(self._encode, array, descan, limit)
        if path is not None:
            return write_encoding(path, encoded, axes, title)
        encoding = encoded()
        return encoding if is_plain_array(data) else Maps.from_encoding(encoding, axes, title)

    def decode(
        self, latent: ArrayLike, angle: ArrayLike = 0.0, classes: ArrayLike = 0
    ) -> NDArray[np.float32]:
        """Pattern that the model expects.

        Parameters
        ----------
        latent : array, shape [..., latent_dim]
            Latent variables.
        angle : array, shape [...]
            Rotation [rad]; at 0 the pattern's centre of mass lies along +kx. Ignored by a model
            without an angle.
        classes : array of int, shape [...]
            Class of each pattern.

        Returns
        -------
        ndarray of float32, shape [..., ky, kx]
            Counts at the mean dose; NaN outside the circle that was learned from. Prepared ones,
            unless they are to `lie_on` the detector.

        Raises
        ------
        InputError
            If the shapes do not fit or the model has not been trained.
        """
        patterns = super().decode(latent, angle, classes)
        if self._detector is None or self.preparation is None:
            return patterns
        return Placement.of(self.preparation, self._detector).counts_on_detector(patterns)

    def lie_on(self, shape: tuple[int, int]) -> Self:
        """Let `decode` give prepared patterns on the pixels of the detector that recorded them.

        Binned counts are shared by the pixels that were added up, and what was cropped is NaN;
        scaled counts stay scaled.

        Parameters
        ----------
        shape : (int, int)
            Recorded pixels ``[ky, kx]``.

        Returns
        -------
        RRVAE
            This model.
        """
        self._detector = shape
        return self

    def _as_learned(self, data: Any, array: Any, axes: Axes, descan: Any) -> Prepared:
        """Patterns as the model learned from them, axes of the scan, their descan."""
        if self.trained and self.turning and not is_plain_array(data):
            require_same_frame(self.used_pixels, axes.pixel_steps)
        if self.preparation is not None:
            scan = self.preparation.prepared(array, axes)[0]
            array, descan = scan.data, descan_after(descan, axes, scan.axes)
        return array, axes, descan

    @property
    def _settings(self) -> dict[str, Any]:
        steps = {} if self.preparation is None else {"preparation": self.preparation.to_json()}
        return {**super()._settings, **steps, **self.limiting.settings}
