"""Several processes that train one model: each reads, and keeps, its own part of the scan.

Sums over patterns are completed by sums over the processes, and everything that decides is computed
from such sums, so that all processes take the same steps. In a single process each of these
functions gives back what it is given.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, TypeVar, cast

import dask.config
import numpy as np
import torch
from dask.system import CPU_COUNT
from numpy.typing import NDArray
from torch import Tensor, distributed

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.memory import share_memory

NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

T = TypeVar("T")
Summed = TypeVar("Summed", Tensor, NDArray[Any], int, float)
Values = TypeVar("Values", Tensor, NDArray[Any])


class _Joined:
    """State of this process: True once it has joined others, and the reason why it lost them."""

    others = False
    lost = ""


def launched(environment: Mapping[str, str] = os.environ) -> int:
    """Number of processes that torchrun has started; 1 if it started none."""
    if not all(name in environment for name in NEEDED):
        return 1
    return int(environment["WORLD_SIZE"])


@contextmanager
def together(device: str = "auto", silence: float = 60.0) -> Iterator[tuple[str, int]]:
    """Join the processes that torchrun has started; inside, they train and encode as one.

    All of them must then do the same: make a model, `fit` it to the same scan, `encode` it. They
    need the same kind of processor, since each repeats what the others compute from the sums.

    Parameters
    ----------
    device : str
        ``"auto"`` and ``"cuda"`` are the GPU that belongs to this process, ``LOCAL_RANK``; without
        a GPU ``"auto"`` is the CPU.
    silence : float
        Minutes [min] to wait for a process that neither answers nor ends.

    Yields
    ------
    device : str
        Device of this process.
    processes : int
        Number of processes that train together.

    Raises
    ------
    InputError
        If there are fewer GPUs than processes, or the device cannot be shared.
    ConnectionError
        If another process has ended, or did not answer in time.
    """
    if launched() == 1:
        yield device, 1
        return
    if not silence > 0:
        raise InputError(f"Expected a number of minutes to wait for, above 0, got {silence:g}.")
    device = _own_device(device)
    _Joined.lost = ""
    backend = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
    _answered(lambda: distributed.init_process_group(backend, timeout=timedelta(minutes=silence)))
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    _Joined.others = True
    share_memory(beside)
    try:
        with dask.config.set(num_workers=max(1, CPU_COUNT // beside)):
            yield device, count()
    finally:
        share_memory(1)
        _Joined.others, _Joined.lost = False, ""
        distributed.destroy_process_group()


def _own_device(name: str) -> str:
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(
            f'Expected device="auto", "cpu" or "cuda" in several processes, got {name!r}. Each '
            "takes the GPU of its own number."
        )
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return "cpu"
    own, found = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if own >= found:
        raise InputError(
            f"Expected a GPU for each process, got {found} for process {own + 1} on this machine. "
            'Start fewer processes, or choose device="cpu".'
        )
    torch.cuda.set_device(own)
    return f"cuda:{own}"


def count() -> int:
    """Number of processes that train together."""
    return distributed.get_world_size() if _Joined.others else 1


def number() -> int:
    """Number of this process among them, from 0."""
    return distributed.get_rank() if _Joined.others else 0


def first() -> bool:
    """True in the process that writes and prints."""
    return number() == 0


def own_rows(data: Any) -> slice:
    """Rows of a scan that this process reads: along its first axis, in whole chunks.

    Where there are fewer chunks than processes, chunks are divided, and decoded by each of those
    that need a part. An InputError, in all processes, if there are more processes than rows.
    """
    edges = np.arange(len(data) + 1)
    if hasattr(data, "dask") and len(data.chunks[0]) >= count():
        edges = np.concatenate([[0], np.cumsum(data.chunks[0])])
    if len(edges) <= count():
        raise InputError(
            f"Expected at least one row of the scan for each of {count()} processes, got "
            f"{len(data)}. Start fewer processes."
        )
    wanted = np.linspace(0, len(edges) - 1, count() + 1).round().astype(int)
    begin, end = edges[wanted[number()]], edges[wanted[number() + 1]]
    return slice(int(begin), int(end))


def own_part(data: Any) -> Any:
    """Part of a scan that this process reads: see `own_rows`."""
    return data if count() == 1 else data[own_rows(data)]


def first_pattern(data: Any) -> int:
    """Number of patterns of a scan before those that this process reads."""
    return 0 if count() == 1 else own_rows(data).start * math.prod(data.shape[1:-2])


def require_each(fine: bool) -> None:
    """Refuse, in all processes, a part of the scan in which there is nothing to learn from."""
    idle = [str(i + 1) for i, found in enumerate(all_gather(bool(fine))) if not found]
    if count() > 1 and idle:
        raise InputError(
            "Expected patterns with counts in the part of the scan that each process reads, got "
            f"none for process {', '.join(idle)} of {count()}. Start fewer processes."
        )


def total(value: Summed) -> Summed:
    """The sum over all processes of a tensor, an array or a number."""
    if count() == 1:
        return value
    if isinstance(value, Tensor):
        summed = value.clone()
        _answered(lambda: distributed.all_reduce(summed))
        return summed
    if isinstance(value, np.ndarray):
        return total(torch.from_numpy(value)).numpy()
    kind = torch.int64 if isinstance(value, int) else torch.float64
    return cast(Summed, total(torch.tensor(value, dtype=kind)).item())


def mean(values: Values) -> float:
    """The mean of the values of all processes."""
    if count() == 1:
        return float(values.mean())
    size = values.numel() if isinstance(values, Tensor) else values.size
    return total(float(values.sum())) / total(int(size))


def all_gather(value: T) -> list[T]:
    """Values of all processes, in their order; it must be possible to pickle them."""
    if count() == 1:
        return [value]
    found: list[Any] = [None] * count()
    _answered(lambda: distributed.all_gather_object(found, value))
    return found


def of_first(value: T) -> T:
    """Value of the first process; it must be possible to pickle it."""
    if count() == 1:
        return value
    told = [value]
    _answered(lambda: distributed.broadcast_object_list(told, src=0))
    return told[0]


def joined(values: Values) -> Values:
    """Tensors or arrays of all processes, one after the other along the first axis."""
    if count() == 1:
        return values
    if isinstance(values, Tensor):
        return torch.from_numpy(np.concatenate(all_gather(values.cpu().numpy()))).to(values.device)
    return np.concatenate(all_gather(values))


def agreed(decision: bool) -> bool:
    """Decision of the first process, by its clock for example."""
    if count() == 1:
        return decision
    told = torch.tensor(decision, dtype=torch.uint8)
    _answered(lambda: distributed.broadcast(told, src=0))
    return bool(told)


@dataclass(frozen=True)
class Share:
    """Share of all patterns in this process, counted in the order of the processes.

    Parameters
    ----------
    before : int
        Number of patterns in the processes before this one.
    here : int
        Number of patterns in this one.
    whole : int
        Number of all patterns.
    """

    before: int
    here: int
    whole: int

    @classmethod
    def of(cls, here: int) -> Self:
        """Find out, in all processes at a time."""
        each = all_gather(here)
        return cls(sum(each[: number()]), here, sum(each))

    def own(self, rows: Tensor) -> Tensor:
        """Indices of the patterns here among some of all, counted from the first one here."""
        return self.own_of(rows, rows) - self.before

    def own_of(self, values: Tensor, rows: Tensor) -> Tensor:
        """Values that belong to the patterns here, of values for some of all patterns."""
        if self.here == self.whole:
            return values
        return values[(rows >= self.before) & (rows < self.before + self.here)]

    def part(self, values: Tensor) -> Tensor:
        """The part that belongs to the patterns here, of values for all of them."""
        return values[self.before : self.before + self.here]


def _answered(call: Callable[[], object]) -> None:
    """Run a call that needs all processes; an error in words if one of them is missing.

    A process that is lost is not waited for again.
    """
    try:
        if _Joined.lost:
            raise RuntimeError(_Joined.lost)
        call()
    except RuntimeError as error:
        _Joined.lost = str(error).partition("\n")[0] or "no reason given"
        raise ConnectionError(
            "Expected an answer from the other processes of this training, got none: one of them "
            "has ended, or waits for its data too long. Look for what it said, and start all of "
            f"them again; a checkpoint is whole. ({_Joined.lost})"
        ) from error
