"""ZnS has no centre of inversion along [110]; diamond, its control, has one."""

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.maps.inversion import measure_inversion

CONTROL = 0.05  # of breaking, that noise and the model leave to diamond


def breaking(name, dose, seed):
    """Of inversion, in what the model, the COM and the dark field say."""
    signal = getattr(sw.samples, name)(dose=dose, seed=seed)
    maps = sw.RRVAE(latent_dim=2, seed=seed).fit(signal).encode(signal)
    com = sw.center_of_mass(signal)
    angle = maps.angle.data
    return {
        "latents": measure_inversion(maps.latent.data.transpose(1, 2, 0)).breaking,
        "angle": measure_inversion(np.stack([np.cos(angle), np.sin(angle)], -1), odd=True).breaking,
        "COM magnitude": measure_inversion(com.magnitude.data).breaking,
        "COM": measure_inversion(np.stack([com.x.data, com.y.data], -1), odd=True).breaking,
        "dark field": measure_inversion(sw.virtual_image(signal, "ADF").data).breaking,
    }


def test_the_latents_tell_zinc_blende_from_its_control():
    assert breaking("zincblende", 1e5, 0)["latents"] > 2 * CONTROL
    assert breaking("diamond", 1e5, 0)["latents"] < CONTROL


@pytest.mark.benchmark
def test_the_latents_tell_them_apart_in_every_seed():
    said = {"zincblende": [], "diamond": []}
    for seed in range(10):
        for name, latents in said.items():
            values = breaking(name, 1e5, seed)
            told = ", ".join(f"{what} {value:.3f}" for what, value in values.items())
            print(f"\n{name}, 1e5 e/pattern, seed {seed}: {told}")
            latents.append(values["latents"])
    assert max(said["diamond"]) < CONTROL
    assert min(said["zincblende"]) > 2 * CONTROL
