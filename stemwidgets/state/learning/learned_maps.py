"""Results of learning a scan: the training, the maps of its model, and their comparison."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Instance, Unicode, observe

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.memory import return_memory
from stemwidgets.rrvae.common.records import Encoding
from stemwidgets.state.background.worker import Mailbox, Worker
from stemwidgets.state.channels import encoding_channels, merged, names_from
from stemwidgets.state.learning.comparison import Compared, compared
from stemwidgets.state.learning.map_history import SavedMaps
from stemwidgets.state.learning.reconstruction import Reconstruction
from stemwidgets.state.learning.training import Training
from stemwidgets.state.scan.wandering import Wandering

SCREEN_FIRST = 0.3  # s, for the response to Stop to be drawn before patterns are decoded and read


class Learning(Reconstruction, Wandering):
    """Part of a session that learns.

    Attributes
    ----------
    channels : mapping of str to Channel
        Maps by the name they have on screen.
    earlier_maps : SavedMaps or None
        Maps of an earlier epoch, while they are shown; None for the latest. Nothing is decoded
        then: the model has learned something else since.
    compared : Compared or None
        The rrVAE angle and the COM angle, and their agreement.
    comparison : str or None
        The agreement in one line.
    training : Training
        The training of this scan.
    model : the trained model, or None
    encoding : Encoding or None
        Maps that the model reads off the scan, as it does in a script; None until it has.
    latest : Encoding or None
        Maps that are shown while there are no `earlier_maps`.
    reading_maps : bool
        True while the maps of a trained model are being read, at every position.
    """

    channels = AnyTrait(MappingProxyType({}))
    earlier_maps = Instance(SavedMaps, allow_none=True)
    compared = Instance(Compared, allow_none=True)
    comparison = Unicode(None, allow_none=True)
    encoding = AnyTrait(None)
    reading_maps = Bool(False)

    data: Any
    report: Callable[[BaseException | str], None]
    training: Training
    mailbox: Mailbox
    model: Any = None
    _encoder: Worker
    latest: Encoding | None = None

    def adopt(
        self,
        model: Any,
        encoding: Encoding | None = None,
        endings: tuple[str, ...] = (),
        history: tuple[Any, ...] = (),
        exact: bool = True,
    ) -> None:
        """Make a model that was trained elsewhere the session's own, and show its maps.

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
        if self.training.active:
            raise InputError("a training is running: stop it before showing another model")
        self._forget_maps()
        self.report("")
        self.earlier_maps = None
        self.model, self.encoding = model, encoding if exact else None
        self.training.adopt(model, endings, history)
        if encoding is None:
            self._set_decodable(None)
            self._read_maps(model)
        else:
            self._set_encoding(encoding)

    def forget(self) -> None:
        """Show what is known without a model; an InputError if a training runs."""
        self._forget_maps()
        self.training.adopt(None, (), ())
        self.model = self.encoding = self.earlier_maps = self.latest = None
        self._set_decodable(None)
        self.latent_code = None
        self.channels = merged(self.channels, drop=names_from(self.channels, "model"))
        self.comparison = self.compared = None

    def _training_changed(self, change: Any) -> None:
        status, model = change["new"], self.training.model
        if status == "running" and change["old"] != "paused":
            self._forget_maps()
            self.report("")
            self.model = self.encoding = self.earlier_maps = None
            self._set_decodable(None)
        if status == "failed" and self.training.failure is not None:
            self.report(self.training.failure)
        if status in ("finished", "stopped", "failed") and getattr(model, "trained", False):
            self.model = model
            self.mailbox.post("trained", lambda: self._trained(model), SCREEN_FIRST)

    def _trained(self, model: Any) -> None:
        if self.model is not model:
            return
        self._read_maps(model)
        self._decode_what_is_shown()

    def _read_maps(self, model: Any) -> None:
        """Have the maps read by a trained model, to be shown unless another training began."""

        def read() -> Encoding:
            try:
                encoding: Encoding = model.encode(self.data, descan=self.descan_for_models())
            except Exception:
                self.mailbox.post("maps", self._maps_are_read)
                raise
            return_memory()
            return encoding

        def show(encoding: Encoding) -> None:
            if self.model is model:
                self._maps_are_read()
                self.encoding = encoding
                self._set_encoding(encoding)

        self.reading_maps = True
        self._encoder.submit("maps", read, show)

    def _maps_are_read(self) -> None:
        self.reading_maps = False

    def _forget_maps(self) -> None:
        self._encoder.forget("maps")
        self.reading_maps = False

    def _progressed(self, change: Any) -> None:
        if change["new"] is not None and change["new"].encoding is not None:
            self._set_encoding(change["new"].encoding)

    def _set_encoding(self, encoding: Encoding) -> None:
        self.latest = encoding
        if self.earlier_maps is None:
            self._show(encoding)

    @observe("earlier_maps")
    def _go_back(self, change: Any) -> None:
        shown = self.latest if change["new"] is None else change["new"].encoding
        if shown is not None:
            self._show(shown)

    def _show(self, encoding: Encoding) -> None:
        old = names_from(self.channels, "model")
        self.channels = merged(self.channels, *encoding_channels(encoding), drop=old)
        self._compare()
        self._decode_what_is_shown()

    def _decode_what_is_shown(self) -> None:
        self._set_decodable(self.model if self.earlier_maps is None else None)

    def _compare(self) -> None:
        turning = getattr(self.training.model, "turning", True)
        encoding = self.latest if self.earlier_maps is None else self.earlier_maps.encoding
        shown = None if encoding is None else encoding.shown
        found = compared(self.channels, turning, shown)
        if found is not None:
            self.comparison = found.words
            self.compared = found
