"""Recovery from a lack of memory: the batch is halved and the work goes on."""

from collections.abc import Callable
from typing import TypeVar

import torch

from stemwidgets.rrvae.common.notices import tell

T = TypeVar("T")

_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


class Batch:
    """Number of rows processed at once; halved, and kept so, when they do not fit."""

    def __init__(self, size: int) -> None:
        self.size = size

    def run(self, call: Callable[[slice], T], count: int) -> list[T]:
        """Result of `call` for each batch of so many rows, given as a slice; for 0 an empty one.

        A batch for which the memory does not suffice is done again in smaller ones, and a notice
        says so. `call` must change nothing before it succeeds.
        """
        results: list[T] = []
        first = too_many = 0
        while first < count or not results:
            rows = slice(first, min(first + self.size, count))
            tried = rows.stop - first
            try:
                results.append(call(rows))
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error) or tried < 2:
                    raise
                too_many, self.size = too_many or tried, tried // 2
            else:
                first = rows.stop
                continue
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        if too_many:
            tell(
                f"The memory did not suffice for {too_many} patterns at once: the work goes on "
                f"with {self.size} at a time, more slowly."
            )
        return results


def _out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.cuda.OutOfMemoryError | MemoryError) or any(
        words in str(error) for words in _WORDS
    )
