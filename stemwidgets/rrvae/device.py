"""Where tensors live, how much room there is, and how many threads work on them."""

import re
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


@contextmanager
def one_thread() -> Iterator[None]:
    """Run small tensor operations on one CPU thread: several would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
