"""Folders for what libraries write, on machines where the home folder cannot be written.

HyperSpy does not load without a file of preferences, numba does not compile without a folder for
what it compiled, and Jupyter starts no kernel without one for its connection.
"""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path


def make_do() -> None:
    """Name a private folder among the temporary ones wherever a library could not write."""
    home = _home()
    if home is not None and _writable(home) and _writable(_caches(home)):
        return
    with suppress(OSError):  # no temporary folder either: the libraries report it
        _make_do(home, _private_folder())


def _make_do(home: Path | None, folder: Path) -> None:
    wanted = {
        "STEMWIDGETS_CACHE": "sessions",
        "MPLCONFIGDIR": "matplotlib",
        "JUPYTER_RUNTIME_DIR": "jupyter",
        "IPYTHONDIR": "ipython",
    }
    if not all(_writable(package) for package in _packages()):
        wanted["NUMBA_CACHE_DIR"] = "numba"
    for name, part in wanted.items():
        if name not in os.environ:
            (folder / part).mkdir(mode=0o700, exist_ok=True)
            os.environ[name] = str(folder / part)
    preferences = None if home is None else home / ".hyperspy" / "hyperspyrc"
    if preferences is None or not (preferences.is_file() or _writable(preferences.parent)):
        with _home_at(folder):
            import_module("hyperspy.defaults_parser")


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # a user without a name, as in containers
        return None


def _caches(home: Path) -> Path:
    if sys.platform in ("win32", "darwin"):
        return home
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")


def _packages() -> list[Path]:
    """Folders beside whose files numba keeps compiled functions: ours, and those of libraries."""
    found = [Path(__file__).parent]
    spec = find_spec("numba")
    return found if spec is None or spec.origin is None else [*found, Path(spec.origin).parent]


def _writable(folder: Path) -> bool:
    """True if a file can be written there, or the folder made where there is none yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _private_folder() -> Path:
    """A folder that lasts, of this user alone: what is compiled is trusted when it is loaded."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"stemwidgets-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    private = os.name != "posix" or (found.st_uid == user and not found.st_mode & 0o077)
    if stat.S_ISDIR(found.st_mode) and private:
        return folder
    return Path(tempfile.mkdtemp(prefix="stemwidgets-"))


@contextmanager
def _home_at(folder: Path) -> Iterator[None]:
    name = "USERPROFILE" if os.name == "nt" else "HOME"
    before = os.environ.get(name)
    os.environ[name] = str(folder)
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
