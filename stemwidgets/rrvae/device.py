"""Where tensors live, how much room there is, and how many threads work on them."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from stemwidgets.arrays.errors import InputError


def choose_device(name: str) -> torch.device:
    """The device of a name; ``"auto"`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    InputError
        If torch does not know the name or the device is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise InputError(
            f'Expected device="auto", "cpu", "cuda" or "mps", got {name!r}, which is not to be had '
            f"here: {error}"
        ) from error
    return device


def free_memory(device: torch.device) -> int | None:
    """Bytes that may still be taken on a device; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        found = re.search(r"MemAvailable: *(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        return None
    return None if found is None else 1024 * int(found[1])


class _Threads:
    """torch's number of CPU threads as it was before any of the trainings that go on."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.before = 1
        self.here = threading.local()


_THREADS = _Threads()


@contextmanager
def one_thread() -> Iterator[None]:
    """Work on one CPU thread; torch's number of threads is restored by the last that leaves.

    The last bits of a sum depend on how many threads share it, and two trainings with one seed
    shall agree to the last bit. Nor is there much to gain: with two threads a step of the paper's
    network takes two thirds of the time and one of the plain autoencoder as long as with one, if
    nothing else runs; if something does, up to ten times as long, since threads wait busily.
    """
    nested = getattr(_THREADS.here, "inside", False)
    with _THREADS.lock:
        if _THREADS.users == 0:
            _THREADS.before = torch.get_num_threads()
        _THREADS.users += 1
        torch.set_num_threads(1)
    _THREADS.here.inside = True
    try:
        yield
    finally:
        _THREADS.here.inside = nested
        with _THREADS.lock:
            _THREADS.users -= 1
            torch.set_num_threads(1 if nested else _THREADS.before)
