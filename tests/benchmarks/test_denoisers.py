"""Denoisers of whole scans, judged by the noise-free patterns.

``python -m pytest -m benchmark -s tests/benchmarks/test_denoisers.py``

The error is the median of the COM direction of the denoised scan, where the noise-free COM is above
its 20th percentile; R² is the share of the variance of the noise-free patterns over the scan that
the denoised ones explain. The first four know 2α/λ, "waves" are those that the package fits. The
others do not, and are shown with the ranks or the width that the truth itself calls best for the
angle: no user could choose as well. Tensor SVD: Zhang et al., Ultramicroscopy 219, 113123 (2020).
"""

from functools import cache

import numpy as np
import pytest
from scipy import linalg, ndimage, special
from scipy.signal import windows

import stemwidgets as sw
from benchmarks.known_scans import direction, known_scan
from benchmarks.table import Figure, Table, seeds
from stemwidgets.arrays.band_limit.limit import low_passed
from stemwidgets.arrays.band_limit.neighbours import Neighbours

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

COMPONENTS = (1, 2, 4, 6, 10)
SCAN_RANKS = (0.3, 0.5, 0.7)  # of the rows and columns
WIDTHS = (0.4, 0.7, 1.0, 1.3, 1.6, 2.0)  # scan steps, standard deviation


def mirrored(data, limit, _):
    yield low_passed(data, limit.per_step)[0]


def slepian(data, limit, _):
    """Least squares on the functions that are most concentrated below the limit, on each axis."""
    for axis, edge in enumerate(limit.per_step):
        size = data.shape[axis]
        tapers = windows.dpss(size, edge * size, min(int(2 * edge * size) + 2, size), norm=2)
        data = np.moveaxis(np.tensordot(tapers.T @ tapers, data, (1, axis)), 0, axis)
    yield data


def flat_process(data, limit, noise):
    """Gaussian process whose prior is as strong at all frequencies within the limit."""
    smoother = _flat_smoother(data.shape[:2], limit.per_step, float(f"{noise:.2g}"))
    mean = data.mean(axis=(0, 1))
    yield (smoother @ (data - mean).reshape(len(smoother), -1)).reshape(data.shape) + mean


@cache
def _flat_smoother(shape, per_step, noise):
    y, x = (np.arange(n) * edge for n, edge in zip(shape, per_step, strict=True))
    places = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    apart = np.maximum(2 * np.pi * np.hypot(*np.moveaxis(places[:, None] - places, -1, 0)), 1e-9)
    kernel = 2 * special.j1(apart) / apart
    return linalg.solve(kernel + noise * np.eye(len(kernel)), kernel, assume_a="pos").T


def fitted_waves(data, limit, noise):
    whole = np.zeros(data.shape[:2], bool)
    yield Neighbours.of(data.shape[:2], limit, noise).fit_maps(data, whole)[0]


def principal_components(data, *_):
    side = int(np.sqrt(data.shape[2]))
    patterns = data.reshape(*data.shape[:2], side, side)
    for number in COMPONENTS:
        yield sw.Preparation().denoise(number).apply(patterns).reshape(data.shape)


def tensor_svd(data, *_):
    mean = data.mean(axis=(0, 1))
    rest = data - mean
    bases = []
    for axis in range(3):
        unfolded = np.moveaxis(rest, axis, 0).reshape(rest.shape[axis], -1)
        bases.append(np.linalg.eigh(unfolded @ unfolded.T)[1][:, ::-1])
    for share in SCAN_RANKS:
        for number in COMPONENTS:
            found = rest
            ranks = [max(1, round(share * n)) for n in rest.shape[:2]] + [number]
            for axis, (basis, rank) in enumerate(zip(bases, ranks, strict=True)):
                found = np.moveaxis(np.tensordot(basis[:, :rank].T, found, (1, axis)), 0, axis)
            for axis, (basis, rank) in enumerate(zip(bases, ranks, strict=True)):
                found = np.moveaxis(np.tensordot(basis[:, :rank], found, (1, axis)), 0, axis)
            yield found + mean


def blur(data, *_):
    for width in WIDTHS:
        yield ndimage.gaussian_filter1d(
            ndimage.gaussian_filter1d(data, width, 0, mode="nearest"), width, 1, mode="nearest"
        )


DENOISERS = {
    "none": lambda data, *_: iter([data]),
    "mirrored": mirrored,
    "Slepian": slepian,
    "flat": flat_process,
    "waves": fitted_waves,
    "PCA": principal_components,
    "tensor": tensor_svd,
    "blur": blur,
}


@pytest.mark.parametrize("dose", [1e3, 1e4, 1e5], ids=lambda dose: f"{dose:.0e}")
@pytest.mark.parametrize("name", ["graphene", "Si in graphene, 64 × 64"])
def test_denoised_scans(name, dose):
    scan = known_scan(name)
    shape = scan.clean.shape
    clean = scan.clean.reshape(*shape[:2], -1)
    spread = ((clean - clean.mean(axis=(0, 1))) ** 2).sum()
    table = Table(
        f"{name}, {dose:.0e} e/pattern".replace("+0", ""),
        [
            Figure("error [°]", digits=2),
            Figure("on the ring [°]", digits=2),
            Figure("R²", digits=3),
        ],
        labels="denoiser",
    )
    chosen = seeds() if scan.strong.size < 1000 else seeds()[:3]
    for label, denoise in DENOISERS.items():
        rows = []
        for seed in chosen:
            data = scan.drawn(dose, seed) / dose
            noise = com_noise(scan, data, dose)
            tried = [
                judged(scan, found, data, clean, spread)
                for found in denoise(data.reshape(clean.shape), scan.limit, noise)
            ]
            rows.append(min(tried))
        table.add(label, list(np.mean(rows, axis=0)))
    table.close()


def com_noise(scan, data, dose):
    """Variance of the shot noise of the COM, <k²>/2N, over that of the COM without it."""
    mean = data.mean(axis=(0, 1))
    k = np.indices(mean.shape) * np.reshape(scan.pixel_size, (2, 1, 1))
    centre = (k * mean).sum(axis=(1, 2)) / mean.sum()
    squared = ((k - centre[:, None, None]) ** 2).sum(axis=0)
    noise = (squared * mean).sum() / mean.sum() / 2 / dose
    return noise / max(scan.deflection(data).var(axis=(0, 1)).mean() - noise, noise / 10)


def judged(scan, found, data, clean, spread):
    patterns = found.reshape(data.shape)
    angle = direction(scan.deflection(patterns))
    rest = ((found - clean) ** 2).sum()
    return scan.median(angle), scan.median(angle, scan.ring), float(1 - rest / spread)
