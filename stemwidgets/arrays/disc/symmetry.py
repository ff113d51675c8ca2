"""Test whether the discs around one disc lie as reflections lie around the direct beam."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

RIVAL = 0.7  # of the brightness of the disc: crystals make reflections as bright
FAINT = 0.15  # of it: a fainter disc counts as no neighbour
DOMINANT = 0.5  # of it: no other disc is brighter than this
LEAST_PAIRS = 2  # about a place without a disc
PAIRED, SURELY_PAIRED = 0.5, 0.6  # of what could be paired
BETTER, FAR_BETTER = 1.3, 2.0  # times as symmetric

Array = NDArray[np.floating]


class NeighbourDiscs:
    """Discs around a disc; reflections come in pairs, ±g, about the direct beam.

    Parameters
    ----------
    places : list of (float, float)
        Places of the discs of the same size, this one included.
    bright : list of float
        Brightness of each, relative to this disc.
    at : (float, float)
        Place of the disc.
    radius : float
        Radius of the disc.
    shape : (int, int)
        Shape of the pattern.
    """

    def __init__(
        self,
        places: list[tuple[float, float]],
        bright: list[float],
        at: tuple[float, float],
        radius: float,
        shape: tuple[int, ...],
    ) -> None:
        self._at, self._shape = np.array(at), np.array(shape)
        self._near = max(1.5, 0.35 * radius)
        where, strong = np.array(places).reshape(-1, 2), np.array(bright)
        apart = np.hypot(*(where - self._at).T) > max(0.7 * radius, 1.5)
        kept = apart & (strong > FAINT)
        self._places, self._bright = where[kept], np.minimum(strong[kept], 1.5)

    @property
    def rivals(self) -> Array:
        """Places of discs that are as bright."""
        return self._places[self._bright >= RIVAL]

    @cached_property
    def better(self) -> tuple[float, float] | None:
        """A disc as bright that is clearly more symmetric, if there is one."""
        if not len(self.rivals):
            return None
        paired = [self._share(place) for place in self.rivals]
        first = int(np.argmax(paired))
        if paired[first] > BETTER * self._share(self._at):
            y, x = self.rivals[first]
            return float(y), float(x)
        return None

    @property
    def doubt(self) -> str:
        """Reason why the disc may be a reflection, in words; empty if there is none."""
        if not len(self._bright):
            return ""
        brightest, own = self._bright.max(), self._share(self._at)
        if brightest >= RIVAL and own < max(
            FAR_BETTER * max(map(self._share, self.rivals)), SURELY_PAIRED
        ):
            return "another disc is as bright"
        if brightest < DOMINANT:
            return ""
        hidden = self._hidden
        if hidden is not None:
            return f"the discs lie about ({hidden[0]:.0f}, {hidden[1]:.0f}), where none is seen"
        if own < PAIRED:
            return "it may be a reflection: others are not much weaker, and not in pairs about it"
        return ""

    @property
    def _hidden(self) -> tuple[float, float] | None:
        """A place without a disc about which all lie more symmetrically than about this one."""
        places = np.vstack([self._places, self._at])
        bright = np.append(self._bright, 1.0)
        first, second = np.triu_indices(len(places), 1)
        middles = (places[first] + places[second]) / 2
        weight = np.minimum(bright[first], bright[second])
        near = np.hypot(*(middles[:, None] - middles[None]).transpose(2, 0, 1)) < self._near
        about = near @ weight
        if not len(about) or (near.sum(axis=1) < LEAST_PAIRS).all():
            return None
        top = middles[near[int(np.argmax(about))]].mean(axis=0)
        if np.hypot(*(places - top).T).min() < 2 * self._near:
            return None
        clearer = self._share(top) > BETTER * self._share(self._at)
        return (float(top[0]), float(top[1])) if clearer else None

    def _share(self, about: Array) -> float:
        """Share of the discs that could have a partner and do; a few discs count little."""
        pairs, possible = self._paired(about)
        return pairs / (possible + 0.5)

    def _paired(self, about: Array) -> tuple[float, float]:
        """Brightness of discs that have a partner, and of those that could have one."""
        places = np.vstack([self._places, self._at])
        bright = np.append(self._bright, 1.0)
        partners = 2 * about - places
        own = np.hypot(*(places - about).T) < self._near
        on = ((partners >= 0) & (partners <= self._shape - 1)).all(axis=1) & ~own
        apart = np.hypot(*(places[:, None] - partners[None]).transpose(2, 0, 1)) < self._near
        met = (apart & ~own[:, None]).any(axis=0) & on
        return float(bright[met].sum()), float(bright[on].sum())
