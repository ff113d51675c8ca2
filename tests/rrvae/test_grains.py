"""Two grains: how they are turned and where they meet, told by angle and latents."""

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.maps.orientation import find_grain_boundary
from stemwidgets.signals.conversion import signal_to_arrays


def errors(dose, seed):
    """Of the rotation [°] and of the boundary [steps], by the model and by the COM."""
    signal = sw.samples.graphene_grains(dose=dose, seed=seed)
    truth = signal.original_metadata.structure
    boundary = truth.boundary_x / signal_to_arrays(signal)[1].scan_x.scale
    maps = sw.RRVAE(latent_dim=2, seed=seed).fit(signal).encode(signal)
    com = sw.center_of_mass(signal)
    by = {
        "model": find_grain_boundary(maps.angle.data, maps.latent.data.transpose(1, 2, 0)),
        "COM": find_grain_boundary(com.angle.data, com.magnitude.data[..., None]),
    }
    return {
        name: (np.degrees(split.rotation - truth.rotation), split.boundary - boundary)
        for name, split in by.items()
    }


def test_the_rotation_of_two_grains_and_their_boundary_are_recovered():
    rotation, boundary = errors(None, 0)["model"]
    assert abs(rotation) < 1
    assert abs(boundary) <= 1


@pytest.mark.benchmark
def test_the_grains_are_recovered_in_every_seed():
    missed = []
    for dose, steps in ((None, 1), (2e5, 2)):
        for seed in range(10):
            found = errors(dose, seed)
            told = "; ".join(f"{n} {r:+.2f}°, {b:+.0f} steps" for n, (r, b) in found.items())
            print(f"\n{dose or 'noise-free'}, seed {seed}: errors by {told}")
            rotation, boundary = np.abs(found["model"])
            if rotation >= 1 or boundary > steps:
                missed.append((dose, seed))
    assert missed == []
