"""Scans with faults of a detector that are known, and scans without any that look like it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Pixels = frozenset[tuple[int, int]]
SIDE = 32
RADIUS = 7.0


@dataclass
class Case:
    """A scan, and what is faulty in it.

    Parameters
    ----------
    name : str
        Of the case.
    data : ndarray, shape [iy, ix, ky, kx]
        The scan.
    rows, columns : set of int
        Faulty ones.
    pixels : set of (ky, kx)
        Faulty ones, without those of faulty rows and columns.
    events : set of (iy, ix, ky, kx)
        Single events.
    saturated : float or None
        Where an area is.
    clean : ndarray or None
        The scan without its faults.
    """

    name: str
    data: Any
    rows: set[int] = field(default_factory=set)
    columns: set[int] = field(default_factory=set)
    pixels: set[tuple[int, int]] = field(default_factory=set)
    events: set[tuple[int, int, int, int]] = field(default_factory=set)
    saturated: float | None = None
    clean: Any = None


def turned_discs(scan=(24, 24), dose=2000.0, seed=0, side=SIDE, radius=RADIUS, noise=True):
    """Discs whose brightness leans towards a direction that turns over the scan."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    disc = 1 / (1 + np.exp((np.hypot(y, x) - radius) / 0.7)) + 0.004
    iy, ix = np.mgrid[: scan[0], : scan[1]]
    turn = 2 * np.pi * (iy / 7.3 + ix / 9.1)
    lean = np.cos(turn)[..., None, None] * x + np.sin(turn)[..., None, None] * y
    patterns = disc * np.clip(1 + 0.6 * lean / radius, 0, None)
    patterns *= dose / patterns.sum(axis=(2, 3), keepdims=True)
    return rng.poisson(patterns) if noise else patterns


def _scan(dtype="u2", **options):
    return turned_discs(**options).astype(dtype)


def _with(name, change: Callable[[Any], Any], dtype="u2", truth=None, **options):
    clean = _scan(dtype, **options)
    data = clean.copy()
    change(data)
    return Case(name, data, clean=clean, **(truth or {}))


def _event(value, places):
    def change(data):
        for place in places:
            data[place] = value

    return change


def events():
    """One pixel of one pattern, or of a few."""
    one = (10, 13, 5, 22)
    for value in (500, 4095, 65535):
        yield _with(f"one event of {value}", _event(value, [one]), truth={"events": {one}})
    for value in (1e8, 1e9):
        for dtype in ("i4", "f4", "f8"):
            name = f"one event of {value:g}, {dtype}"
            yield _with(name, _event(value, [one]), dtype, {"events": {one}})
    for where in ((0, 0), (0, 31), (31, 31), (16, 16), (0, 15), (15, 15)):
        place = (3, 4, *where)
        yield _with(f"event at {where}", _event(9000, [place]), truth={"events": {place}})
    rng = np.random.default_rng(5)
    two = {
        (i, j, *map(int, rng.integers(0, SIDE, 2)))
        for i in range(24)
        for j in range(24)
        for _ in "ab"
    }
    yield _with("two events in each pattern", _event(3000, two), truth={"events": two})
    same = {(2, 3, 8, 8), (7, 9, 8, 8), (20, 20, 8, 8)}
    yield _with("events in three patterns at one pixel", _event(5000, same), truth={"events": same})
    low = (4, 4, 20, 20)
    yield _with("an event of -1e9", _event(-1e9, [low]), "i4", {"events": {low}})
    few = (0, 2, 20, 20)
    yield _with("an event in 8 patterns", _event(9000, [few]), truth={"events": {few}}, scan=(2, 4))
    yield _with("an event in 4 patterns", _event(9000, [few]), truth={"events": {few}}, scan=(1, 4))
    big = (2, 3, 100, 40)
    yield _with(
        "an event in larger patterns",
        _event(900, [big]),
        truth={"events": {big}},
        side=128,
        radius=22,
        scan=(12, 12),
        dose=20000,
    )
    u1 = (5, 6, 3, 3)
    yield _with("an event at 255 of uint8", _event(255, [u1]), "u1", {"events": {u1}})


