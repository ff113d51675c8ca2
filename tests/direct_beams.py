"""Mean patterns whose direct beam is known, by kinds that can be combined."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.disc.find import CIRCLE, Disc, Ellipse, find_disc
from stemwidgets.arrays.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Beam:
    """A pattern in the making: a direct beam and what is put around it.

    `center` is None where there is no direct beam to find; `radius` is that along kx. `clean` is
    False where noise or a cut edge allow twice the error. What is saturated reaches out into the
    soft edge, by up to `spread` pixels.
    """

    rng: np.random.Generator
    shape: tuple[int, int] = (128, 128)
    center: tuple[float, float] | None = (62.0, 66.0)
    radius: float = 12.0
    aspect: float = 1.0
    soft: float = 0.4
    ellipse: Ellipse = CIRCLE
    hollow: float = 0.0
    pattern: Array = field(default_factory=lambda: np.zeros((0, 0)))
    mask: NDArray[np.bool_] | None = None
    clean: bool = True
    spread: float = 0.0

    def from_center(self, at: tuple[float, float] | None = None) -> tuple[Array, Array]:
        assert at is not None or self.center is not None
        cy, cx = at or self.center
        iy, ix = np.indices(self.shape, dtype=float)
        return (iy - cy) * self.aspect, ix - cx

    def disc(self, at: tuple[float, float] | None = None) -> Array:
        """A disc of brightness 1."""
        distance = np.hypot(*self.ellipse.undo(*self.from_center(at)))
        filled = 1 / (1 + np.exp(np.clip((distance - self.radius) / self.soft, -50, 50)))
        if self.hollow:
            inner = (distance - self.hollow * self.radius) / self.soft
            filled /= 1 + np.exp(np.clip(-inner, -50, 50))
        return filled

    def plus(self, more: Array, **changes: Any) -> "Beam":
        return replace(self, pattern=self.pattern + more, **changes)


Kind = Callable[[Beam], Beam]


def reflections(share: float, angles: int = 4, distance: float = 3.2) -> Kind:
    """Pairs of discs about the beam; each pair a little weaker or stronger than `share`."""

    def add(beam: Beam) -> Beam:
        start = beam.rng.uniform(0, np.pi)
        more = np.zeros(beam.shape)
        for k in range(angles // 2):
            turn = start + 2 * np.pi * k / angles
            away = distance * beam.radius * np.array([np.sin(turn) / beam.aspect, np.cos(turn)])
            strength = share * beam.rng.uniform(0.8, 1.0)
            for sign in (1, -1):
                at = tuple(np.add(beam.center, sign * away))
                more += strength * beam.rng.uniform(0.9, 1.0) * beam.disc(at)
        return beam.plus(100 * more)

    return add


def gaussian(beam: Beam) -> Beam:
    y, x = beam.from_center()
    return beam.plus(25 * np.exp(-(y**2 + x**2) / (2 * (2.5 * beam.radius) ** 2)))


def lorentzian(beam: Beam) -> Beam:
    y, x = beam.from_center()
    return beam.plus(30 / (1 + (y**2 + x**2) / (1.5 * beam.radius) ** 2))


def power_law(beam: Beam) -> Beam:
    y, x = beam.from_center()
    return beam.plus(30 / (1 + np.hypot(y, x) / beam.radius) ** 2.2)


def rings(beam: Beam) -> Beam:
    distance = np.hypot(*beam.from_center()) / beam.radius
    halo = 14 * np.exp(-(((distance - 2.6) / 0.35) ** 2)) + 6 * np.exp(
        -(((distance - 4.4) / 0.5) ** 2)
    )
    return beam.plus(halo + 8 / (1 + distance**2))


def saturated(beam: Beam) -> Beam:
    return replace(
        beam, pattern=np.minimum(beam.pattern, 0.6 * beam.pattern.max()), spread=2 * beam.soft
    )


def hot_pixels(beam: Beam) -> Beam:
    pattern = beam.pattern.copy()
    where = beam.rng.integers(0, pattern.size, max(1, pattern.size // 1500))
    pattern.ravel()[where] = beam.rng.choice([300, 4095, 65535], len(where))
    return replace(beam, pattern=pattern)


def hot_row(beam: Beam) -> Beam:
    pattern = beam.pattern.copy()
    pattern[int(beam.center[0] + 0.3 * beam.radius)] = 4095
    return replace(beam, pattern=pattern)


def masked_stop(beam: Beam) -> Beam:
    y, x = beam.from_center()
    stop = np.hypot(y, x) < 0.5 * beam.radius
    stop |= (np.abs(x) < max(0.15 * beam.radius, 0.6)) & (y > 0)
    return replace(beam, pattern=np.where(stop, 0, beam.pattern), mask=stop)


def covering_stop(beam: Beam) -> Beam:
    """A stop that is not masked hides all of the beam: what is left are reflections and halo."""
    y, x = beam.from_center()
    stop = np.hypot(y, x) < 1.5 * beam.radius
    stop |= (np.abs(x) < 0.4 * beam.radius) & (y > 0)
    return replace(beam, pattern=np.where(stop, 0.5, beam.pattern), center=None)


def uneven(beam: Beam) -> Beam:
    """Interference within the disc."""
    y, x = beam.from_center()
    turn = beam.rng.uniform(0, 2 * np.pi)
    wave = np.cos(2 * np.pi * (np.cos(turn) * x + np.sin(turn) * y) / (0.9 * beam.radius))
    return replace(beam, pattern=beam.pattern * (1 + 0.25 * wave))


def streaks(beam: Beam) -> Beam:
    y, x = beam.from_center()
    more = np.zeros(beam.shape)
    for _ in range(4):
        turn = beam.rng.uniform(0, 2 * np.pi)
        along, across = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
        width = 0.15 * beam.radius + 0.5
        streak = 35 * np.exp(-np.abs(along) / (2 * beam.radius) - (across / width) ** 2)
        more = np.maximum(more, np.where(along > 0, streak, 0.0))
    return beam.plus(more)


def counts(per_pattern: float) -> Kind:
    def add(beam: Beam) -> Beam:
        pattern = np.clip(beam.pattern, 0, None)
        noisy = beam.rng.poisson(pattern * (per_pattern / pattern.sum()))
        return replace(beam, pattern=noisy.astype(float), clean=False)

    return add


def start(
    seed: int,
    shape: tuple[int, int] = (128, 128),
    center: tuple[float, float] | None = None,
    radius: float = 12.0,
    **options: Any,
) -> Beam:
    """A disc of 100 counts on 1, near the middle."""
    rng = np.random.default_rng(seed)
    if center is None:
        middle = (np.array(shape) - 1) / 2
        center = tuple(middle + rng.uniform(-0.08, 0.08, 2) * shape)
    beam = Beam(rng, shape, center, radius, pattern=np.ones(shape), **options)
    return beam.plus(100 * beam.disc())


def outcome(beam: Beam) -> tuple[str, str]:
    """``right``, ``unsure`` or ``wrong``, and what was found in words."""
    try:
        disc = find_disc(beam.pattern, (beam.aspect, 1.0), beam.mask)
    except InputError as error:
        return "unsure", str(error)[:60]
    words = f"({disc.center[0]:.1f}, {disc.center[1]:.1f}) r {disc.radius:.1f} {disc.doubt}"
    if not disc.sure:
        return "unsure", words
    if beam.center is None or not is_right(disc, beam):
        return "wrong", words
    return "right", words


def is_right(disc: Disc, beam: Beam) -> bool:
    slack = 1.0 if beam.clean else 2.0
    margin = slack * max(0.7, 0.05 * beam.radius)
    off = np.subtract(disc.center, beam.center) * (beam.aspect, 1.0)
    return bool(
        np.hypot(*off) <= slack * max(0.5, 0.03 * beam.radius)
        and -margin <= disc.radius - beam.radius <= margin + beam.spread
    )
