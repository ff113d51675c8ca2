"""Results of learning a scan: the model, its maps, and their comparison with the COM."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Any as AnyTrait
from traitlets import Bool, HasTraits, Instance, Unicode, observe

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.memory import return_memory
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.state.background.worker import Mailbox, Worker
from stemwidgets.state.channel_store import ChannelStore
from stemwidgets.state.channels import BAND_LIMITED, encoding_channels
from stemwidgets.state.learning.comparison import Compared, compared
from stemwidgets.state.learning.decodable import Code, Decodable
from stemwidgets.state.learning.history import SavedMaps
from stemwidgets.state.learning.training import Training
from stemwidgets.state.scan.scan import Scan
from stemwidgets.state.traits import Array

SCREEN_FIRST = 0.3  # s, for the response to Stop to be drawn before patterns are decoded and read
COMPARED = ("angle", "COM angle", "COM magnitude", f"COM angle{BAND_LIMITED}")


class Learning(HasTraits):
    """Part of a session that holds its model and shows its maps as channels.

    Parameters
    ----------
    scan : Scan
        The scan.
    mailbox : Mailbox
        Passes results to the main loop.
    channels : ChannelStore
        Receives the maps.
    training : Training
        The training of this scan.
    decoder : Worker
        Decodes patterns.
    report : callable
        Shows a problem, or clears the line.

    Attributes
    ----------
    model : the trained model, or None
    encoding : Encoding or None
        Maps that the model reads off the scan, as it does in a script; None until it has.
    latest : Encoding or None
        Maps that are shown while there are no `earlier_maps`.
    earlier_maps : SavedMaps or None
        Maps of an earlier epoch, while they are shown; None for the latest. Nothing is decoded
        then: the model has learned something else since.
    decodable : Decodable or None
        The maps on view with the model that can decode them.
    mean_reconstruction : ndarray of float32, shape [ky, kx], or None
        Mean of the reconstructions over the scan (of some hundred positions in a large one).
    latent_code : Code or None
        Place in the latent space on view, whether there is a pattern or not; at first that of
        the pattern at the position.
    compared : Compared or None
        The rrVAE angle and the COM angle, and their agreement.
    comparison : str or None
        The agreement in one line.
    reading_maps : bool
        True while the maps of a trained model are being read, at every position.
    """

    model = AnyTrait(None, read_only=True)
    encoding = AnyTrait(None, read_only=True)
    earlier_maps = Instance(SavedMaps, allow_none=True)
    decodable = Instance(Decodable, allow_none=True, read_only=True)
    mean_reconstruction = Array()
    latent_code = Instance(Code, allow_none=True)
    compared = Instance(Compared, allow_none=True, read_only=True)
    comparison = Unicode(None, allow_none=True, read_only=True)
    reading_maps = Bool(False, read_only=True)

    def __init__(
        self,
        scan: Scan,
        mailbox: Mailbox,
        channels: ChannelStore,
        training: Training,
        decoder: Worker,
        report: Callable[[BaseException | str], None],
    ) -> None:
        super().__init__()
        self._scan, self._mailbox, self._channels = scan, mailbox, channels
        self._training, self._decoder, self._report = training, decoder, report
        self._encoder = Worker(mailbox)
        self.latest: Encoding | None = None
        training.observe(self._progressed, "progress")
        training.observe(self._training_changed, "status")
        channels.observe(self._compare, "channels")

    @property
    def busy(self) -> bool:
        """True while maps are being read."""
        return self._encoder.busy

    def close(self) -> None:
        """Cancel what has not begun, and wait a moment for the rest."""
        self._encoder.close()

    def adopt(
        self,
        model: Any,
        encoding: Encoding | None = None,
        endings: tuple[str, ...] = (),
        history: tuple[Any, ...] = (),
        exact: bool = True,
    ) -> None:
        """Take over a model that was trained elsewhere, and show its maps.

        Parameters
        ----------
        model : RRVAE
            The trained model.
        encoding : Encoding, optional
            Its maps, if they were read already; else they are read in the background.
        endings : tuple of str
            Ending of each training of it, if that is known.
        history : tuple of (passes, loss)
            Losses of its training.
        exact : bool
            True if these maps are those that the model reads in a script, to the last bit.

        Raises
        ------
        InputError
            If a training runs.
        """
        if self._training.active:
            raise InputError("a training is running: stop it before showing another model")
        self._report("")
        self._clear()
        self.set_trait("model", model)
        self.set_trait("encoding", encoding if exact else None)
        self._training.adopt(model, endings, history)
        if encoding is None:
            self.latest = None
            self._read_maps(model)
        else:
            self._set_latest(encoding)

    def forget(self) -> None:
        """Show what is known without a model; an InputError if a training runs."""
        self._training.adopt(None, (), ())
        self._clear()
        self.latest = self.latent_code = None
        self._channels.replace("model")

    def decode(
        self,
        key: str,
        latent: ArrayLike,
        angle: ArrayLike,
        kind: ArrayLike,
        then: Callable[..., None],
    ) -> None:
        """Decode in the background; of several requests with one key only the latest counts.

        Parameters
        ----------
        key : str
            Name of the request.
        latent : array, shape [..., latent_dim]
            Latent variables.
        angle, kind : array, shape [...]
            Rotation [rad], and class, which is ignored if there are none.
        then : callable
            Receives the patterns ``[..., ky, kx]``, unless the model is gone by then.
        """
        learned = self.decodable
        if learned is None:
            return
        model = learned.model
        codes: list[Any] = [np.asarray(latent, np.float32), np.asarray(angle, np.float32)]
        if learned.has_classes:
            codes.append(np.asarray(kind))

        def show(patterns: Any) -> None:
            if self.decodable is not None and self.decodable.model is model:
                then(patterns)

        self._decoder.submit(f"decode {key}", lambda: model.decode(*codes), show)

    def _clear(self) -> None:
        """Let go of the model; its maps stay on view until there are others."""
        self._forget_maps()
        self.set_trait("model", None)
        self.set_trait("encoding", None)
        self.earlier_maps = None
        self._show_decodable()

    def _training_changed(self, change: Any) -> None:
        status, model = change["new"], self._training.model
        if status == "running" and change["old"] != "paused":
            self._report("")
            self._clear()
        if status == "failed" and self._training.failure is not None:
            self._report(self._training.failure)
        if status in ("finished", "stopped", "failed") and getattr(model, "trained", False):
            self.set_trait("model", model)
            self._mailbox.post("trained", lambda: self._trained(model), SCREEN_FIRST)

    def _trained(self, model: Any) -> None:
        if self.model is model:
            self._read_maps(model)
            self._show_decodable()

    def _read_maps(self, model: Any) -> None:
        """Have the maps read by a trained model, to be shown unless another training began."""
        scan, training = self._scan, self._training

        def read() -> Encoding:
            try:
                encoding: Encoding = model.encode(scan.data, **training.given(model))
            except Exception:
                self._mailbox.post("maps", self._maps_are_read)
                raise
            return_memory()
            return encoding

        def show(encoding: Encoding) -> None:
            if self.model is model:
                self._maps_are_read()
                self.set_trait("encoding", encoding)
                self._set_latest(encoding)

        self.set_trait("reading_maps", True)
        self._encoder.submit("maps", read, show)

    def _maps_are_read(self) -> None:
        self.set_trait("reading_maps", False)

    def _forget_maps(self) -> None:
        self._encoder.forget("maps")
        self._maps_are_read()

    def _progressed(self, change: Any) -> None:
        if change["new"] is not None and change["new"].encoding is not None:
            self._set_latest(change["new"].encoding)

    def _set_latest(self, encoding: Encoding) -> None:
        self.latest = encoding
        if self.earlier_maps is None:
            self._show()

    @property
    def _on_view(self) -> Encoding | None:
        return self.latest if self.earlier_maps is None else self.earlier_maps.encoding

    @observe("earlier_maps")
    def _show(self, _: Any = None) -> None:
        encoding = self._on_view
        if encoding is not None:
            self._channels.replace("model", *encoding_channels(encoding))
            self._show_decodable()

    def _show_decodable(self) -> None:
        """Decode what is on view, if its model is there."""
        learned = None
        if self.model is not None and self.latest is not None and self.earlier_maps is None:
            learned = Decodable(self.model, self.latest)
        self.set_trait("decodable", learned)
        if learned is None:
            self.mean_reconstruction = None
            return

        def show(mean: Any) -> None:
            if self.decodable is learned:
                self.mean_reconstruction = mean

        self._decoder.submit("mean reconstruction", learned.mean_pattern, show)

    def _compare(self, change: Any) -> None:
        """Compare the angles whenever one of them was replaced."""
        old, new = change["old"], change["new"]
        if all(old.get(name) is new.get(name) for name in COMPARED):
            return
        turning = getattr(self._training.model, "turning", True)
        encoding = self._on_view
        found = compared(new, turning, None if encoding is None else encoding.shown)
        self.set_trait("comparison", None if found is None else found.words)
        self.set_trait("compared", found)