def hot_pixels():
    """Pixels that are bright in all patterns, or in some."""
    rng = np.random.default_rng(6)

    def hot(name, places, value=4095, dtype="u2", noise=False, add=False, share=1.0, **options):
        def change(data):
            for y, x in places:
                values = rng.poisson(value, data.shape[:2]) if noise else value
                lit = rng.random(data.shape[:2]) < share
                kept = data[..., y, x] if add or share < 1 else 0
                base = data[..., y, x] if add else 0
                data[..., y, x] = np.where(lit, base + values, kept)

        return _with(name, change, dtype, {"pixels": set(places)}, **options)

    yield hot("one pixel at 4095", [(5, 6)])
    yield hot("one pixel at 65535", [(20, 6)], 65535)
    yield hot("one noisy pixel", [(5, 6)], 400, noise=True)
    yield hot("one pixel at 255 of uint8", [(5, 6)], 255, "u1")
    yield hot("a dim hot pixel outside the disc", [(3, 28)], 12, noise=True)
    yield hot("in the disc", [(15, 17)])
    yield hot("in the disc, noisy", [(15, 17)], 80, noise=True, add=True)
    yield hot("at the disc's edge", [(9, 16)])
    for corner in ((0, 0), (31, 0), (0, 17), (31, 31), (12, 31)):
        yield hot(f"at the detector's edge {corner}", [corner])
    yield hot("a pair", [(5, 6), (5, 7)])
    yield hot("a pair on a diagonal", [(5, 6), (6, 7)])
    yield hot("three in a corner", [(5, 6), (6, 6), (6, 7)])
    yield hot("four in a square, stuck", [(5, 6), (6, 6), (6, 7), (5, 7)])
    yield hot("four in a zigzag", [(5, 6), (6, 7), (5, 8), (6, 9)])
    yield hot("a pair in the disc", [(15, 17), (16, 17)])
    yield hot("near each other", [(5, 6), (5, 8), (7, 7)])
    places = {tuple(map(int, place)) for place in rng.integers(0, SIDE, (44, 2))}
    yield hot("40 pixels of 1024", sorted(places)[:40])
    yield hot("flickering in a third of the patterns", [(5, 6)], share=0.33)
    yield hot("flickering in the disc", [(15, 17)], share=0.5)
    yield hot("in 8 patterns", [(5, 6)], scan=(2, 4))
    yield hot("in 4 patterns", [(5, 6)], scan=(2, 2))
    yield hot("at 1e9 in floats", [(5, 6)], 1e9, "f4")
    yield hot("sparse counting", [(5, 6)], 8, noise=True, dose=20)

    def gain(data):
        data[..., 15, 17] *= 3

    yield _with("a pixel of threefold gain", gain, truth={"pixels": {(15, 17)}}, dose=20000)


def dead_pixels():
    """Pixels that hold too little."""

    def dead(name, places, value=0, **options):
        def change(data):
            for y, x in places:
                data[..., y, x] = value

        return _with(name, change, truth={"pixels": set(places)}, **options)

    yield dead("a dead pixel in the disc", [(15, 17)])
    yield dead("four dead pixels in the disc", [(15, 17), (12, 13), (18, 14), (16, 20)])
    yield dead("a dead pair", [(15, 17), (15, 16)])
    yield dead("a dead square", [(15, 17), (15, 16), (16, 17), (16, 16)])
    yield dead("pixels of NaN", [(15, 17), (2, 2), (31, 31)], np.nan, dtype="f4")
    yield dead("dead in 8 patterns", [(15, 17)], scan=(2, 4))


