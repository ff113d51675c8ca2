"""Small scans with four different sizes, and a model that needs no torch."""

import time
from collections.abc import Generator, Iterator
from typing import Any

import dask.array as da
import numpy as np

from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.faults.scan import places_of, repaired
from stemwidgets.rrvae.common.records import Encoding, Progress

SHAPE = (4, 6, 18, 15)
AXES = Axes(
    Axis(4, 0.2, 0.0, "Å"),
    Axis(6, 0.3, 1.0, "Å"),
    Axis(18, 0.05, -0.45, "1/Å"),
    Axis(15, 0.04, -0.3, "1/Å"),
)


def turning_spot() -> np.ndarray:
    """A bright spot that goes round a disc, once along a row, further out in lower rows."""
    iy, ix = np.mgrid[:4, :6]
    angle, radius = 2 * np.pi * ix / 6, 1.0 + iy
    ky, kx = np.mgrid[:18, :15]
    disc = np.hypot(ky - 8, kx - 7) < 6
    y = 8 + radius * np.sin(angle)
    x = 7 + radius * np.cos(angle)
    spot = np.exp(-((ky - y[..., None, None]) ** 2 + (kx - x[..., None, None]) ** 2) / 4)
    return (100 * disc + 400 * spot).astype(np.float32)


def unreadable() -> da.Array:
    """The same scan, lazy, from a disk that has gone."""

    def broken(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info:
            raise OSError("the disk is gone")
        return block

    lazy = da.from_array(turning_spot(), chunks=(2, 3, 18, 15))
    return lazy.map_blocks(broken, dtype="f4")


def to_the_end(parts: Generator[Any, None, Any]) -> Any:
    """Run a generator to its end, for its result."""
    while True:
        try:
            next(parts)
        except StopIteration as stop:
            return stop.value


class Pacer:
    """A model that learns nothing at a known pace; its angle is the column."""

    def __init__(
        self,
        latent_dim: int = 2,
        seed: int = 0,
        kind: str = "harmonic",
        centered: bool = False,
        epochs: int | None = None,
        steps: int = 5,
        pace: float = 0.0,
    ):
        self.latent_dim, self.count, self.pace = latent_dim, steps, pace
        self.kind, self.centered, self.epochs = kind, centered, epochs
        self.trained, self.closed = False, False
        self.shape: tuple[int, ...] = ()

    def steps(
        self,
        data: Any,
        pixel_size: tuple[float, float] = (1.0, 1.0),
        faulty: Any = None,
        descan: Any = None,
    ) -> Iterator[Progress]:
        self.shape, self.pixel_size = tuple(data.shape), pixel_size
        try:
            for index in range(1, self.count + 1):
                time.sleep(self.pace)
                self.trained = True
                yield Progress(
                    index, self.count, 10.0 / index, 9.0, 1.0, 0.1, 0.2, self.encode(data)
                )
        finally:
            self.closed = True

    def encode(self, data: Any, descan: Any = None) -> Encoding:
        rows, columns = data.shape[:2]
        iy, ix = np.mgrid[:rows, :columns].astype(np.float32)
        angle = (2 * np.pi * ix / columns + np.pi) % (2 * np.pi) - np.pi
        latent = np.stack([iy, ix, iy + ix][: self.latent_dim], axis=-1)
        ones = np.ones_like(iy)
        return Encoding(
            angle.astype(np.float32),
            latent,
            confidence=ones,
            residual=ones,
            angle_std=0.1 * ones,
            symmetry=ones.astype(np.uint8),
            symmetry_confidence=ones,
        )

    def decode(self, latent: Any, angle: Any) -> np.ndarray:
        brightness = np.asarray(latent)[..., 0] + 10 * np.asarray(angle)
        return np.broadcast_to(brightness[..., None, None], (*brightness.shape, *self.shape[2:]))


class Sorter(Pacer):
    """A model of threefold patterns in three classes: round in the first column, empty at (2, 3).

    Lower rows belong to higher classes, and their angles are less certain.
    """

    def encode(self, data: Any, descan: Any = None) -> Encoding:
        plain = super().encode(data)
        iy, ix = np.mgrid[: data.shape[0], : data.shape[1]].astype(np.float32)
        empty = (iy == 2) & (ix == 3)
        round_ = ix == 0
        classes = np.where(empty, -1, np.minimum(iy, 2)).astype(np.int16)
        probability = np.where(classes[..., None] == np.arange(3), 0.8, 0.1)
        probability[empty] = np.nan
        latent = plain.latent.copy()
        latent[empty] = np.nan

        def known(values: Any) -> np.ndarray:
            return np.where(empty, np.nan, values).astype(np.float32)

        return Encoding(
            angle=known(np.where(round_, np.nan, plain.angle / 3)),
            latent=latent,
            confidence=known(~round_),
            residual=known(1.0),
            angle_std=known(np.where(round_, np.nan, 0.05 * (1 + iy))),
            symmetry=np.where(empty | round_, 0, 3).astype(np.uint8),
            symmetry_confidence=known(0.9),
            fold=3,
            classes=classes,
            class_probability=probability.astype(np.float32),
        )

    def decode(self, latent: Any, angle: Any, classes: Any = 0) -> np.ndarray:
        return super().decode(latent, angle) + 1000 * np.asarray(classes)[..., None, None]


def events_of(data, left_out):
    """Places ``[n, data.ndim]`` of the single events that are met when a scan is read."""
    found = set()
    np.asarray(repaired(data, left_out, found))
    return places_of(found, data.shape[:-2])
