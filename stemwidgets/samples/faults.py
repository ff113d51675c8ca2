"""Faults of a camera, drawn at random: their places, their strengths, and their effects."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.errors import InputError
from stemwidgets.samples.camera import Camera

Shape = tuple[int, int]
Pair = tuple[float, float]

HOT = (3.0, 30.0)  # brightness of a hot pixel, over that of the brightest of the mean pattern
COSMIC = (20.0, 200.0)  # the same of a cosmic ray, in one pattern
LEAST_GAIN = 0.1  # of any pixel: a normal distribution has no end, and no pixel counts backwards
DRAWS = (  # each has a random generator of its own
    "positions",
    "lines",
    "drift",
    "descan",
    "gain",
    "dead rows",
    "dead columns",
    "dead pixels",
    "hot pixels",
    "brightness of hot pixels",
    "cosmic rays",
    "brightness of cosmic rays",
    "times of cosmic rays",
    "electrons of bright pixels",
    "readout",
    "jump",
)


@dataclass(frozen=True)
class Faults:
    """Faults of a scan, with their sizes, as a camera and a seed give them.

    Parameters
    ----------
    displaced : ndarray, shape [iy, ix, 2]
        Displacement of the probe in the specimen from its nominal position, (y, x) [Å].
    descan : ndarray, shape [2, 2]
        Shift of the pattern on the detector, (y, x) [pixels], from the first row of the scan
        to the last and from the first column to the last.
    jump, jump_line : (float, float), int
        Jump of the pattern, (y, x) [pixels], and the first line after it.
    gain, blind : ndarray, shape [ky, kx]
        Gain of each pixel, 1 in the mean; True for those that read zero.
    dead_rows, dead_columns, dead_pixels, hot : ndarray of int
        Numbers of the dead rows and columns, and places ``[n, 2]``, (ky, kx), of pixels.
    hot_level, cosmic_level : ndarray, shape [n]
        Brightness of hot pixels and cosmic rays, over that of the brightest pixel of the mean
        pattern.
    cosmic : ndarray of int, shape [n, 4]
        Places (iy, ix, ky, kx) of cosmic rays.
    """

    camera: Camera
    seed: int
    displaced: NDArray[np.float64]
    descan: NDArray[np.float64]
    jump: Pair
    jump_line: int
    gain: NDArray[np.float64]
    blind: NDArray[np.bool_]
    dead_rows: NDArray[np.int64]
    dead_columns: NDArray[np.int64]
    dead_pixels: NDArray[np.int64]
    hot: NDArray[np.int64]
    hot_level: NDArray[np.float64]
    cosmic: NDArray[np.int64]
    cosmic_level: NDArray[np.float64]

    def shift(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shift of patterns on the detector, ``[..., 2]``, (y, x) [pixels].

        Parameters
        ----------
        steps : ndarray, shape [..., 2]
            Scan positions, (y, x) in steps of the scan from its first position.
        """
        last = np.array(self.displaced.shape[:2]) - 1
        smooth = (steps / np.maximum(last, 1) - (last > 0) / 2) @ self.descan
        after = np.asarray(steps[..., :1] >= self.jump_line - 0.5)  # between two lines
        return np.asarray(smooth + after * self.jump)

    @property
    def moves_patterns(self) -> bool:
        """True if patterns lie elsewhere on the detector."""
        return bool(self.camera.descan or self.camera.jump)

    def record(self, expected: NDArray[np.float64], noise: bool) -> NDArray[Any]:
        """Counts that the camera records where these are expected without its faults.

        Hot pixels and cosmic rays add electrons of their own, so that those of the beam are the
        same with and without them. Without noise, of electrons and readout, counts are rounded.
        """
        camera = self.camera
        if noise:
            counts = np.random.default_rng(self.seed).poisson(expected * self.gain)
            added = _generator(self.seed, "electrons of bright pixels")
            for place, bright in self._bright_places(expected):
                counts[place] += added.poisson(np.broadcast_to(bright, counts[place].shape))
        else:
            counts = np.rint(self.disturb(expected)).astype(np.int64)
        if noise and camera.readout_noise:
            drawn = _generator(self.seed, "readout").standard_normal(counts.shape, np.float32)
            counts += np.rint(camera.readout_noise * drawn).astype(counts.dtype)
        if camera.saturation:
            counts = np.minimum(counts, int(camera.saturation))
        counts[:, :, self.blind] = 0
        return counts.astype(_smallest(int(counts.max()), signed=bool(camera.readout_noise)))

    def disturb(self, expected: NDArray[np.float64]) -> NDArray[np.float64]:
        """Counts, or shares of the beam, to expect with the faults of the pixels."""
        disturbed = expected * self.gain
        for place, bright in self._bright_places(expected):
            disturbed[place] += bright
        disturbed[:, :, self.blind] = 0
        return disturbed

    def _bright_places(
        self, expected: NDArray[np.float64]
    ) -> list[tuple[tuple[Any, ...], NDArray[np.float64]]]:
        """Indices of hot pixels and of cosmic rays, and the counts that they add."""
        brightest = expected.mean(axis=(0, 1)).max()
        everywhere = (slice(None), slice(None))
        return [
            ((*everywhere, *self.hot.T), self.hot_level * brightest),
            (tuple(self.cosmic.T), self.cosmic_level * brightest),
        ]


