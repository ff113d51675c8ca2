"""Power by scan frequency: nothing spills to high frequencies, and white noise is flat."""

import numpy as np
import pytest
from scipy import fft, signal

from stemwidgets.arrays.band_limit.ordered_waves import power_by_frequency


def waves(shape, steps, highest, seed=0, count=60):
    """A sum of waves of all directions below a frequency, not periodic in the scan."""
    random = np.random.default_rng(seed)
    y, x = (np.arange(size) * step for size, step in zip(shape, steps, strict=True))
    total = np.zeros(shape)
    for _ in range(count):
        angle, phase = random.uniform(0, 2 * np.pi, 2)
        k = highest * np.sqrt(random.uniform())
        total += np.cos(2 * np.pi * k * (np.sin(angle) * y[:, None] + np.cos(angle) * x) + phase)
    return total[..., None]


def mirrored(maps, steps, beyond):
    """Mean power of the mirrored cosine transform beyond a frequency."""
    power = fft.dctn(maps[..., 0] - maps.mean(), norm="ortho") ** 2
    down, along = (np.arange(n) / (2 * n * s) for n, s in zip(power.shape, steps, strict=True))
    return power[np.hypot(down[:, None], along) > beyond].mean()


def multitaper(maps, steps, beyond, half=3.0, count=3):
    """The same by Slepian's tapers."""
    values, power = maps[..., 0] - maps.mean(), 0.0
    tapers = [signal.windows.dpss(size, half, count) for size in values.shape]
    for down in tapers[0]:
        for along in tapers[1]:
            power = power + np.abs(fft.fft2(np.outer(down, along) * values)) ** 2 / count**2
    fy, fx = (fft.fftfreq(n, s) for n, s in zip(values.shape, steps, strict=True))
    return power[np.hypot(fy[:, None], fx) > beyond].mean()


@pytest.mark.parametrize("shape", [(13, 21), (24, 14), (31, 40), (57, 49)])
def test_nothing_of_slow_waves_spills_beyond_their_highest_frequency(shape):
    steps, highest = (0.17, 0.19), 1.2
    maps = waves(shape, steps, highest)
    found = power_by_frequency(maps, steps)
    beyond = found.edges[:-1] >= highest

    spilt = (found.power[:, 0] * found.waves)[beyond].sum() / found.waves[beyond].sum()

    others = {each: each(maps, steps, highest) / maps.var() for each in (mirrored, multitaper)}
    print(f"{shape}: {spilt / maps.var():.1e}", {k.__name__: f"{v:.1e}" for k, v in others.items()})
    assert spilt < 2e-3 * maps.var()
    assert all(spilt / maps.var() < 0.1 * other for other in others.values())


@pytest.mark.parametrize("shape", [(8, 8), (15, 22), (64, 33), (100, 70)])
@pytest.mark.parametrize("highest", [None, 1.5])
def test_white_noise_has_its_variance_at_every_frequency(shape, highest):
    maps = 2.0 * np.random.default_rng(1).normal(size=(*shape, 40)) + 5.0
    found = power_by_frequency(maps, (0.2, 0.3), highest)

    error = np.sqrt(2 / (found.waves * 40))
    level = found.power.mean(axis=1) / 4.0
    assert np.all(np.abs(level - 1) < 4.5 * error)
    assert found.waves.sum() == pytest.approx(np.prod(shape), rel=0.1)


def test_power_is_kept():
    maps = np.random.default_rng(2).normal(size=(23, 18, 2))
    found = power_by_frequency(maps, (1.0, 1.0))
    total = (found.power * found.waves[:, None]).sum(axis=0)
    assert total == pytest.approx(maps.size / 2 * maps.var(axis=(0, 1)), rel=1e-5)


def test_a_wave_is_found_at_its_frequency():
    y, x = np.mgrid[:40, :48] * 0.2
    maps = np.cos(2 * np.pi * (0.5 * y + 1.2 * x) + 0.3)[..., None]
    found = power_by_frequency(maps, (0.2, 0.2))
    highest = int(np.argmax(found.power[:, 0]))
    assert found.edges[highest] - 0.1 < 1.3 <= found.edges[highest + 1] + 0.1


def test_frequencies_beyond_those_asked_for_are_one_bin():
    maps = np.random.default_rng(3).normal(size=(30, 30, 1))
    whole, part = power_by_frequency(maps, (0.2, 0.2)), power_by_frequency(maps, (0.2, 0.2), 1.0)
    same = len(part.waves) - 1
    assert part.power[:same] == pytest.approx(whole.power[:same], rel=1e-4)
    assert part.waves.sum() == whole.waves.sum()
    assert part.edges[-1] == whole.edges[-1]
