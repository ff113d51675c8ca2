"""Runs one door on many damaged inputs, and counts what came out of it."""

import os
import random
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from stemwidgets.arrays.errors import InputError

DOCUMENTED = (InputError, FileNotFoundError)
CASES = int(os.environ.get("FUZZ_CASES", "50"))
LONGEST = 20  # s
LARGEST = 300_000_000  # bytes that one case may add to the resident memory
ADDRESSES = 8_000_000_000  # bytes that one case may ask for
RUNS_CODE = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
DANGEROUS = ("os", "posix", "nt", "subprocess", "sys", "shutil", "runpy")  # to unpickle from
BUILTINS = ("eval", "exec", "compile", "open", "__import__", "getattr")
SPECIAL = (b"\x00", b"\xff", b"\x7f", b"\x80", b'"', b"{", b"[", b"-", b"9", b"e", b"\n", b"<")
WORDS = (b"NaN", b"Infinity", b"-1", b"0", b"null", b"1e999", b"true", b"[]", b"{}", b'""')

_watching = False
_ran: list[str] = []


def _audit(event: str, what: tuple[object, ...]) -> None:
    unpickled = event == "pickle.find_class" and (
        what[0] in DANGEROUS or (what[0] == "builtins" and what[1] in BUILTINS)
    )
    if _watching and (unpickled or event.startswith(RUNS_CODE)):
        _ran.append(f"{event} {what}")


sys.addaudithook(_audit)


class Hang(BaseException):
    """Not an Exception, so that nobody takes it for a damaged file."""


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content with a few things wrong: bits, bytes, numbers, pieces lost, doubled or moved."""
    if not content:
        return content
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        chance.choice(_MUTATIONS)(damaged, chance)
        if not damaged:
            break
    return bytes(damaged)


def _flip_bit(content: bytearray, chance: random.Random) -> None:
    content[_early(content, chance)] ^= 1 << chance.randrange(8)


def _special_byte(content: bytearray, chance: random.Random) -> None:
    at = _early(content, chance)
    content[at : at + 1] = chance.choice(SPECIAL)


def _huge_number(content: bytearray, chance: random.Random) -> None:
    at, size = _early(content, chance), chance.choice((1, 2, 4, 8))
    content[at : at + size] = chance.choice((b"\xff", b"\x00", b"\x7f")) * size


def _cut(content: bytearray, chance: random.Random) -> None:
    del content[_early(content, chance) :]


def _lose(content: bytearray, chance: random.Random) -> None:
    at = _early(content, chance)
    del content[at : at + chance.randint(1, 40)]


def _double(content: bytearray, chance: random.Random) -> None:
    at = _early(content, chance)
    content[at:at] = content[at : at + chance.randint(1, 40)]


def _move(content: bytearray, chance: random.Random) -> None:
    at, to, size = _early(content, chance), _early(content, chance), chance.randint(1, 16)
    content[to : to + size] = content[at : at + size]


def _other_number(content: bytearray, chance: random.Random) -> None:
    digits = [at for at, byte in enumerate(content[:20_000]) if 48 <= byte <= 57]
    if not digits:
        return
    start = end = chance.choice(digits)
    while start > 0 and 48 <= content[start - 1] <= 57:
        start -= 1
    while end < len(content) and 48 <= content[end] <= 57:
        end += 1
    number = chance.choice((b"0", b"-1", b"1000000000000", b"99999999999999999999", b"0.5", b"7"))
    content[start:end] = number


def _other_word(content: bytearray, chance: random.Random) -> None:
    at = _early(content, chance)
    content[at : at + chance.randint(0, 6)] = chance.choice(WORDS)


_MUTATIONS = (
    _flip_bit,
    _special_byte,
    _huge_number,
    _cut,
    _lose,
    _double,
    _move,
    _other_number,
    _other_word,
)


def _early(content: bytearray, chance: random.Random) -> int:
    """Anywhere; every second time where headers are, at one of the ends."""
    size = len(content)
    if chance.random() < 0.5 or size < 600:
        return chance.randrange(max(1, size))
    near = chance.randrange(300)
    return near if chance.random() < 0.5 else size - 1 - near


class Fuzz:
    """Counts what a door does with what it is given."""

    def __init__(self, name: str) -> None:
        self.name, self.counts, self.wrong, self.slowest = name, Counter(), [], 0.0
        self.most = 0

    def case(self, what: str, door: Callable[[], object]) -> None:
        """Open the door once; remember what is wrong with what comes out."""
        before, began = _resident(), time.perf_counter()
        problem = ""
        try:
            with _limits(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a warning in words is an answer, too
                door()
            self.counts["accepted"] += 1
        except DOCUMENTED as error:
            self.counts["refused"] += 1
            if len(str(error)) < 15:
                problem = f"no words: {error!r}"
        except (Exception, Hang) as error:  # that is what is looked for
            problem = f"{type(error).__name__}: {error}"
        self.slowest = max(self.slowest, time.perf_counter() - began)
        grown = _resident() - before
        self.most = max(self.most, grown)
        if grown > LARGEST:
            problem = problem or f"took {grown / 1e6:.0f} MB"
        if _ran:
            problem = f"ran {_ran[0]}"
            _ran.clear()
        if problem:
            self.wrong.append(f"{what}: {problem}"[:400])

    def report(self) -> None:
        """Print the counts, and fail if anything was wrong."""
        cases = self.counts["accepted"] + self.counts["refused"]
        print(
            f"\n{self.name}: {cases + len(self.wrong)} cases, {self.counts['refused']} refused, "
            f"{self.counts['accepted']} accepted, {len(self.wrong)} wrong; slowest "
            f"{self.slowest:.2f} s, at most {self.most / 1e6:.0f} MB more"
        )
        assert not self.wrong, "\n".join(self.wrong[:20])


@contextmanager
def _limits():
    """A time limit, a limit of addresses, and an eye on what is run."""
    global _watching  # noqa: PLW0603  an audit hook cannot be taken away again
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_addresses() + ADDRESSES, before[1]))
    handler = signal.signal(signal.SIGALRM, _hang)
    signal.alarm(LONGEST)
    _ran.clear()
    _watching = True
    try:
        yield
    finally:
        _watching = False
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def _hang(*_: object) -> None:
    raise Hang(f"no answer in {LONGEST} s")


def _addresses() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _resident() -> int:
    """The most since this was last asked."""
    most = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    Path("/proc/self/clear_refs").write_text("5")
    return 1024 * int(most)
