"""Devices for tensors, their free memory, and the number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ClassVar

import torch

from stemwidgets.arrays import memory
from stemwidgets.arrays.errors import InputError

CACHED = 128  # patterns whose posterior over the grid stays in the cache of a CPU
TOGETHER = 2048  # on a GPU, where a step takes longer to start than to do


def at_a_time(device: torch.device) -> int:
    """Number of patterns compared with all cells of the grid, or with all pixels, at once."""
    return CACHED if device.type == "cpu" else TOGETHER


def choose_device(name: str) -> torch.device:
    """The device of a name; ``"auto"`` takes CUDA, then MPS, then the CPU.

    An InputError if torch does not know the name or the device is not there.
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


@dataclass(frozen=True)
class Device:
    """A device that a model may be trained on.

    Parameters
    ----------
    name : str
        Name as `choose_device` takes it.
    title : str
        Name as people read it.
    free : int or None
        Bytes that may still be taken on it, if the system says so.
    """

    name: str
    title: str
    free: int | None


def devices() -> tuple[Device, ...]:
    """The devices of this machine, the one that ``"auto"`` takes first.

    Examples
    --------
    >>> model = sw.RRVAE(device=sw.devices()[0].name)
    """
    found = [
        (f"cuda:{index}", torch.cuda.get_device_name(index))
        for index in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        found.append(("mps", "Apple GPU"))
    found.append(("cpu", "CPU"))
    return tuple(Device(name, title, free_memory(torch.device(name))) for name, title in found)


def free_memory(device: torch.device) -> int | None:
    """Bytes that may still be taken on a device; None if the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return memory.free_memory()


class _Threads:
    """Number of torch's CPU threads before any of the running trainings, and their count."""

    before = 1
    users: ClassVar[set[object]] = set()


_NESTED = ContextVar("nested", default=False)


@contextmanager
def one_thread() -> Iterator[None]:
    """Work on one CPU thread; those that leave restore torch's number of threads as it was.

    The last bits of a sum depend on how many threads share it, and two trainings with one seed
    shall agree to the last bit. Nor is there much to gain: with two threads a step of the paper's
    network takes two thirds of the time and one of the plain autoencoder as long as with one, if
    nothing else runs; if something does, ten times as long and more, since threads wait busily.

    Several threads may be inside at a time. The order of reading, checking and setting makes sure
    that what one of them has set is never taken for what was there before.
    """
    now, me = torch.get_num_threads(), object()
    if not _Threads.users:
        _Threads.before = now
    _Threads.users.add(me)
    torch.set_num_threads(1)
    nested = _NESTED.set(True)
    try:
        yield
    finally:
        _NESTED.reset(nested)
        torch.set_num_threads(1 if _NESTED.get() else _Threads.before)
        _Threads.users.remove(me)
