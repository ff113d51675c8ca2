"""Noise-free scans whose band limit is known, and errors against their COM."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import stemwidgets as sw
from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.arrays.maps.circular import wrap
from stemwidgets.signals.conversion import signal_to_arrays

STEP = 0.178  # Å, of a scan that is interpolated
SIZES = {  # positions of interpolated scans; 0.178 Å apart they do not end on a period
    "graphene, 32 × 32": (32, 32),
    "Si in graphene, 64 × 64": (64, 64),
    "vacancy, 64 × 64": (64, 64),
}
SAMPLES = {
    "graphene": "graphene",
    "graphene, periodic": "graphene",
    "graphene, 32 × 32": "graphene",
    "Si in graphene, 64 × 64": "graphene_silicon",
    "vacancy, 64 × 64": "graphene_vacancy",
}

Array = Any


@dataclass(frozen=True, eq=False)
class KnownScan:
    """Expected patterns ``[iy, ix, ky, kx]`` in shares of the dose, and what is known of them."""

    clean: Array
    limit: BandLimit
    pixel_size: tuple[float, float]

    def __post_init__(self) -> None:
        com = self.deflection(self.clean)
        size = np.hypot(com[..., 0], com[..., 1])
        ring = np.ones(size.shape, bool)
        ring[1:-1, 1:-1] = False
        object.__setattr__(self, "com", com)
        object.__setattr__(self, "strong", size > np.percentile(size, 20))
        object.__setattr__(self, "ring", ring & self.strong)

    def drawn(self, dose: float | None, seed: int) -> Array:
        """Counts of a dose [electrons per pattern], or the expectation."""
        if dose is None:
            return (self.clean * 1e6).astype(np.float32)
        return np.random.default_rng(seed).poisson(self.clean * dose).astype(np.uint16)

    def deflection(self, data: Array) -> Array:
        """COM ``[iy, ix, 2]`` about that of the mean pattern, as the rrVAE's angle is [1/Å]."""
        mean = data.mean(axis=(0, 1), dtype=float)
        return (center_of_mass(data) - center_of_mass(mean[None])[0]) * self.pixel_size

    def errors(self, angle: Array) -> Array:
        """Error of each angle against that of the noise-free COM [°]."""
        return np.degrees(np.abs(wrap(angle - direction(self.com))))

    def median(self, angle: Array, where: Array | None = None) -> float:
        """Median error [°], where the noise-free |COM| is above its 20th percentile."""
        return float(np.median(self.errors(angle)[self.strong if where is None else where]))


def direction(com: Array) -> Array:
    return np.arctan2(com[..., 0], com[..., 1])


@cache
def known_scan(name: str) -> KnownScan:
    """The scan of this name."""
    signal = getattr(sw.samples, SAMPLES[name])()
    data, axes = signal_to_arrays(signal)
    tem = signal.metadata.Acquisition_instrument.TEM
    highest = 2e-3 * float(tem.get_item("convergence_angle")) / wavelength(tem.beam_energy)
    steps = axes.scan_y.scale, axes.scan_x.scale
    clean = np.asarray(data, dtype=float)
    if name in SIZES:
        clean = interpolated(clean, steps, highest, SIZES[name])
        steps = STEP, STEP
    limit = BandLimit(highest, (highest * steps[0], highest * steps[1]), "periodic" in name)
    pixel = abs(axes.ky.scale), abs(axes.kx.scale)
    return KnownScan(clean / clean.sum(axis=(2, 3)).mean(), limit, pixel)


def interpolated(patterns: Array, steps, highest: float, size: tuple[int, int]) -> Array:
    """A periodic cell at so many positions STEP apart, without the waves beyond the limit."""
    rows, columns = patterns.shape[:2]
    waves = np.fft.fft2(patterns.reshape(rows, columns, -1), axes=(0, 1))
    fy, fx = np.fft.fftfreq(rows, steps[0]), np.fft.fftfreq(columns, steps[1])
    waves[np.hypot(fy[:, None], fx) > highest] = 0
    down, along = (
        np.exp(2j * np.pi * STEP * np.arange(n)[:, None] * f)
        for n, f in zip(size, (fy, fx), strict=True)
    )
    by_row = np.tensordot(down / rows, waves, (1, 0))
    found = np.matmul(along / columns, by_row).real
    return np.clip(found, 0, None).reshape(*size, *patterns.shape[2:])
