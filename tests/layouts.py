"""The same counts in every type and layout in which detectors and files deliver them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np

SHAPES = ((4, 5, 16, 24), (3, 6, 17, 19))  # pixels that fill words and groups of rows, and not
DTYPES = ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "g")
Array = Any


def turning_spot(shape: tuple[int, ...]) -> np.ndarray:
    """Counts below 128 of a spot that goes round from pattern to pattern."""
    turn = np.linspace(0, 9, shape[0] * shape[1]).reshape(*shape[:2], 1, 1)
    y, x = np.mgrid[: shape[2], : shape[3]]
    y, x = y - 8 - 2 * np.sin(turn), x - 9 - 2 * np.cos(turn)
    spot = 60 * np.exp(-(y**2 + 1.5 * x**2) / 12) + 0.5
    return np.random.default_rng(0).poisson(spot).clip(0, 127)


def counts(dtype: str, shape: tuple[int, ...] = SHAPES[0]) -> np.ndarray:
    """The spot in a type; of bool where it is bright."""
    spot = turning_spot(shape)
    return spot > 9 if dtype == "?" else spot.astype(dtype)


def _flipped(axis: int) -> Callable[[np.ndarray], Array]:
    return lambda values: np.flip(np.ascontiguousarray(np.flip(values, axis)), axis)


def _cropped(values: np.ndarray) -> Array:
    return np.pad(values, ((1, 0), (0, 1), (2, 3), (1, 2)))[1:, :-1, 2:-3, 1:-2]


def _turned(values: np.ndarray) -> Array:
    return np.ascontiguousarray(values.T).T


def _every_second(axis: int) -> Callable[[np.ndarray], Array]:
    def laid(values: np.ndarray) -> Array:
        step = (slice(None),) * axis + (slice(None, None, 2),)
        return np.repeat(values, 2, axis=axis)[step]

    return laid


def _swapped(first: int, second: int) -> Callable[[np.ndarray], Array]:
    return lambda values: np.ascontiguousarray(values.swapaxes(first, second)).swapaxes(
        first, second
    )


def _read_only(values: np.ndarray) -> Array:
    values = values.copy()
    values.flags.writeable = False
    return values


def _not_aligned(values: np.ndarray) -> Array:
    memory = np.empty(values.nbytes + 1, np.uint8)
    laid = memory[1:].view(values.dtype).reshape(values.shape)
    laid[...] = values
    return laid


def _masked(values: np.ndarray) -> Array:
    hidden = np.zeros(values.shape, dtype=bool)
    hidden[..., 2:4, 5:7] = True
    turned = np.ma.masked_array(values.swapaxes(0, 1).copy(), hidden.swapaxes(0, 1))
    turned.data[hidden.swapaxes(0, 1)] = 1  # what a masked pixel holds counts nothing
    return turned.swapaxes(0, 1)


def _mapped(order: str) -> Callable[[np.ndarray], Array]:
    def laid(values: np.ndarray) -> Array:
        from tempfile import TemporaryFile

        with TemporaryFile() as file:
            mapped = np.memmap(file, values.dtype, "w+", shape=values.shape, order=order)
            mapped[...] = values
            mapped.flush()
            mapped.flags.writeable = False
        return mapped

    return laid


LAYOUTS: dict[str, Callable[[np.ndarray], Array]] = {
    "contiguous": np.ascontiguousarray,
    "scan rows flipped": _flipped(0),
    "scan columns flipped": _flipped(1),
    "detector rows flipped": _flipped(2),
    "detector columns flipped": _flipped(3),
    "cropped": _cropped,
    "turned, as by .T": _turned,
    "Fortran's order": np.asfortranarray,
    "scan axes swapped": _swapped(0, 1),
    "detector axes swapped": _swapped(2, 3),
    "scan axes last": lambda values: np.ascontiguousarray(values.transpose(2, 3, 0, 1)).transpose(
        2, 3, 0, 1
    ),
    "every second column": _every_second(3),
    "every second position": _every_second(1),
    "read-only": _read_only,
    "not aligned": _not_aligned,
    "one row for all": lambda values: np.broadcast_to(values[:1], values.shape),
    "masked": _masked,
    "memory-mapped": _mapped("C"),
    "memory-mapped in Fortran's order": _mapped("F"),
}
READ_ONLY = ("read-only", "memory-mapped", "memory-mapped in Fortran's order")


@dataclass(frozen=True)
class Case:
    """One way in which counts may come."""

    dtype: str
    layout: str
    swapped: bool
    lazy: bool
    shape: tuple[int, ...] = SHAPES[0]

    @property
    def source(self) -> tuple[Any, ...]:
        """What the same counts, plainly laid, have in common."""
        other = self.layout if self.layout in ("one row for all", "masked") else ""
        return self.dtype, other, self.shape

    def data(self) -> Array:
        """The counts as they come."""
        values = counts(self.dtype, self.shape)
        if self.swapped:
            values = values.astype(values.dtype.newbyteorder("S"))
        laid = LAYOUTS[self.layout](values)
        assert laid.shape == self.shape
        if not self.lazy:
            return laid
        return da.from_array(laid, chunks=(2, 3, 16, 10), name=False)

    def plain(self) -> Array:
        """The same, contiguous, in native byte order and in memory."""
        laid = LAYOUTS[self.layout](counts(self.dtype, self.shape))
        native = {"?": "u1", "f2": "f4", "g": "f8"}.get(self.dtype, self.dtype)
        if np.ma.isMaskedArray(laid):
            return np.ma.masked_array(
                np.array(laid.data, native, order="C"), np.array(laid.mask, order="C")
            )
        return np.array(laid, native, order="C")


def every_case() -> list[Case]:
    """Type × layout × byte order × eager or lazy × shape."""
    return [
        Case(dtype, layout, swapped, lazy, shape)
        for dtype in DTYPES
        for layout in LAYOUTS
        for swapped in (False, True)
        for lazy in (False, True)
        for shape in SHAPES
    ]


def pairs() -> list[Case]:
    """Every type with every layout; every two of the others meet, too.

    What may not be written to is compiled for anew, so that it comes in some types only.
    """
    cases = [
        Case(dtype, layout, bool(i + j & 1), bool((i + j) // 2 & 1), SHAPES[(i + j) // 4 & 1])
        for i, dtype in enumerate(DTYPES)
        for j, layout in enumerate(LAYOUTS)
    ]
    compiled = ("u1", "i2", "f4")
    return [c for c in cases if c.dtype in compiled or c.layout not in READ_ONLY]


def few(first: int = 0) -> list[Case]:
    """Every layout once, and every type."""
    return [
        Case(
            DTYPES[(first + 5 * j) % len(DTYPES)],
            layout,
            bool(j & 1),
            bool(j // 2 & 1),
            SHAPES[j // 4 & 1],
        )
        for j, layout in enumerate(LAYOUTS)
    ]
