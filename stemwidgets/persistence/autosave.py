"""Automatic saving of the last state of a session, and restoring of an earlier one."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from traitlets import HasTraits, Instance, Unicode

from stemwidgets.arrays.detectors import PixelDetector
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.disk import unwritten, writing
from stemwidgets.persistence.autosave_files import (
    Files,
    Token,
    clean,
    named,
    require_room,
    same,
    save_or_copy,
)
from stemwidgets.persistence.autosave_words import PASSED_OVER, dated, not_kept, now, said
from stemwidgets.persistence.cache import (
    CHECKPOINT,
    FORMAT,
    STATE,
    ScanIdentity,
    StoredSession,
    cache_folder,
    find,
    make_latest,
    new_folder,
    prune,
)
from stemwidgets.persistence.files import write_arrays, write_json
from stemwidgets.persistence.session_state import Arrays, Choices, without_place
from stemwidgets.state.background.worker import wait_until
from stemwidgets.state.errors import in_words
from stemwidgets.state.session import ScanSession

FAREWELL = 5.0  # s to write the last files in, less than a kernel is given to end
ATTEMPTS = 5  # to write a state, as other processes may clear the cache meanwhile
PAUSE = 1.0  # s, in which changes gather before they are written


class Autosave(HasTraits):
    """Automatic saving of one session, once its scan is known.

    The last state of the same scan is restored first, unless a training was begun
    meanwhile. Files are written in the background: after each training, and when something is
    chosen; while a training runs only its checkpoint, so that what was learned before it stays.

    Parameters
    ----------
    session : Session
        Session to keep.
    taken, restore, aside : callable
        Its choices and maps, their return, and work in the background; see `Session`.

    Attributes
    ----------
    words : str
        Description of what was restored, and from when; empty if nothing was.
    before : StoredSession or None
        State that can be restored after a fresh start, until a training begins.
    problem : str
        Reason why the session could not be kept; empty if it could.
    """

    before = Instance(StoredSession, allow_none=True, read_only=True)
    words = Unicode("", read_only=True)
    problem = Unicode("", read_only=True)

    def __init__(
        self,
        session: ScanSession,
        taken: Callable[[], tuple[Choices, Arrays]],
        restore: Callable[[Choices, Arrays, Any], None],
        aside: Callable[..., None],
    ) -> None:
        super().__init__()
        self._session, self._taken, self._restore, self._aside = session, taken, restore, aside
        cache = cache_folder()
        self._folder: Path | None = None
        self._files: Files = {}
        self._model: Token = ()
        self._damaged: frozenset[Path] = frozenset()
        self._when = ""
        self._at_first = without_place(self._taken()[0])
        self._pending = self._writing = False
        if cache is None:
            return
        self._cache = cache
        if session.scan.overview is not None:
            self._look()
        else:
            session.scan.observe(self._look, "overview")

    def start_afresh(self) -> None:
        """Set what is shown aside, on disk too, to be brought back; an InputError if one trains."""
        session = self._session
        choices, arrays = self._taken()
        self._keep()
        before = StoredSession(choices, arrays, session.model, self._when or now())
        self._restore({}, {}, None)
        self._folder, self._files, self._model, self._when = None, {}, (), ""
        self._set_aside(before)
        self._submit((), (), "", None)

    def bring_back(self) -> None:
        """Show again what starting afresh had set aside; an InputError if a training runs."""
        before = self.before
        if before is None:
            return
        self.set_trait("before", None)
        try:
            self._show(before)
        except Exception as error:
            self._restore({}, {}, None)
            self.set_trait("words", "")
            raise InputError(
                f"What was set aside is damaged and cannot be shown ({in_words(error)})."
            ) from error
        finally:
            self._changed()

    def _set_aside(self, before: StoredSession) -> None:
        self.set_trait("before", before)
        what = "what was chosen" if before.model is None else "the training of {}"
        self.set_trait("words", f"Started afresh; {dated(what, before)} is set aside.")

    def _look(self, _: Any = None) -> None:
        scan, damaged = self._scan(), self._damaged
        self._aside(
            lambda: find(scan, self._cache, damaged), self._bring_back, key="find what was kept"
        )

    def _scan(self) -> ScanIdentity:
        overview = self._session.scan.overview
        assert overview is not None
        return ScanIdentity(self._session.scan.shape, overview.mean_pattern)

    def _bring_back(self, stored: StoredSession | None) -> None:
        session = self._session
        if stored is not None and session.training.status == "idle" and session.model is None:
            try:
                self._show(stored)
                if stored.before is not None:
                    self._set_aside(stored.before)
            except Exception:  # what was read has wrong values: an older one may be whole
                self._restore({}, {}, None)
                self.set_trait("words", "")
                if stored.folder is not None and stored.folder not in self._damaged:
                    self._damaged |= {stored.folder}
                    self._look()
                    return
        if self.words and self._damaged:
            self.set_trait("words", f"{self.words} {PASSED_OVER}")
        self._watch()

    def _show(self, stored: StoredSession) -> None:
        self._restore(stored.choices, stored.arrays, stored.model)
        self.set_trait("words", dated(said(stored), stored))
        if stored.model is not None and not stored.cut_short:
            self._model, self._when = self._trained(), stored.when

    def _watch(self) -> None:
        session = self._session
        for part, names in {
            session: ["position", "detector"],
            session.selection: ["outline", "region", "line"],
            session.scan: ["in_vacuum"],
            session.learned: ["encoding"],
            session.calibration: ["found", "rotation", "given", "semi_angle", "applied"],
            session.preparation: ["entries"],
            session.decomposition: ["shown"],
        }.items():
            part.observe(self._changed, names)
        session.training.observe(self._training_changed, "status")
        if session.model is not None and not self.words:
            self._changed()

    def _training_changed(self, change: Any) -> None:
        if change["new"] == "running" and change["old"] != "paused":
            if self.before is not None:
                self.set_trait("before", None)
                self.set_trait("words", "")
            self._give_checkpoint()
        self._changed()

    def _give_checkpoint(self) -> None:
        """Make the training that begins write a file beside the state that it goes on from."""
        training, folder = self._session.training, self._own_folder()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            require_room(folder)
        except OSError as error:
            training.checkpoint = None
            self.set_trait("problem", not_kept(unwritten(folder / STATE, error)))
            return
        make_latest(folder / STATE, folder.parent, self._scan().name)
        training.checkpoint = folder / f"{secrets.token_hex(4)}{CHECKPOINT}"
        if not (folder / STATE).is_file():
            self._submit((), (), "", None)

    def _own_folder(self) -> Path:
        if self._folder is None:
            self._folder = new_folder(self._scan(), self._cache)
        return self._folder

    def finish(self) -> None:
        """Write what has changed, before closing; a training cut short leaves its checkpoint."""
        if self._pending:
            self._keep()
            wait_until(lambda: not self._writing, self._session.mailbox, FAREWELL)

    def _changed(self, _: Any = None) -> None:
        self._pending = True
        self._session.mailbox.post(f"keep {id(self)}", self._keep, delay=PAUSE)

    def _trained(self) -> Token:
        """Token that distinguishes one state of the model from another."""
        return (self._session.model, self._session.training.endings)

    def _keep(self) -> None:
        session = self._session
        if session.training.active:
            return
        self._pending = False
        if session.model is None:
            if self._model or without_place(self._taken()[0]) == self._at_first:
                return
        elif not same(self._model, self._trained()):
            self._model, self._when = self._trained(), now()
        detector = session.detector if isinstance(session.detector, PixelDetector) else None
        region = session.selection.region
        maps = (session.learned.latest, session.decomposition.shown, region, detector)
        failed = session.training.endings[-1:] == ("failed",)
        checkpoint = None if failed else session.training.checkpoint
        kept = session.cut_short and checkpoint is not None and checkpoint.is_file()
        self._submit(maps, () if kept else self._model, self._when, checkpoint)

    def _submit(self, maps: Token, model: Token, when: str, checkpoint: Path | None) -> None:
        """Have the present choices written, with these maps and this model."""
        session, folder, files = self._session, self._own_folder(), self._files
        choices, arrays = self._taken()
        told: Choices = {"format": FORMAT, "when": when or now(), "title": session.scan.title}
        told["bare"] = not model and without_place(choices) == self._at_first
        facts = told | {"afresh": not model and self.before is not None} | choices
        self._writing = True
        self._aside(
            lambda: self._attempt(folder, files, facts, arrays, maps, model, checkpoint),
            self._written,
            key=f"keep {folder}",
        )

    def _written(self, problem: str) -> None:
        self._writing = False
        self.set_trait("problem", problem)

    def _attempt(self, *what: Any, tries: int = ATTEMPTS) -> str:
        try:
            self._write(*what)
        except Exception as error:
            if isinstance(error, OSError) and tries > 1:
                return self._attempt(*what, tries=tries - 1)
            return not_kept(error)
        return ""

    def _write(
        self,
        folder: Path,
        files: Files,
        facts: Choices,
        arrays: Arrays,
        maps: Token,
        model: Token,
        checkpoint: Path | None,
    ) -> None:
        mean = self._scan().mean_pattern.astype("f4")
        with writing(folder / STATE):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

        def write_maps(path: Path) -> None:
            write_arrays(path, {**arrays, "mean pattern": mean})

        def write_model(path: Path) -> None:
            save_or_copy(model[0], checkpoint, path)

        names = {
            "maps": named(folder / "maps.npz", files, maps, write_maps),
            "model": named(folder / "model.rrvae", files, model, write_model) if model else None,
        }
        write_json(folder / STATE, {**facts, **names})
        make_latest(folder / STATE, self._cache, self._scan().name)
        running = self._session.training.checkpoint
        if running == checkpoint and model and running is not None:
            running.unlink(missing_ok=True)
        clean(folder, (STATE, *names.values()), running)
        prune(self._cache, folder)
