"""Damaged scans: they load, or are refused in words; nothing hangs, swells or runs."""

import io
import json
import random
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from real_files import FOLDER
from scans import AXES, turning_spot

import stemwidgets as sw
from fuzz.harness import CASES, Fuzz, mutated
from stemwidgets.signals.conversion import arrays_to_signal

# RosettaSciIO leaves files open that it cannot read
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

FORMATS = ("ndata1", "ndata1 compressed", "npy", "hspy", "zspy", "zspy zipped", "blo", "npz")
REAL = {
    "mib": "001_4x2_6bit.mib",
    "emd": "Si100_4D.emd",
    "h5": "py4DSTEM_size2x3x4x5.h5",
    "app5": "topspin_test_A.app5",
    "ser": "128x128x5-diffraction_preview_1.ser",
    "mrc": "Custom_movie.mrc",
}
FORMATS = (*FORMATS, *REAL)
SHARE = {"ndata1": 4, "npy": 2, "hspy": 2, "zspy": 2}  # ours above all


def element() -> dict:
    """What Nion Swift writes beside the data."""
    length = {"scale": 0.02, "offset": -0.1, "units": "nm"}
    angle = {"scale": 0.001, "offset": -0.005, "units": "rad"}
    return {
        "version": 1,
        "spatial_calibrations": [length, length, angle, angle],
        "intensity_calibration": {"scale": 2.0, "offset": 0.5, "units": "counts"},
        "collection_dimension_count": 2,
        "datum_dimension_count": 2,
        "metadata": {"instrument": {"high_tension": 60000}, "hardware_source": {"exposure": 0.002}},
        "title": "Graphene",
        "datetime_original": {"local_datetime": "2026-05-04T03:02:01", "tz": "+0200"},
    }


def ndata(path: Path, data: bytes, metadata: bytes, compression=zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("data.npy", data)
        archive.writestr("metadata.json", metadata)


def npy(array: np.ndarray, **how) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **how)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    return turning_spot()[:, :3].astype(np.uint16)


@pytest.fixture(scope="module")
def files(tmp_path_factory, counts) -> dict[str, Path]:
    """A small whole file of each format."""
    folder = tmp_path_factory.mktemp("whole")
    axes = AXES._replace(scan_x=AXES.scan_x.__class__(3, 0.3, 1.0, "Å"))
    signal = arrays_to_signal(counts, axes, "spot")
    paths = {kind: folder / kind.replace(" ", "_") for kind in FORMATS}
    paths = {kind: path.with_name(f"{path.name}.{kind.split()[0]}") for kind, path in paths.items()}
    ndata(paths["ndata1"], npy(counts), json.dumps(element()).encode())
    compressed = json.dumps(element()).encode(), zipfile.ZIP_DEFLATED
    ndata(paths["ndata1 compressed"], npy(counts), *compressed)
    paths["npy"].write_bytes(npy(counts))
    np.savez_compressed(paths["npz"], counts=counts)
    signal.save(paths["hspy"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal.save(paths["zspy"])
        signal.save(paths["zspy zipped"], store_type="zip")
        small = arrays_to_signal(counts[..., :15].astype(np.uint8), axes, "spot")
        small.inav[:3].isig[:15, :15].save(paths["blo"])
    for kind, name in REAL.items():
        shutil.copy(FOLDER / name, paths[kind])
    return paths


def damage(whole: Path, place: Path, chance: random.Random) -> Path:
    """A copy with something wrong in it."""
    path = place / whole.name
    if whole.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, path)
        parts = sorted(part for part in path.rglob("*") if part.is_file())
        descriptions = [part for part in parts if part.name.startswith(".z")]
        part = chance.choice(descriptions if chance.random() < 0.7 else parts)
        if chance.random() < 0.05:
            part.unlink()
        else:
            part.write_bytes(mutated(part.read_bytes(), chance))
        return path
    if whole.suffix == ".ndata1" and chance.random() < 0.6:
        with zipfile.ZipFile(whole) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
            compression = archive.infolist()[0].compress_type
        name = chance.choice(list(contents))
        contents[name] = mutated(contents[name], chance)
        ndata(path, contents["data.npy"], contents["metadata.json"], compression)
        return path
    path.write_bytes(mutated(whole.read_bytes(), chance))
    return path


def read(path: Path, lazy: bool) -> None:
    signal = sw.load(path, lazy=lazy)
    assert signal.data.ndim >= 2


def test_damaged_scans_load_or_are_refused(files, tmp_path):
    fuzz, chance = Fuzz("load"), random.Random(7)
    kinds = [kind for kind in files for _ in range(SHARE.get(kind, 1))]
    for number in range(CASES):
        kind, lazy = kinds[number % len(kinds)], chance.random() < 0.5
        path = damage(files[kind], tmp_path, chance)
        fuzz.case(f"{number} {kind} lazy={lazy}", lambda path=path, lazy=lazy: read(path, lazy))
    fuzz.report()
