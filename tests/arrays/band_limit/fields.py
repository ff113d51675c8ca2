"""Scans whose band limit is known, for the tests of the fit."""

import numpy as np

import stemwidgets as sw
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.center_of_mass import center_of_mass
from stemwidgets.signals.conversion import signal_to_arrays

CROPS = {"graphene": np.s_[1:14, 1:22], "zincblende": np.s_[1:30, 2:25]}  # off their period


def field(name, defocus=0.0):
    """COM ``[iy, ix, 2]`` of a noise-free sample off its period, less its mean, and the limit."""
    signal = getattr(sw.samples, name)()
    data, axes = signal_to_arrays(signal)
    tem = signal.metadata.Acquisition_instrument.TEM
    highest = 2e-3 * float(tem.get_item("convergence_angle")) / wavelength(tem.beam_energy)
    com = center_of_mass(data)[CROPS[name]]
    limit = highest * axes.scan_y.scale, highest * axes.scan_x.scale
    return com - com.mean(axis=(0, 1)), limit


def waves(shape, limit, seed=0, count=60, top=0.9):
    """A sum of waves of all directions below a share of the limit, not periodic in the scan."""
    random = np.random.default_rng(seed)
    y, x = (np.arange(size) for size in shape)
    total = np.zeros(shape)
    for _ in range(count):
        angle, phase = random.uniform(0, 2 * np.pi, 2)
        q = top * np.sqrt(random.uniform())
        down, along = q * np.sin(angle) * limit[0], q * np.cos(angle) * limit[1]
        total += np.cos(2 * np.pi * (down * y[:, None] + along * x) + phase)
    return (total / total.std())[..., None]


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def thick_specimen(shape, defocus, box=(8.0, 9.5), pixels=(48, 57), slices=4):
    """Patterns ``[iy, ix, ky kx]`` by multislice, and the limit of the scan.

    A defocused 25 mrad probe of 200 kV goes through random phase objects 30 Å apart, in a periodic
    box; the scan, of steps of 0.13 and 0.11 Å, ends off the period.
    """
    random, length = np.random.default_rng(5), wavelength(200.0)
    ky, kx = (np.fft.fftfreq(n, size / n) for n, size in zip(pixels, box, strict=True))
    squared = ky[:, None] ** 2 + kx**2
    highest = 25e-3 / length
    probe = (squared <= highest**2) * np.exp(-1j * np.pi * length * defocus * squared)
    spread = np.exp(-1j * np.pi * length * 30.0 * squared)
    slowly = np.exp(-squared / 2)
    objects = [
        np.exp(4j * np.fft.ifft2(slowly * np.fft.fft2(random.standard_normal(pixels))).real)
        for _ in range(slices)
    ]
    y, x = 0.13 * np.arange(shape[0]), 0.11 * np.arange(shape[1])
    ramp = np.exp(-2j * np.pi * (y[:, None, None, None] * ky[:, None] + x[:, None, None] * kx))
    wave = probe * ramp
    for each in objects:
        wave = spread * np.fft.fft2(each * np.fft.ifft2(wave))
    patterns = (np.abs(wave) ** 2).reshape(*shape, -1)
    return patterns, (2 * highest * 0.13, 2 * highest * 0.11)