def lines():
    """Rows and columns."""

    def line(name, rows=(), columns=(), value=None, factor=None, **options):
        def change(data):
            for index in [(..., y, slice(None)) for y in rows] + [(..., x) for x in columns]:
                data[index] = value if factor is None else data[index] * factor

        truth = {"rows": set(rows), "columns": set(columns)}
        return _with(name, change, truth=truth, **options)

    yield line("a row at 4095", [15], value=4095)
    yield line("a row at the edge", [0], value=4095)
    yield line("a row beside the edge", [30], value=4095)
    yield line("two rows at 200", [12, 19], value=200)
    yield line("two rows at 200, one between", [12, 14], value=200)
    yield line("two rows at 200, side by side", [12, 13], value=200)
    yield line("three rows at 200 outside the disc", [2, 3, 4], value=200)
    yield line("a column at 4095", columns=[15], value=4095)
    yield line("two columns at 200", columns=[11, 20], value=200)
    yield line("a row and a column", [15], [16], value=300)
    yield line("rows and columns", [3, 15], [9, 16, 28], value=300)
    yield line("a dead row", [15], value=0, dose=20000)
    yield line("a dead column", columns=[15], value=0, dose=20000)
    yield line("dead rows of NaN", [15, 16], value=np.nan, dtype="f4")
    yield line("a row of double gain", [15], factor=2, dose=40000)
    cross = {"side": 64, "radius": 20, "dose": 200000, "scan": (12, 12), "dtype": "u4"}
    weak = {"side": 96, "radius": 28, "dose": 20000, "scan": (16, 16), "dtype": "f4"}
    for factor in (0.3, 0.5, 0.6):
        yield line(f"a row that counts {factor} of all", [47], factor=factor, **weak)
        yield line(f"a column that counts {factor} of all", columns=[52], factor=factor, **weak)
    yield line("a cross of wide pixels", [31, 32], [31, 32], factor=2.5, **{**cross, "dtype": "f4"})
    yield line("a cross of triple pixels", [31, 32], [31, 32], factor=3, **cross)
    yield line("a row in 8 patterns", [15], value=4095, scan=(2, 4))
    yield line("a row at 255 of uint8", [15], value=255, dtype="u1")


