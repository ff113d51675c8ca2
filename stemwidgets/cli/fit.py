"""Train on a file and save what was learned, without a browser."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.files.disk import UnwrittenError
from stemwidgets.arrays.maps.circular import period
from stemwidgets.cli.progress import train
from stemwidgets.cli.results import elsewhere
from stemwidgets.state.learning.comparison import NO_ANGLE
from stemwidgets.views.parts.words import category, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stemwidgets.signals.maps.rrvae_maps import Maps
    from stemwidgets.signals.rrvae import RRVAE

_MAP_FORMATS = (".zspy", ".hspy")
SILENCE = 60.0  # min without an answer, after which a process counts as lost
LOST = 1  # exit code, if a result could not be written anywhere
_Tell = Callable[[str], None]


def fit(
    file: Path,
    *,
    maps_path: Path | None = None,
    model_path: Path | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    mask_path: Path | None = None,
    load_options: Mapping[str, Any] | None = None,
    silence: float = SILENCE,
    **options: Any,
) -> int:
    """Train the rrVAE on a scan, save maps and model, and print a summary.

    Of several processes, started by torchrun, each reads a part of the scan; the first one writes
    and prints.

    Parameters
    ----------
    file : Path
        The scan.
    maps_path, model_path : Path, optional
        File for the maps (``.zspy`` or ``.hspy``) and for the model; at least one of them.
    checkpoint : Path, optional
        File to write now and then, from which a training can go on.
    resume : bool
        Go on from the checkpoint, if it is there; it knows the options of the model.
    overwrite : bool
        True to replace files that exist.
    mask_path : Path, optional
        A ``.npy`` file ``[ky, kx]`` of bool, True where a pixel is left out.
    load_options : mapping, optional
        Passed to `stemwidgets.load`.
    silence : float
        Minutes [min] to wait for a process that neither answers nor ends.
    **options
        Passed to `stemwidgets.RRVAE`.

    Returns
    -------
    int
        0 if all was written, be it on another disk, which is reported; 1 if a result was written
        nowhere.

    Raises
    ------
    InputError
        If there is nothing to write, or the scan or an option cannot be used.
    OSError
        If a file is missing, exists already or may not be written from the beginning, or another
        process has ended.
    """
    writes = int(os.environ.get("RANK", "0")) == 0
    if writes:
        check_outputs(file, maps_path, model_path, overwrite)
        if checkpoint is not None or resume:
            _check_checkpoint(checkpoint, (file, maps_path, model_path), resume or overwrite)
    mask = None if mask_path is None else _load_mask(mask_path)

    import stemwidgets as sw
    from stemwidgets.rrvae.common.distributed import together

    with together(options.pop("device", "auto"), silence) as (device, count):
        tell = say if writes else lambda _: None
        signal = sw.load(file, **{**(load_options or {}), **({"lazy": True} if count > 1 else {})})
        shape = signal.data.shape
        tell(f"{file.name}: scan {_size(shape[:2])}, patterns {_size(shape[2:])} pixels")
        model = _model(checkpoint if resume else None, device, options, tell)
        started = time.perf_counter()
        last = train(model, signal, checkpoint, mask)
        tell(
            f"trained {last.epoch} {'epoch' if last.epoch == 1 else 'epochs'} "
            f"in {time.perf_counter() - started:.1f} s, "
            f"loss {last.loss:.4g} per pattern"
        )
        kept = model_path is None or not writes or _saved(model, model_path)
        maps, problem = _read(model, signal, maps_path if writes else None)
    if writes:
        if problem is not None and maps_path is not None:
            found = elsewhere(maps_path, lambda path: model.encode(signal, path), problem, say)
            kept, maps = kept and found is not None, found or maps
        _conclude(model, signal, maps or model.encode(signal), mask)
    return 0 if kept else LOST


def _saved(model: "RRVAE", path: Path) -> bool:
    """Save the model, where there is room; False if there is none anywhere."""

    def save(to: Path) -> Path:
        model.save(to)
        return to

    try:
        say(f"wrote {save(path)}")
    except OSError as error:
        return elsewhere(path, save, error, say) is not None
    return True


def _read(model: "RRVAE", signal: Any, path: Path | None) -> "tuple[Maps | None, OSError | None]":
    """Read the maps, into their file if there is one; also return the error that prevented it."""
    from stemwidgets.rrvae.common import distributed
    from stemwidgets.signals.io.saving import require_target

    try:
        if path is not None:
            require_target(path, overwrite=True)
    except OSError as error:
        return model.encode(signal) if distributed.count() > 1 else None, error
    try:
        maps = model.encode(signal, path, overwrite=True)
    except UnwrittenError as error:
        return None, error
    if path is not None:
        say(f"wrote {path}")
    return maps, None


def _model(checkpoint: Path | None, device: str, options: dict[str, Any], tell: _Tell) -> "RRVAE":
    """A new model, or the one of a checkpoint that is there."""
    import stemwidgets as sw

    if checkpoint is None or not checkpoint.exists():
        return sw.RRVAE(device=device, **options)
    model = sw.RRVAE.resume(checkpoint, device=device)
    tell(f"goes on from {checkpoint}: {model!r}")
    return model


def _conclude(model: "RRVAE", signal: Any, maps: "Maps", mask: "NDArray[Any] | None") -> None:
    """Print what is in the maps, and what was left out of the scan."""
    import stemwidgets as sw

    for line in in_words(maps):
        say(line)
    com = sw.center_of_mass(signal, mask=mask)
    if com.left_out is not None and com.left_out.words:
        say(com.left_out.words)
    say(f"angle against COM angle: {_compared(model, maps, com)}")
    if model.limit is None:
        return
    say(model.limit.words)
    if model.limit.limit is not None:
        limit, periodic = model.limiting.used, model.limiting.periodic
        com = sw.center_of_mass(signal, mask=mask, band_limit=limit, periodic=periodic)
        say(f"angle against band-limited COM angle: {_compared(model, maps, com)}")


def _compared(model: "RRVAE", maps: "Maps", com: Any) -> str:
    import stemwidgets as sw

    try:
        return str(sw.compare_angles(maps.angle, com.angle, com.magnitude))
    except InputError as error:
        return f"not comparable: {error}" if model.turning else NO_ANGLE


def check_outputs(
    file: Path, maps_path: Path | None, model_path: Path | None, overwrite: bool
) -> None:
    """Check, before anything is computed, that the results can be written.

    An InputError if there is nothing to write, the maps' format is not known, a name is that of a
    folder, or one file would be written over another or over the scan; an OSError if a folder is
    missing or may not be written to, or a file exists and is not to be overwritten.
    """
    outputs = [path for path in (maps_path, model_path) if path is not None]
    if not outputs:
        raise InputError("nothing to write: pass --out maps.zspy, --model name.rrvae or both")
    if maps_path is not None and maps_path.suffix not in _MAP_FORMATS:
        raise InputError(
            f"--out expects a name that ends in {' or '.join(_MAP_FORMATS)}, got {maps_path.name!r}"
        )
    if len({path.resolve() for path in (file, *outputs)}) <= len(outputs):
        raise InputError("the scan, --out and --model must be different files: change a name")
    for path in outputs:
        _check_output(path, overwrite)


def _load_mask(path: Path) -> "NDArray[Any]":
    if not path.is_file():
        raise FileNotFoundError(f"there is no mask {path}: check the name and the folder")
    try:
        mask = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(
            f"--mask expects a .npy file of bool, written by numpy.save, got {path.name}, which "
            f"cannot be read: {error}"
        ) from error
    if not isinstance(mask, np.ndarray):
        raise InputError(f"--mask expects one array in a .npy file, got several in {path.name}")
    return mask


def _check_checkpoint(
    checkpoint: Path | None, others: tuple[Path | None, ...], may_exist: bool
) -> None:
    if checkpoint is None:
        raise InputError("--resume goes on from a checkpoint: pass --checkpoint FILE too")
    if checkpoint.resolve() in {path.resolve() for path in others if path is not None}:
        raise InputError("--checkpoint must be a file of its own: change its name")
    if checkpoint.exists() and not may_exist:
        raise FileExistsError(
            f"{checkpoint} exists: pass --resume to go on from it, or --overwrite to start anew"
        )
    _check_output(checkpoint, overwrite=True)


def _check_output(path: Path, overwrite: bool) -> None:
    folder = path.absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}: create it first")
    if path.is_dir() and path.suffix != ".zspy":
        raise InputError(f"{path} is a folder: add the name of a file to it")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: choose another name, or pass --overwrite")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"no permission to write to {folder}: choose another folder")


def in_words(maps: "Maps") -> list[str]:
    """Summary of the maps of a whole scan: symmetry and classes, and certainty of the angle."""
    with_counts = np.isfinite(_array(maps.residual))
    of_known_symmetry = np.isfinite(_array(maps.symmetry_confidence))
    symmetries = _shares("symmetry", _array(maps.symmetry)[of_known_symmetry])
    lines = [
        f"the angle is defined modulo {period(maps.fold)}" if maps.fold > 1 else "",
        f"symmetry: {symmetries}" if symmetries else "",
        _certainty(_array(maps.angle)[with_counts], _array(maps.angle_std)[with_counts]),
    ]
    if maps.classes is not None:
        lines.append(f"classes: {_shares('classes', _array(maps.classes)[with_counts])}")
    empty = with_counts.size - np.count_nonzero(with_counts)
    have = "has" if empty == 1 else "have"
    lines.append(f"{empty} of {with_counts.size} patterns {have} no counts" if empty else "")
    return [line for line in lines if line]


def _array(signal: Any) -> "NDArray[Any]":
    """One map, in memory for as long as it is needed."""
    return np.asarray(signal.data)


def _shares(name: str, values: "NDArray[np.integer]") -> str:
    found, counts = np.unique(values, return_counts=True)
    return ", ".join(
        f"{category(name, int(value))} {percent(count / counts.sum())}"
        for value, count in zip(found, counts, strict=True)
    )


def _certainty(angle: "NDArray[np.floating]", std: "NDArray[np.floating]") -> str:
    defined = np.isfinite(angle)
    line = f"angle: undefined at {percent(1 - defined.mean())} of the positions"
    if defined.any():
        line += f", median standard deviation {np.degrees(np.median(std[defined])):.2g}°"
    return line


def say(line: str) -> None:
    """Print a line of the summary."""
    print(line, flush=True)


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
