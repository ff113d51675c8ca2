"""Reconstruction of patterns by the trained model, and decoding of codes without a pattern."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from traitlets import Any as AnyTrait
from traitlets import HasTraits, Instance, observe

from stemwidgets.arrays.centring.move import put_back
from stemwidgets.state.background.worker import Worker
from stemwidgets.state.channels import Channels, latents
from stemwidgets.state.traits import Array, same

SAMPLED = 400  # positions that represent a large scan
AT_ONCE = 32  # patterns that are decoded together
RANGE = (1, 99)  # percentiles of a latent variable that bound what is looked at


class Code(NamedTuple):
    """Input of the decoder for one pattern.

    Parameters
    ----------
    latent : tuple of float
        Latent variables.
    angle : float
        Rotation [rad].
    kind : int
        Class; 0 if there are none.
    """

    latent: tuple[float, ...]
    angle: float = 0.0
    kind: int = 0


@dataclass(frozen=True, eq=False)
class ShownPattern:
    """A pattern together with its reconstruction, so that one is never seen beside another's.

    Parameters
    ----------
    position : (iy, ix)
        Scan position at which it was recorded.
    pattern : ndarray of float32, shape [ky, kx]
        Counts, read-only.
    reconstruction : ndarray of float32, shape [ky, kx], or None
        Reconstruction by the trained model; None without one.
    """

    position: tuple[int, int]
    pattern: NDArray[np.float32]
    reconstruction: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        self.pattern.flags.writeable = False
        if self.reconstruction is not None:
            self.reconstruction.flags.writeable = False

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ShownPattern)
            and self.position == other.position
            and same(self.pattern, other.pattern)
            and same(self.reconstruction, other.reconstruction)
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays


class Reconstruction(HasTraits):
    """Part of a session that decodes.

    Attributes
    ----------
    shown : ShownPattern or None
        Pattern at the position and its reconstruction, replaced together; None until a lazy scan
        has delivered its first pattern.
    pattern, reconstruction : ndarray of float32, shape [ky, kx], or None
        Both parts of `shown`, to be observed one by one.
    mean_reconstruction : ndarray of float32, shape [ky, kx], or None
        Mean of the reconstructions over the scan (of some hundred positions in a large one).
    latent_code : Code or None
        Place in the latent space on view, whether there is a pattern or not; at first that of
        the pattern at the position.
    decodable : the model whose codes the maps show, or None
    """

    shown = Instance(ShownPattern, allow_none=True)
    pattern = Array(read_only=True)
    reconstruction = Array(read_only=True)
    mean_reconstruction = Array()
    latent_code = Instance(Code, allow_none=True)
    decodable = AnyTrait(None, read_only=True)

    position: Any
    channels: Any
    descan_taken_off: Any
    _computer: Worker

    def decode(
        self,
        key: str,
        latent: ArrayLike,
        angle: ArrayLike,
        kind: ArrayLike,
        then: Callable[..., None],
    ) -> None:
        """Decode in the background; of several requests with one key only the latest counts.

        Parameters
        ----------
        key : str
            Name of the request.
        latent : array, shape [..., latent_dim]
            Latent variables.
        angle, kind : array, shape [...]
            Rotation [rad], and class, which is ignored if there are none.
        then : callable
            Receives the patterns ``[..., ky, kx]``, unless the model is gone by then.
        """
        model = self.decodable
        if model is None:
            return
        codes: list[Any] = [np.asarray(latent, np.float32), np.asarray(angle, np.float32)]
        if "classes" in self.channels:
            codes.append(np.asarray(kind))

        def show(patterns: Any) -> None:
            if self.decodable is model:
                then(patterns)

        self._computer.submit(f"decode {key}", lambda: model.decode(*codes), show)

    def code_here(self) -> Code | None:
        """The code of the pattern at the position; None if it has none."""
        if "angle" not in self.channels:
            return None
        latent, angle, *kind = (code[self.position] for code in encoded(self.channels))
        if not np.isfinite(latent).all():
            return None
        return Code(tuple(map(float, latent)), float(angle), int(kind[0]) if kind else 0)

    @observe("shown")
    def _shown_changed(self, change: Any) -> None:
        shown = change["new"]
        with self.hold_trait_notifications():
            self.set_trait("pattern", None if shown is None else shown.pattern)
            self.set_trait("reconstruction", None if shown is None else shown.reconstruction)

    def _show_pattern(self, position: tuple[int, int], pattern: NDArray[np.float32]) -> None:
        self.shown = ShownPattern(position, pattern, self._reconstructed(position))

    def _reconstructed(self, position: tuple[int, int]) -> NDArray[np.float32] | None:
        if self.decodable is None:
            return None
        here = (code[position] for code in encoded(self.channels))
        pattern: NDArray[np.float32] = self.decodable.decode(*here)
        descan = self.descan_taken_off
        return pattern if descan is None else put_back(pattern, descan.departure[position])

    def _set_decodable(self, model: Any) -> None:
        """Decode with a model, if there are maps to go with it."""
        model = model if "angle" in self.channels else None
        if model is not self.decodable and model is not None:
            self.latent_code = self.code_here() or _middle(self.channels)
        self.set_trait("decodable", model)
        if self.shown is not None:
            reconstruction = self._reconstructed(self.shown.position)
            self.shown = replace(self.shown, reconstruction=reconstruction)
        if model is None:
            self.mean_reconstruction = None
        else:
            self._average_reconstruction(model)

    def _average_reconstruction(self, model: Any) -> None:
        latent, *others = encoded(self.channels)
        defined = np.argwhere(np.isfinite(latent).all(axis=-1))
        chosen = defined[:: 1 + len(defined) // SAMPLED]
        codes = [code[tuple(chosen.T)] for code in (latent, *others)]

        def average() -> Any:
            parts = [slice(first, first + AT_ONCE) for first in range(0, len(chosen), AT_ONCE)]
            sums = [model.decode(*(code[part] for code in codes)).sum(axis=0) for part in parts]
            return sum(sums) / len(chosen) if sums else None

        def show(mean: Any) -> None:
            if self.decodable is model:
                self.mean_reconstruction = mean

        self._computer.submit("mean reconstruction", average, show)


def _middle(channels: Channels) -> Code:
    return Code(tuple((low + high) / 2 for low, high in latent_ranges(channels)))


def encoded(channels: Channels) -> list[NDArray[Any]]:
    """Latents ``[iy, ix, d]``, angle and, if there are any, classes, as `decode` takes them."""
    angle = np.nan_to_num(channels["angle"].values)  # any turn, where none is defined
    codes: list[NDArray[Any]] = [np.stack([z.values for z in latents(channels)], axis=-1), angle]
    if "classes" in channels:
        codes.append(np.nan_to_num(channels["classes"].values).astype(int))
    return codes


def latent_ranges(channels: Channels) -> list[tuple[float, float]]:
    """Range of nearly all patterns in each latent variable; empty without latents."""
    ranges = []
    for channel in latents(channels):
        finite = channel.values[np.isfinite(channel.values)]
        low, high = np.percentile(finite, RANGE).tolist() if finite.size else (-1.0, 1.0)
        ranges.append((low, high) if high > low else (low - 1.0, low + 1.0))
    return ranges
