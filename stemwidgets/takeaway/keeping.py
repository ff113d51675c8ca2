"""Keeps the last state of a session on disk, and brings back that of an earlier one."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import HasTraits, Instance, Unicode

from stemwidgets.arrays.detectors import MaskDetector
from stemwidgets.state.words import in_words
from stemwidgets.takeaway.cache import (
    CHECKPOINT,
    FORMAT,
    STATE,
    Found,
    Scan,
    cache_folder,
    find,
    new_folder,
    prune,
)
from stemwidgets.takeaway.choices import Arrays, Choices
from stemwidgets.takeaway.files import write_arrays, write_json

if TYPE_CHECKING:
    from stemwidgets.takeaway.session import Session

Token = tuple[Any, ...]  # what a file was made of, to be told apart by identity
Files = dict[str, tuple[Token, Path]]

PAUSE = 1.0  # s, in which changes gather before they are written
PLACE = ("position", "views")  # choices that alone are not worth a file


class Keeping(HasTraits):
    """Keeps one session, once its scan is known.

    What was kept of the same scan last is brought back first, unless a training was begun
    meanwhile. Files are written in the background: after each training, and when something is
    chosen; while a training runs only its checkpoint, so that what was learned before it stays.

    Parameters
    ----------
    session : Session
        What to keep.

    Attributes
    ----------
    words : str
        What was brought back, and from when; empty if nothing was.
    before : Found or None
        What can be brought back after one started afresh, until a training begins.
    problem : str
        Why the session could not be kept; empty if it could.
    """

    before = Instance(Found, allow_none=True, read_only=True)
    words = Unicode("", read_only=True)
    problem = Unicode("", read_only=True)

    def __init__(self, session: "Session") -> None:
        super().__init__()
        self._session = session
        self._cache = cache_folder()
        self._folder: Path | None = None
        self._files: Files = {}
        self._model: Token = ()
        self._when = ""
        self._at_first = _worth(session.taken()[0])
        if self._cache is None:
            return
        if session.overview is not None:
            self._look()
        else:
            session.observe(self._look, "overview")

    def start_afresh(self) -> None:
        """Set what is shown aside, on disk too, to be brought back; an InputError if one trains."""
        session = self._session
        choices, arrays = session.taken()
        self._keep()
        before = Found(choices, arrays, session.model, self._when or _now())
        session.restore({}, {}, None)
        self._folder, self._files, self._model, self._when = None, {}, (), ""
        self._set_aside(before)
        self._submit((), (), "", None)

    def bring_back(self) -> None:
        """Show again what starting afresh had set aside; an InputError if a training runs."""
        if self.before is not None:
            self._show(self.before)
            self.set_trait("before", None)
            self._changed()

    def _set_aside(self, before: Found) -> None:
        self.set_trait("before", before)
        what = "what was chosen" if before.model is None else "the training of {}"
        self.set_trait("words", f"Started afresh; {_dated(what, before)} is set aside.")

    def _look(self, _: Any = None) -> None:
        session, cache = self._session, self._cache
        scan = self._scan()
        assert cache is not None
        session.aside(lambda: find(scan, cache), self._bring_back, key="find what was kept")

    def _scan(self) -> Scan:
        overview = self._session.overview
        assert overview is not None
        return Scan(self._session.shape, overview.mean_pattern)

    def _bring_back(self, found: Found | None) -> None:
        session = self._session
        if found is not None and session.training.status == "idle" and session.model is None:
            self._show(found)
            if found.before is not None:
                self._set_aside(found.before)
        self._watch()

    def _show(self, found: Found) -> None:
        self._session.restore(found.choices, found.arrays, found.model)
        self.set_trait("words", _dated(_said(found), found))
        if found.model is not None and not found.cut_short:
            self._model, self._when = self._trained(), found.when

    def _watch(self) -> None:
        session = self._session
        chosen = ["position", "detector", "outline", "region", "line", "encoding"]
        session.observe(self._changed, chosen)
        session.training.observe(self._training_changed, "status")
        session.calibration.observe(
            self._changed, ["found", "rotation", "given", "semi_angle", "applied"]
        )
        session.preparation.observe(self._changed, "entries")
        session.decomposition.observe(self._changed, "shown")
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
        """Let the training that begins write a file beside the state that it goes on from."""
        training, folder = self._session.training, self._own_folder()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            training.checkpoint = None
            self.set_trait("problem", f"This session cannot be kept: {in_words(error)}")
            return
        training.checkpoint = folder / f"{secrets.token_hex(4)}{CHECKPOINT}"
        if not (folder / STATE).is_file():
            self._submit((), (), "", None)

    def _own_folder(self) -> Path:
        assert self._cache is not None
        if self._folder is None:
            self._folder = new_folder(self._scan(), self._cache)
        return self._folder

    def _changed(self, _: Any = None) -> None:
        self._session.mailbox.post(f"keep {id(self)}", self._keep, delay=PAUSE)

    def _trained(self) -> Token:
        """Tells one state of the model from another."""
        return (self._session.model, self._session.training.endings)

    def _keep(self) -> None:
        session = self._session
        if session.training.active:
            return
        if session.model is None and (self._model or _worth(session.taken()[0]) == self._at_first):
            return
        if session.model is not None and not _same(self._model, self._trained()):
            self._model, self._when = self._trained(), _now()
        detector = session.detector if isinstance(session.detector, MaskDetector) else None
        maps = (session.latest, session.decomposition.shown, session.region, detector)
        failed = session.training.endings[-1:] == ("failed",)
        checkpoint = None if failed else session.training.checkpoint
        self._submit(maps, self._model, self._when, checkpoint)

    def _submit(self, maps: Token, model: Token, when: str, checkpoint: Path | None) -> None:
        """Have the present choices written, with these maps and this model."""
        session, folder, files = self._session, self._own_folder(), self._files
        choices, arrays = session.taken()
        told = {"when": when or _now(), "title": session.title}
        bare = not model and _worth(choices) == self._at_first
        afresh = not model and self.before is not None
        facts = {"format": FORMAT, **told, "bare": bare, "afresh": afresh, **choices}
        session.aside(
            lambda: self._attempt(folder, files, facts, arrays, maps, model, checkpoint),
            lambda problem: self.set_trait("problem", problem),
            key=f"keep {folder}",
        )

    def _attempt(self, *what: Any) -> str:
        try:
            self._write(*what)
        except Exception as error:
            return f"This session cannot be kept: {in_words(error)}"
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
        assert self._cache is not None
        mean = self._scan().mean_pattern.astype("f4")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

        def write_maps(path: Path) -> None:
            write_arrays(path, {**arrays, "mean pattern": mean})

        def write_model(path: Path) -> None:
            if checkpoint is not None and checkpoint.is_file():
                checkpoint.replace(path)  # with what it takes to go on
            else:
                model[0].save(path)

        names = {
            "maps": _file(folder / "maps.npz", files, maps, write_maps),
            "model": _file(folder / "model.rrvae", files, model, write_model) if model else None,
        }
        write_json(folder / STATE, {**facts, **names})
        running = self._session.training.checkpoint
        for file in folder.iterdir():
            written = running is not None and file.name.startswith(running.name)  # now, perhaps
            if not written and file.name not in (STATE, *names.values()):
                file.unlink(missing_ok=True)
        prune(self._cache, folder)


def _file(path: Path, files: Files, token: Token, write: Callable[[Path], None]) -> str:
    """Name of the file of what a token tells, written if it is not there yet."""
    name = path.name
    before, there = files.get(name, ((), path))
    if not (_same(before, token) and there.is_file()):
        there = path.with_name(f"{secrets.token_hex(4)}-{name}")
        write(there)
        files[name] = token, there
    return there.name


def _said(found: Found) -> str:
    """What was brought back, in words, with room for when it was kept."""
    if found.cut_short:
        return "Restored a training that was cut short {}: Go on trains it to its end."
    return (
        "Restored what was chosen on {}." if found.model is None else "Restored the training of {}."
    )


def _dated(words: str, found: Found) -> str:
    when = datetime.fromisoformat(found.when).astimezone()
    return words.format(f"{when:%Y-%m-%d %H:%M}")


def _same(one: Token, other: Token) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _worth(choices: Choices) -> Choices:
    return {name: value for name, value in choices.items() if name not in PLACE}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