def draw_faults(
    camera: Camera, scan_shape: Shape, field: Pair, detector_shape: Shape, seed: int
) -> Faults:
    """Draw the faults of a camera.

    Parameters
    ----------
    camera : Camera
        Numbers and strengths of the faults.
    scan_shape : (int, int)
        Positions (iy, ix).
    field : (float, float)
        Height and width of the scan [Å].
    detector_shape : (int, int)
        Pixels (ky, kx).
    seed : int
        The same seed gives the same faults.

    Raises
    ------
    InputError
        If the seed is not a whole number from 0, or the detector has too few pixels for so many
        faults or so much descan.
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise InputError(f"seed must be a whole number from 0, got {seed!r}.")
    for name in ("descan", "jump"):
        if getattr(camera, name) > min(detector_shape) / 2:
            raise InputError(
                f"{name}: {getattr(camera, name)!r} pixels over the field move the pattern off a "
                f"detector of {detector_shape[0]} × {detector_shape[1]} pixels. Expected at most "
                "half of them."
            )
    rows, columns, dead_pixels, blind = _blind(camera, detector_shape, seed)
    hot, hot_level = _bright(~blind, camera.hot, HOT, "hot pixels", seed)
    free = ~blind
    free[tuple(hot.T)] = False
    struck, cosmic_level = _bright(free, camera.cosmic_rays, COSMIC, "cosmic rays", seed)
    when = _generator(seed, "times of cosmic rays").integers(scan_shape, size=(len(struck), 2))
    jump, jump_line = _jump(camera, scan_shape, seed)
    gain = 1 + camera.gain * _generator(seed, "gain").standard_normal(detector_shape)
    gain = np.maximum(gain, LEAST_GAIN)
    return Faults(
        camera=camera,
        seed=int(seed),
        displaced=_displaced(camera, scan_shape, field, seed),
        descan=_descan(camera, seed),
        jump=jump,
        jump_line=jump_line,
        gain=gain / gain.mean(),
        blind=blind,
        dead_rows=rows,
        dead_columns=columns,
        dead_pixels=dead_pixels,
        hot=hot,
        hot_level=hot_level,
        cosmic=np.concatenate([when, struck], axis=1),
        cosmic_level=cosmic_level,
    )


def _generator(seed: int, draw: str) -> np.random.Generator:
    return np.random.default_rng([seed, DRAWS.index(draw)])


def _direction(generator: np.random.Generator) -> NDArray[np.float64]:
    turn = generator.uniform(-np.pi, np.pi)
    return np.array([np.sin(turn), np.cos(turn)])


def _descan(camera: Camera, seed: int) -> NDArray[np.float64]:
    sin, cos = _direction(_generator(seed, "descan"))
    return camera.descan * np.array([[cos, -sin], [sin, cos]])


def _jump(camera: Camera, scan_shape: Shape, seed: int) -> tuple[Pair, int]:
    generator = _generator(seed, "jump")
    y, x = camera.jump * _direction(generator)
    quarter = scan_shape[0] // 4
    return (float(y), float(x)), int(generator.integers(quarter, scan_shape[0] - quarter + 1))


def _displaced(camera: Camera, scan_shape: Shape, field: Pair, seed: int) -> NDArray[np.float64]:
    rows, columns = scan_shape
    single = _generator(seed, "positions").standard_normal((rows, columns, 2))
    lines = _generator(seed, "lines").standard_normal((rows, 1, 2))
    time = np.arange(rows * columns).reshape(rows, columns, 1) / (rows * columns) - 0.5
    way = camera.drift * _direction(_generator(seed, "drift")) * field
    return np.asarray(camera.jitter * single + camera.line_jitter * lines + way * time)


def _blind(
    camera: Camera, shape: Shape, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Dead rows, columns and pixels, and the map of all that read zero."""
    blind = np.zeros(shape, dtype=bool)
    for axis, size in enumerate(shape):
        start = (size - camera.quad_gaps) // 2
        np.moveaxis(blind, axis, 0)[max(start, 0) : start + camera.quad_gaps] = True
    seeing = [np.asarray((~blind).any(axis=axis)) for axis in (1, 0)]
    for line in seeing:
        line[: len(line) // 4] = line[-(len(line) // 4) :] = False
    rows = _some_of(seeing[0], camera.dead, "dead rows", seed)[:, 0]
    columns = _some_of(seeing[1], camera.dead_columns, "dead columns", seed)[:, 0]
    blind[rows] = True
    blind[:, columns] = True
    pixels = _some_of(~blind, camera.dead_pixels, "dead pixels", seed)
    blind[tuple(pixels.T)] = True
    if blind.all():
        raise InputError(f"No pixel of a detector of {shape[0]} × {shape[1]} pixels is left.")
    return rows, columns, pixels, blind


def _some_of(allowed: NDArray[np.bool_], count: int, draw: str, seed: int) -> NDArray[np.int64]:
    """The first of all places in an order that is drawn, ``[count, dimensions]``."""
    if count > allowed.sum():
        raise InputError(f"Expected at most {allowed.sum()} {draw} on this detector, got {count}.")
    order = _generator(seed, draw).permutation(allowed.size)
    places = order[allowed.ravel()[order]][:count]
    return np.stack(np.unravel_index(places, allowed.shape), axis=1)


def _bright(
    allowed: NDArray[np.bool_], count: int, levels: Pair, draw: str, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Places of bright pixels, and their brightness."""
    generator = _generator(seed, f"brightness of {draw}")
    low, high = np.log(levels).tolist()
    brightness = np.exp(generator.uniform(low, high, size=count))
    return _some_of(allowed, count, draw, seed), brightness


def _smallest(highest: int, signed: bool) -> type:
    if signed:
        return np.int16 if highest < 2**15 else np.int32
    return np.uint16 if highest < 2**16 else np.uint32
