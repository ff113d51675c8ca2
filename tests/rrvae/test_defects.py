"""The model is not told what to look for, and finds the silicon atom and the vacancy."""

from functools import cache

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.maps.anomaly import find_anomalies

DOSE = 5e4
SITES = {"graphene_silicon": (12, 22), "graphene_vacancy": (19, 12)}


def found(maps, site, smoothing=None):
    """Whether the most unusual place is at most one step from the site."""
    return bool(np.hypot(*np.subtract(find_anomalies(maps, smoothing).places(1)[0], site)) <= 1.5)


@cache
def scan_and_maps(name, seed):
    signal = getattr(sw.samples, name)(dose=DOSE, seed=seed)
    return signal, sw.RRVAE(latent_dim=2, seed=seed).fit(signal).encode(signal)


@pytest.mark.parametrize("name", SITES)
def test_the_latents_alone_find_the_defect(name):
    _, maps = scan_and_maps(name, 0)
    assert found(maps.latent.data.transpose(1, 2, 0), SITES[name])


def test_the_silicon_atom_is_told_by_the_misfit_of_a_single_pattern():
    _, maps = scan_and_maps("graphene_silicon", 0)
    residual = maps.residual.data
    assert np.unravel_index(residual.argmax(), residual.shape) == SITES["graphene_silicon"]


@pytest.mark.benchmark
@pytest.mark.parametrize("name", SITES)
def test_the_latents_find_the_defect_in_nine_of_ten_noise_seeds(name):
    hits = {"latents": 0, "residual": 0, "COM magnitude": 0, "COM magnitude, unsmoothed": 0}
    hits |= {"PCA (2)": 0, "PCA (4)": 0}
    for seed in range(10):
        signal, maps = scan_and_maps(name, seed)
        magnitude = sw.center_of_mass(signal).magnitude.data
        parts = sw.pca(signal, n_components=4).maps.data.transpose(1, 2, 0)
        hits["latents"] += found(maps.latent.data.transpose(1, 2, 0), SITES[name])
        hits["residual"] += found(np.log(maps.residual.data), SITES[name], 0)
        hits["COM magnitude"] += found(magnitude, SITES[name])
        hits["COM magnitude, unsmoothed"] += found(magnitude, SITES[name], 0)
        hits["PCA (2)"] += found(parts[..., :2], SITES[name])
        hits["PCA (4)"] += found(parts, SITES[name])
    print(f"\n{name}, {DOSE:g} e/pattern, found in 10 seeds: {hits}")
    assert hits["latents"] >= 9
