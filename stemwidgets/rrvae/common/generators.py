"""Generators that report how far they are and return a result."""

from collections.abc import Generator
from typing import Any, TypeVar, cast

Result = TypeVar("Result")


def to_the_end(parts: Generator[Any, None, Result]) -> Result:
    """Run a generator to its end, for its result."""
    while True:
        try:
            next(parts)
        except StopIteration as stop:
            return cast(Result, stop.value)


def scaled(
    parts: Generator[float, None, Result], start: float, stop: float
) -> Generator[float, None, Result]:
    """Map the fractions of a generator from [0, 1] to [`start`, `stop`]."""
    while True:
        try:
            fraction = next(parts)
        except StopIteration as end:
            return cast(Result, end.value)
        yield start + (stop - start) * fraction
