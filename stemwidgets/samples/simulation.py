"""4D-STEM scans of given atoms, simulated by abTEM."""

import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import dask
import numpy as np
from tqdm.auto import tqdm

from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.calibration.electrons import energy_in_kev, semi_angle_in_mrad, wavelength
from stemwidgets.arrays.errors import InputError
from stemwidgets.samples.camera import Camera
from stemwidgets.samples.detector import DetectorPixels, detector_pixels
from stemwidgets.samples.extra import required
from stemwidgets.samples.faults import Faults, draw_faults
from stemwidgets.samples.instrument import Probes, as_scanned, probes
from stemwidgets.samples.provenance import describe, tell_truth
from stemwidgets.samples.settings import LEAST_EXTENT, Pair, Settings, Shape, pair
from stemwidgets.signals.conversion import arrays_to_signal

if TYPE_CHECKING:
    from ase import Atoms

BATCH = 16  # positions that are simulated at once


def simulate(
    atoms: "Atoms",
    beam_energy: float = 60.0,
    semi_angle: float = 32.0,
    defocus: float = 0.0,
    scan_shape: Shape = (24, 32),
    scan_start: Pair = (0.0, 0.0),
    scan_size: Pair | None = None,
    scan_rotation: float = 0.0,
    source_size: float = 0.0,
    frozen_phonons: int = 0,
    displacement: float = 0.08,
    detector_shape: Shape = (48, 48),
    max_angle: float | None = None,
    repeats: Shape | None = None,
    sampling: float | Pair = 0.12,
    slice_thickness: float = 2.0,
    dose: float | None = None,
    camera: Camera | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Any:
    """Simulate a 4D-STEM scan with abTEM's multislice algorithm.

    A probe without aberrations but defocus, of full coherence but for the size of the source, goes
    through the atoms in slices. It needs the extra ``simulate`` (abTEM). The time it will take is
    measured on one position first, and shown on the progress bar.

    Parameters
    ----------
    atoms : ase.Atoms
        Atoms in a rectangular cell, the beam along z: of `stemwidgets.samples.structures` or any.
        x runs along the columns of the scan, y down its rows.
    beam_energy : float
        Energy of the beam [keV].
    semi_angle : float
        Semi-angle of convergence [mrad].
    defocus : float
        Defocus of the probe [Å]; positive is underfocus.
    scan_shape : (int, int)
        Rows and columns of the scan.
    scan_start : (float, float)
        Place (y, x) of the first position in the cell [Å].
    scan_size : (float, float), optional
        Height and width of the scan [Å]: the number of steps times their length, so that a scan of
        a whole cell can be repeated. The whole cell if not given.
    scan_rotation : float
        Angle of the detector against the scan [rad], as `stemwidgets.calibrate` finds it: the scan
        is turned about its middle, the detector stays with the atoms.
    source_size : float
        Full width at half maximum of the source, a Gaussian in the specimen [Å].
    frozen_phonons : int
        Number of configurations of thermally displaced atoms to average; 0 for atoms at rest.
    displacement : float
        Root mean square of that displacement, along each axis [Å].
    detector_shape : (int, int)
        Pixels of the detector.
    max_angle : float, optional
        Angle at the edge of the detector [mrad], in both directions. If not given, its pixels are
        those of the simulation, one over the extent of the repeated cell.
    repeats : (int, int), optional
        Number of times the cell is repeated along y and x, so that the probe fits in. If not given,
        enough for at least 25 Å.
    sampling : float or (float, float)
        Largest pixel of the wave in the specimen [Å]; the cell is divided evenly.
    slice_thickness : float
        Thickness of a slice [Å].
    dose : float, optional
        Mean number of electrons per pattern, Poisson distributed. Without it, the share of the beam
        in each pixel.
    camera : Camera, optional
        Faults of the camera and of the scan; none if not given.
    seed : int
        Seed of the dose, of the displacements and of the faults.
    progress : bool
        True to show a progress bar.

    Returns
    -------
    pyxem.signals.ElectronDiffraction2D
        Scan axes in Å from the first position, detector axes in 1/Å from the optic axis. The atoms
        in the scan are in ``original_metadata.atoms`` (their place along the axes of the scan),
        all settings in ``original_metadata.simulation``, and known features of the specimen in
        ``original_metadata.structure``. With a camera, ``original_metadata.truth`` holds its
        faults, and the COM without them, as in `stemwidgets.samples.experiment`.

    Raises
    ------
    InputError
        If an argument is out of range, or the cell is not rectangular.
    ImportError
        If abTEM is not installed; the message says how to install it.

    Notes
    -----
    Madsen & Susi, Open Research Europe 1, 24 (2021), doi:10.12688/openreseurope.13015.2.

    Examples
    --------
    >>> atoms = sw.samples.structures.zincblende("ZnS", zone="110", thickness=20)
    >>> signal = sw.simulate(atoms, beam_energy=200, semi_angle=25, dose=1e5)
    """
    cell = _rectangle(atoms)
    parts = _divided(cell, pair(sampling, "sampling"))
    settings = Settings(
        beam_energy=energy_in_kev(beam_energy),
        semi_angle=semi_angle_in_mrad(semi_angle),
        defocus=defocus,
        scan_shape=pair(scan_shape, "scan_shape", int),
        scan_start=pair(scan_start, "scan_start"),
        scan_size=cell if scan_size is None else pair(scan_size, "scan_size"),
        scan_rotation=scan_rotation,
        source_size=source_size,
        frozen_phonons=int(frozen_phonons),
        displacement=displacement,
        detector_shape=pair(detector_shape, "detector_shape", int),
        max_angle=max_angle,
        repeats=_enough(cell) if repeats is None else pair(repeats, "repeats", int),
        sampling=(cell[0] / parts[0], cell[1] / parts[1]),
        slice_thickness=slice_thickness,
        dose=dose,
        seed=seed,
    )
    faults = _faults(camera, settings)
    seen, at = _pixels(cell, parts, settings), probes(settings, faults)
    abtem = required("abtem")
    with dask.config.set(scheduler="synchronous"), abtem.config.set({"precision": "float64"}):
        shares, sums = _scan(abtem, atoms, cell, parts, settings, seen, at, faults, progress)
    shares, sums = (as_scanned(values, settings, at) for values in (shares, sums))
    shares = np.clip(shares, 0, None).reshape(*settings.scan_shape, *settings.detector_shape)
    if dose is None:
        values = faults.disturb(shares).astype(np.float32)
    else:
        shares *= dose / shares.sum(axis=(2, 3)).mean()
        values = faults.record(shares, noise=True)
    (rows, columns), (step_y, step_x) = settings.scan_shape, settings.step
    axes = Axes(Axis(rows, step_y, 0, "Å"), Axis(columns, step_x, 0, "Å"), seen.ky, seen.kx)
    title = f"{atoms.info.get('title', atoms.get_chemical_formula())}, simulated"
    signal = arrays_to_signal(values, axes, title)
    describe(signal, atoms, cell, settings, {name: version(name) for name in ("abtem", "ase")})
    if camera is not None:
        step, com = np.array(settings.step), sums[..., 1:] / sums[..., :1]
        tell_truth(signal, faults, at.wanted * step, faults.shift(at.wanted), com)
    return signal


def _faults(camera: Camera | None, settings: Settings) -> Faults:
    """The faults of a camera, an ideal one if none is given."""
    camera = Camera() if camera is None else camera
    if not isinstance(camera, Camera):
        raise InputError(f"camera: expected a stemwidgets.Camera, got {camera!r}.")
    if settings.dose is None and (camera.readout_noise or camera.saturation):
        raise InputError("The readout noise and saturation of a camera are counts: give a dose.")
    return draw_faults(
        camera, settings.scan_shape, settings.scan_size, settings.detector_shape, settings.seed
    )


def _rectangle(atoms: Any) -> Pair:
    """Height and width of the cell [Å]."""
    if not hasattr(atoms, "positions") or len(atoms) == 0:
        raise InputError(f"Expected ase.Atoms, got {type(atoms).__name__} without atoms.")
    box = np.asarray(atoms.cell)
    if np.abs(box - np.diag(np.diag(box))).max() > 1e-6 or np.diag(box).min() <= 0:
        raise InputError(
            "Expected atoms in a rectangular cell with the beam along z. "
            "abtem.orthogonalize_cell(atoms) makes one."
        )
    return float(box[1, 1]), float(box[0, 0])


def _divided(cell: Pair, sampling: Pair) -> Shape:
    """Pixels of the wave in one cell."""
    if not min(sampling) > 0:
        raise InputError(f"sampling: expected positive lengths (y, x) in Å, got {sampling!r}.")
    down, along = (
        int(np.ceil(length / step - 1e-6)) for length, step in zip(cell, sampling, strict=True)
    )
    return down, along


def _enough(cell: Pair) -> Shape:
    down, along = (int(np.ceil(LEAST_EXTENT / length - 1e-6)) for length in cell)
    return down, along


def _pixels(cell: Pair, parts: Shape, settings: Settings) -> DetectorPixels:
    simulated = (settings.repeats[0] * parts[0], settings.repeats[1] * parts[1])
    pixel = (1 / (settings.repeats[0] * cell[0]), 1 / (settings.repeats[1] * cell[1]))
    reach = None
    if settings.max_angle is not None:
        reach = 1e-3 * settings.max_angle / wavelength(settings.beam_energy)
    return detector_pixels(settings.detector_shape, simulated, pixel, reach)


def _scan(
    abtem: Any,
    atoms: Any,
    cell: Pair,
    parts: Shape,
    settings: Settings,
    seen: DetectorPixels,
    at: Probes,
    faults: Faults,
    progress: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the beam in each pixel, and sums without descan, ``[ny, nx, pixels or 3]``."""
    middle = [(n // 2) * length for n, length in zip(settings.repeats, cell, strict=True)]
    flat = (settings.positions(at.steps) + middle).reshape(-1, 2)
    shift = faults.shift(at.steps).reshape(-1, 2)
    total, sums = np.zeros((len(flat), np.prod(settings.detector_shape))), np.zeros((len(flat), 3))
    probe = abtem.Probe(
        energy=settings.beam_energy * 1e3,
        semiangle_cutoff=settings.semi_angle,
        defocus=settings.defocus,
    )
    configurations = max(settings.frozen_phonons, 1)
    supercell = atoms.repeat((settings.repeats[1], settings.repeats[0], 1))
    with tqdm(total=len(flat) * configurations, disable=not progress, unit="positions") as bar:
        for potential in _potentials(abtem, supercell, parts, settings):
            if bar.n == 0 and progress:
                bar.set_description(_estimate(abtem, probe, potential, flat, bar.total))
            for start in range(0, len(flat), BATCH):
                where = slice(start, start + BATCH)
                patterns = _patterns(abtem, probe, potential, flat[where])
                still = seen.see(patterns)
                moved = seen.see(patterns, shift[where]) if faults.moves_patterns else still
                total[where] += moved.reshape(len(moved), -1)
                sums[where] += seen.sums(still)
                bar.update(len(patterns))
    shape = (*at.steps.shape[:2], -1)
    return (total / configurations).reshape(shape), (sums / configurations).reshape(shape)


def _potentials(abtem: Any, supercell: Any, parts: Shape, settings: Settings) -> Iterator[Any]:
    """The potential of each configuration of the atoms."""
    for index in range(max(settings.frozen_phonons, 1)):
        displaced = supercell.copy()
        if settings.frozen_phonons:
            displaced.rattle(settings.displacement, seed=settings.seed + index)
            displaced.wrap()
        yield abtem.Potential(
            displaced,
            gpts=(settings.repeats[1] * parts[1], settings.repeats[0] * parts[0]),
            slice_thickness=settings.slice_thickness,
            parametrization="lobato",
            projection="infinite",
        ).build(lazy=False)


def _patterns(abtem: Any, probe: Any, potential: Any, places: np.ndarray) -> np.ndarray:
    """Patterns ``[n, ky, kx]`` of the simulation, the optic axis at size // 2."""
    scan = abtem.CustomScan(np.stack([places[:, 1], places[:, 0]], axis=1))
    detector = abtem.PixelatedDetector(max_angle=None)
    measured = probe.scan(potential, scan=scan, detectors=detector, lazy=False)
    return np.asarray(measured.array).transpose(0, 2, 1)


def _estimate(abtem: Any, probe: Any, potential: Any, places: np.ndarray, count: int) -> str:
    """Time that it will take, measured on a few positions."""
    few = places[: BATCH // 4]
    _patterns(abtem, probe, potential, few[:1])  # what is slow once only
    began = time.perf_counter()
    _patterns(abtem, probe, potential, few)
    seconds = (time.perf_counter() - began) * count / len(few)
    return f"Simulating {count} patterns, about {max(seconds, 1):.0f} s"
