"""No layer reaches over a wall."""

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "stemwidgets"


def code_of(module: Path) -> str:
    return module.read_text(encoding="utf-8")


def test_the_import_contracts_hold():
    command = shutil.which("lint-imports", path=sysconfig.get_path("scripts"))
    assert command is not None
    done = subprocess.run(
        [command, "--no-cache"], check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_threads_live_in_the_state_only():
    uses = re.compile(r"^\s*(import threading|from threading|from concurrent)", re.MULTILINE)
    found = {
        m.relative_to(PACKAGE).parts[0] for m in PACKAGE.rglob("*.py") if uses.search(code_of(m))
    }
    assert found <= {"state"}


def test_only_the_two_flip_files_turn_axes_around():
    flips = re.compile(r"\[::-1\]|\.swapaxes\(")
    allowed = {PACKAGE / "signals" / "conversion.py", PACKAGE / "views" / "pictures" / "screen.py"}
    found = {m for m in PACKAGE.rglob("*.py") if flips.search(code_of(m))}
    assert found <= allowed
