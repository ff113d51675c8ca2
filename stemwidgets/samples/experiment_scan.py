"""A scan with all the faults of an experiment."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.calibration.electrons import wavelength
from stemwidgets.arrays.errors import InputError
from stemwidgets.samples.band_limited import BandLimitedScan, band_limited
from stemwidgets.samples.camera import Camera
from stemwidgets.samples.faults import draw_faults
from stemwidgets.samples.provenance import tell_truth
from stemwidgets.samples.shipped import require_dose, require_source
from stemwidgets.signals.conversion import arrays_to_signal, signal_to_arrays
from stemwidgets.signals.io.load import load

SCAN, STEP = (64, 64), 0.156  # positions (iy, ix) and their distance [Å]
DETECTOR, PIXEL = (44, 44), 0.05  # pixels (ky, kx) and their size [1/Å]
SILICON = (4.41, 5.63)  # place of the Si atom in the scan, between positions, (y, x) [Å]
EXPECTED = 1e7  # electrons per pattern without a dose, as of the shipped file
LARGEST_DESCAN = 5.0  # pixels over the field: what is simulated around the detector

EXPERIMENT_CAMERA = Camera(  # in units of `Camera`: a little of each
    descan=0.1,
    gain=0.03,
    hot=6,
    dead=1,
    cosmic_rays=1,
    jitter=0.03,
    line_jitter=0.03,
    drift=0.02,
)


def experiment(
    dose: float | None = 3e4,
    seed: int = 0,
    source_size: float = 0.7,
    descan: float | None = None,
    camera: Camera = EXPERIMENT_CAMERA,
) -> Any:
    """Graphene with a silicon atom in a divacancy, with the faults of an experiment.

    64 × 64 patterns of 44 × 44 pixels of 0.05 1/Å, 0.156 Å apart, simulated at 60 kV with an
    aberration-free 32 mrad probe. Positions and lines of the scan are off by 0.03 Å, the specimen
    drifts by 2 % of the field, the pattern moves by 0.1 pixel over the field, the gain of the
    pixels varies by 3 %; there are six hot pixels, a dead row and a cosmic ray. All atoms lie where
    they would in ideal graphene: unrelaxed, made by hand.

    Parameters
    ----------
    dose : float, optional
        Mean number of electrons per pattern, drawn from a Poisson distribution, before the faults
        of the pixels. None for the expectation at 10⁷ electrons per pattern, rounded to counts,
        without noise of the readout.
    seed : int
        Seed of the Poisson draw and of all faults; the specimen is the same for all seeds.
    source_size : float
        Full width at half maximum of the source, a Gaussian in the specimen [Å].
    descan : float, optional
        Shift of the pattern over the field [pixels], up to 5, in place of the camera's.
    camera : Camera
        The faults, in place of those above: ``sw.Camera()`` has none,
        ``dataclasses.replace(sw.samples.EXPERIMENT_CAMERA, hot=0)`` all but one.

    Returns
    -------
    pyxem.signals.ElectronDiffraction2D
        Counts, scan axes in Å from the first position, detector axes in 1/Å from the optic axis.
        ``original_metadata.structure.sites`` has the place of the Si atom, and
        ``original_metadata.truth`` the rest that is known: ``com`` (y, x), of the pattern that is
        expected without faults at the probe's position, from the optic axis [pixels]; ``position``
        (y, x), that position [Å]; ``descan`` (y, x), the shift of the pattern [pixels]; the
        ``gain`` map, the places of ``hot`` and ``dead`` pixels and ``cosmic_rays``.

    Raises
    ------
    InputError
        If `dose` is not a positive number, or more than 10⁸; if `source_size` is not from 0 to
        10 Å; if the descan is more than 5 pixels, or more faults are asked for than pixels are.
    """
    require_dose(dose)
    require_source(source_size)
    if not isinstance(camera, Camera):
        raise InputError(f"camera: expected a stemwidgets.Camera, got {camera!r}.")
    if descan is not None:
        camera = replace(camera, descan=descan)
    if camera.descan + camera.jump > LARGEST_DESCAN:
        raise InputError(
            f"descan: expected 0 to {LARGEST_DESCAN:g} pixels over the field, with the jump, got "
            f"{camera.descan + camera.jump!r}. Beyond, the sample does not know what comes into "
            "the detector."
        )
    field = (SCAN[0] * STEP, SCAN[1] * STEP)
    faults = draw_faults(camera, SCAN, field, DETECTOR, seed)
    shipped = load(Path(__file__).with_name("experiment.hspy"))
    steps = np.moveaxis(np.indices(SCAN, dtype=np.float64), 0, -1)
    places, shift = STEP * steps + faults.displaced, faults.shift(steps)
    expected, com = _expected(series(shipped).blurred(source_size), places, shift)
    expected *= (EXPECTED if dose is None else dose) * SCAN[0] * SCAN[1] / expected.sum()
    values = faults.record(expected, noise=dose is not None)
    axes = Axes(
        *(Axis(size, STEP, 0, "Å") for size in SCAN),
        *(Axis(size, PIXEL, -(size // 2) * PIXEL, "1/Å") for size in DETECTOR),
    )
    signal = arrays_to_signal(values, axes, "Graphene with Si in a divacancy, as in an experiment")
    _describe(signal, shipped, dose, seed, source_size)
    tell_truth(signal, faults, places, shift, com)
    return signal


def series(shipped: Any) -> BandLimitedScan:
    """The scan about the Si atom, in shares of the beam, from the quarter that is shipped."""
    data, axes = signal_to_arrays(shipped)
    made = shipped.original_metadata.simulation
    cell = float(made.cell[0]), float(made.cell[1])
    edge = max(axes.ky.scale, axes.kx.scale)  # abTEM softens the edge of the aperture by a pixel
    band = 2e-3 * float(made.semi_angle) / wavelength(float(made.beam_energy)) + edge
    return band_limited(data.astype(float) / EXPECTED, cell, band, axes.ky, axes.kx)


def _expected(
    scan: BandLimitedScan, places: NDArray[np.float64], descan: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the beam in each pixel, and the COM without descan [pixels], row by row."""
    shares = np.empty((*places.shape[:2], *DETECTOR))
    com = np.empty(places.shape)
    ky, kx = (np.arange(size) - size // 2 for size in DETECTOR)
    for row, (at, shift) in enumerate(zip(places - SILICON, descan, strict=True)):
        folded = scan.folded(at)
        shares[row] = scan.seen(folded, shift, DETECTOR, PIXEL)
        still = scan.seen(folded, np.zeros((1, 2)), DETECTOR, PIXEL).astype(float)
        sums = still.sum(axis=2) @ ky, still.sum(axis=1) @ kx
        com[row] = np.stack(sums, axis=1) / still.sum(axis=(1, 2))[:, None]
    return np.clip(shares, 0, None), com


def _describe(signal: Any, shipped: Any, dose: float | None, seed: int, source: float) -> None:
    """Write calibration, atoms and settings, changed from the shipped quarter to the scan."""
    made = shipped.original_metadata.as_dictionary()
    settings = made["simulation"]
    signal.set_experimental_parameters(
        beam_energy=float(settings["beam_energy"]), convergence_angle=float(settings["semi_angle"])
    )
    electrons = EXPECTED if dose is None else float(dose)
    signal.metadata.set_item("Acquisition_instrument.TEM.dose", electrons)
    signal.metadata.set_item("Signal.quantity", "Intensity (counts)")
    if dose is not None:
        del settings["noise"]
    settings.update(
        scan_shape=np.array(SCAN),
        scan_size=np.array(SCAN) * STEP,
        scan_start=settings["scan_start"] - np.array(SILICON),
        detector_shape=np.array(DETECTOR),
        source_size=float(source),
        dose=electrons,
        seed=seed,
    )
    made["atoms"] = _atoms(made["atoms"], settings["cell"])
    made["structure"]["sites"].update(y=np.array(SILICON[:1]), x=np.array(SILICON[1:]))
    signal.original_metadata.add_dictionary(made)


def _atoms(quarter: dict[str, Any], cell: NDArray[np.float64]) -> dict[str, Any]:
    """The atoms in the scan, from those in a quarter of the cell about the Si atom."""
    places = np.stack([quarter["y"], quarter["x"]], axis=1)
    found = {}
    for mirror in np.ndindex(2, 2):
        for period in np.ndindex(3, 3):
            moved = places * (1 - 2 * np.array(mirror)) + (np.array(period) - 1) * cell + SILICON
            for element, place in zip(quarter["element"], np.round(moved, 9).tolist(), strict=True):
                found[tuple(place)] = element
    inside = sorted(
        place
        for place in found
        if all(0 <= at < n * STEP for at, n in zip(place, SCAN, strict=True))
    )
    y, x = np.array(inside).T
    return {"element": [found[place] for place in inside], "y": y, "x": x}
