"""Outline of a virtual detector, its area, and the grips to change it.

Positions are ``(ky, kx)`` in pixels, radii in kx-pixels.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.detectors import (
    AnnularDetector,
    Detector,
    DiscDetector,
    PolygonDetector,
    SegmentDetector,
)

Round = AnnularDetector | DiscDetector | SegmentDetector
Curve = tuple[NDArray[np.floating], NDArray[np.floating]]
POINTS = 91  # of a curve
THINNEST = 0.5  # pixels from edge to edge


@dataclass(frozen=True)
class Grip:
    """A round detector that was taken at ``(ky, kx)``, all of it or an edge, as before the drag."""

    detector: Round
    at: tuple[float, float]
    part: Literal["inside", "inner", "outer"]

    def moved(self, ky: float, kx: float, shape: tuple[int, int]) -> Round:
        """Detector for a pointer at ``(ky, kx)``; its centre stays on the pattern."""
        old = self.detector
        if self.part == "inside":
            y = old.center[0] + ky - self.at[0]
            x = old.center[1] + kx - self.at[1]
            center = (min(max(y, 0.0), shape[0] - 1.0), min(max(x, 0.0), shape[1] - 1.0))
            return replace(old, center=center)
        inner, outer = radii(old)
        pulled = distance(old, ky, kx) - distance(old, *self.at)
        if self.part == "inner":
            return with_radii(old, min(inner + pulled, outer - THINNEST), outer)
        return with_radii(old, inner, max(outer + pulled, inner + THINNEST))


def grip(detector: Detector | None, ky: float, kx: float, reach: float) -> Grip | None:
    """Grip at ``(ky, kx)``, with edges within `reach` pixels; None beside the detector."""
    if not isinstance(detector, Round):
        return None
    inner, outer = radii(detector)
    away = distance(detector, ky, kx)
    near = min(reach, (outer - inner) / 3)
    if abs(away - outer) <= max(near, reach * (away > outer)):
        return Grip(detector, (ky, kx), "outer")
    if inner > 0 and abs(away - inner) <= near:
        return Grip(detector, (ky, kx), "inner")
    return Grip(detector, (ky, kx), "inside") if away < outer else None


def radii(detector: Round) -> tuple[float, float]:
    """Inner and outer radius."""
    if isinstance(detector, DiscDetector):
        return 0.0, detector.radius
    return detector.inner, detector.outer


def with_radii(detector: Round, inner: float, outer: float) -> Round:
    """The same detector with other radii."""
    if isinstance(detector, DiscDetector):
        return replace(detector, radius=outer)
    return replace(detector, inner=max(inner, 0.0), outer=outer)


def distance(detector: Round, ky: float, kx: float) -> float:
    """Distance of a position from the centre."""
    y = (ky - detector.center[0]) * detector.aspect
    return float(np.hypot(y, kx - detector.center[1]))


def outline(detector: Detector | None) -> list[Curve]:
    """Curves ``ky, kx`` around a detector and between its segments."""
    if isinstance(detector, PolygonDetector):
        corners = np.array([*detector.vertices, detector.vertices[0]])
        along = np.linspace(0, len(corners) - 1, POINTS)
        at = np.arange(len(corners))
        return [(np.interp(along, at, corners[:, 0]), np.interp(along, at, corners[:, 1]))]
    if not isinstance(detector, Round):
        return []
    inner, outer = radii(detector)
    turn: Any = np.linspace(0, 2 * np.pi, POINTS)
    curves = [_polar(detector, radius, turn) for radius in (inner, outer) if radius > 0]
    if isinstance(detector, SegmentDetector):
        between = (np.arange(detector.segments) + 0.5) / detector.segments
        spoke = np.linspace(inner, outer, POINTS)
        curves += [
            _polar(detector, spoke, direction)
            for direction in detector.rotation + 2 * np.pi * between
        ]
    return curves


def area(detector: Detector | None) -> Curve | None:
    """One closed curve ``ky, kx`` around all of a detector; a ring's hole is left out of it."""
    if not isinstance(detector, Round):
        return next(iter(outline(detector)), None)
    inner, outer = radii(detector)
    there: Any = np.linspace(0, 2 * np.pi, POINTS // 2 + 1)
    back: Any = np.linspace(2 * np.pi, 0, POINTS // 2)
    edges = _polar(detector, outer, there), _polar(detector, inner, back)
    ky, kx = (np.concatenate(parts) for parts in zip(*edges, strict=True))
    return ky, kx


def _polar(detector: Round, radius: Any, turn: Any) -> Curve:
    y, x = detector.center
    return y + radius * np.sin(turn) / detector.aspect, x + radius * np.cos(turn)