def _spots(width, peak, sharp, noise=True, center=(32.0, 32.0), rare=0):
    """A scan of spot patterns, with some reflections in one pattern each."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:64, :64].astype(float)

    def spot(far):
        return (far <= width) if sharp else np.exp(-((far / width) ** 2) / 2)

    total = np.full((64, 64), 0.5)
    for i in range(-2, 3):
        for j in range(-2, 3):
            far = np.hypot(y - center[0] - 11.3 * i, x - center[1] - 9.7 * j)
            total += (peak if i == j == 0 else 0.2 * peak / (1 + i * i + j * j)) * spot(far)
    scan = np.repeat(np.repeat(total[None, None], 8, 0), 8, 1).copy()
    for k in range(rare):
        scan[k, k] += peak * spot(np.hypot(y - 12.4 - 4 * k, x - 50.3))
    return rng.poisson(scan).astype("u2") if noise else scan


def sound_spots():
    """Small, sharp and rare spots, in which nothing is faulty."""
    for width in (1.0, 1.5, 2.0, 3.0):
        for center in ((32.0, 32.0), (31.5, 31.5), (31.5, 32.0), (32.3, 31.8)):
            if width > 1.0 or center == (32.0, 32.0):
                yield Case(
                    f"sharp spots of radius {width} at {center}",
                    _spots(width, 3000, True, center=center),
                )
    for width in (0.7, 0.85, 1.0, 1.5, 2.5):
        yield Case(f"round spots, sigma {width}", _spots(width, 3000, False))
        yield Case(
            f"round spots, sigma {width}, off", _spots(width, 3000, False, center=(31.6, 32.5))
        )
    for width, sharp in ((1.5, True), (2.0, True), (1.0, False), (1.5, False)):
        yield Case(f"rare reflections {width} {sharp}", _spots(width, 900, sharp, rare=3))
        yield Case(
            f"noise-free spots {width} {sharp}", _spots(width, 900, sharp, noise=False, rare=3)
        )


def sound():
    """Nothing is faulty, though some of it is sharp, moving, dark or empty."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:64, :64].astype(float)
    yield Case("discs", turned_discs().astype("u2"))
    yield Case("discs of floats", turned_discs().astype("f4"))
    yield Case("noise-free discs", turned_discs(noise=False))
    for dose in (1, 10, 50, 200, 1e5, 1e7):
        yield Case(f"discs of {dose:g} electrons", turned_discs(dose=dose).astype("u4"))
    yield Case("electrons of 100 counts", turned_discs(dose=50).astype("f4") * 100.0)
    yield Case("8 patterns", turned_discs(scan=(2, 4)).astype("u2"))
    yield Case("4 patterns", turned_discs(scan=(2, 2)).astype("u2"))
    yield Case("1 pattern", turned_discs(scan=(1, 1)).astype("u2"))
    sharp = np.hypot(y - 30, x - 33)
    for radius in (2.0, 2.5, 5.0, 14.7):
        scan = np.broadcast_to(100.0 * (sharp < radius), (6, 6, 64, 64))
        yield Case(f"noise-free sharp disc of radius {radius}", scan.copy())
        yield Case(f"sharp disc of radius {radius}", rng.poisson(scan).astype("u2"))
    fringes = 30 * (sharp < 20) * (1 + 0.6 * np.cos(2 * np.pi * y / 8)) + 0.3
    fringes = rng.poisson(np.broadcast_to(fringes, (8, 8, 64, 64))).astype("u2")
    yield Case("fringes of 8 rows", fringes)
    for gap in (2, 3):
        apart = np.hypot(np.abs(y - 31) - 12 - gap / 2, x - 33) - 12
        pair = np.broadcast_to(100 / (1 + np.exp(apart / 0.6)), (8, 8, 64, 64))
        yield Case(f"discs that are {gap} px apart", rng.poisson(pair).astype("u2"))
    stopped = np.where((np.abs(x - 33) < 3) & (y > 28), 0.0, 40 * np.exp(-((sharp / 15) ** 2)))
    yield Case("beam stop", rng.poisson(np.broadcast_to(stopped, (8, 8, 64, 64))).astype("u2"))
    wandering = np.stack(
        [
            [100.0 * (np.hypot(y - 20 - 3 * i, x - 20 - 3 * j) < 6) for j in range(8)]
            for i in range(8)
        ]
    )
    yield Case("a disc that wanders", rng.poisson(wandering).astype("u2"))
    dark = rng.normal(0, 5, (8, 8, 64, 64)) + 300 * (sharp < 12)
    yield Case("dark-subtracted", dark.astype("i2"))
    yield Case("pedestal", (dark + 1000).astype("f4"))
    ring = np.exp(-(((sharp - 20) / 2) ** 2)) * 30 + 200 * (sharp < 4)
    yield Case("ring and spot", rng.poisson(np.broadcast_to(ring, (8, 8, 64, 64))).astype("u2"))


def saturated():
    """An area of the beam counts no further: it stays, and is told."""
    for top, dtype in ((63, "u1"), (255, "u1"), (4095, "u2"), (65535, "u2"), (1000, "u2")):
        scan = np.minimum(turned_discs(dose=300.0 * top, scan=(6, 6)), top).astype(dtype)
        yield Case(f"saturated at {top}", scan, saturated=float(top))
    full = np.minimum(turned_discs(dose=300.0 * 4095, scan=(6, 6)), 4095).astype("u2")
    full[..., 3, 3] = 9999
    yield Case("saturated, and a hot pixel", full, pixels={(3, 3)}, saturated=4095.0)
