"""Damaged models and checkpoints: they encode and go on, or are refused in words."""

import json
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from scans import turning_spot

import stemwidgets as sw
from fuzz.harness import CASES, Fuzz, mutated
from fuzz.tampering import tampered
from stemwidgets.rrvae import DivergenceError
from stemwidgets.rrvae.model_file import WITHOUT_DIGEST

OPTIONS = {
    "harmonic": {"latent_dim": 1},
    "classes": {"latent_dim": 2, "classes": 2},
    "paper": {"kind": "paper", "centered": True, "epochs": 2},
    "vae": {"kind": "vae", "centered": True, "epochs": 2},
    "prepared": {"kind": "vae", "epochs": 1, "preparation": sw.Preparation().crop(6)},
}


@pytest.fixture(scope="module")
def scan():
    return turning_spot()


@pytest.fixture(scope="module")
def files(tmp_path_factory, scan) -> dict[str, bytes]:
    """What each kind of model writes, with and without its training."""
    folder, contents = tmp_path_factory.mktemp("models"), {}
    for name, options in OPTIONS.items():
        path = folder / f"{name}.rrvae"
        model = sw.RRVAE(**options).fit(scan, checkpoint=path)
        contents[f"checkpoint of {name}"] = path.read_bytes()
        model.save(path)
        contents[name] = path.read_bytes()
    return contents


def taken_apart(content: bytes) -> tuple[dict, bytes]:
    """Header and tensors of a safetensors file."""
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def put_together(header: dict, tensors: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def damage(content: bytes, chance: random.Random) -> bytes:
    """Wrong bytes, a wrong setting or a wrong tensor in a file that is well-formed otherwise."""
    how = chance.random()
    if how < 0.3:
        return mutated(content, chance)
    header, tensors = taken_apart(content)
    if how < 0.8:
        record = json.loads(header["__metadata__"]["record"])
        header["__metadata__"]["record"] = json.dumps(tampered(record, chance))
    elif how < 0.9:
        names = [name for name in header if name != "__metadata__"]
        name = chance.choice(names)
        if chance.random() < 0.5:
            del header[name]["shape"][:1]
        else:
            header[name]["shape"] = header[name]["shape"][::-1]
        size = 8 if "64" in header[name]["dtype"] else 4
        start = header[name]["data_offsets"][0]
        count = int(np.prod(header[name]["shape"]))
        if chance.random() < 0.5:
            header[name]["data_offsets"] = [start, start + size * count]
    else:
        names = [name for name in header if name != "__metadata__"]
        one, other = chance.choice(names), chance.choice(names)
        header[one], header[other] = header[other], header[one]
    if chance.random() < 0.7:
        header["__metadata__"]["format"] = WITHOUT_DIGEST  # as if on purpose
    return put_together(header, tensors)


def use(path: Path, scan: np.ndarray) -> None:
    model = sw.RRVAE.load(path)
    repr(model)
    model.encode(scan[:1])
    model.decode(np.zeros((2, model.latent_dim)), 0.5)


def go_on(path: Path, scan: np.ndarray) -> None:
    model = sw.RRVAE.resume(path)
    steps = model.steps(scan, maps=False)
    try:
        for _ in range(2):
            next(steps, None)
    except DivergenceError:
        pass
    finally:
        steps.close()


@pytest.mark.parametrize("name", OPTIONS)
def test_whole_models_are_used(name, files, scan, tmp_path):
    path = tmp_path / "model.rrvae"
    path.write_bytes(files[name])
    use(path, scan)
    path.write_bytes(files[f"checkpoint of {name}"])
    go_on(path, scan)


def test_damaged_models_are_used_or_refused(files, scan, tmp_path):
    fuzz, chance, path = Fuzz("models"), random.Random(17), tmp_path / "model.rrvae"
    for number in range(CASES):
        name = chance.choice(list(OPTIONS))
        path.write_bytes(damage(files[name], chance))
        fuzz.case(f"{number} {name}", lambda: use(path, scan))
    fuzz.report()


def test_damaged_checkpoints_go_on_or_are_refused(files, scan, tmp_path):
    fuzz, chance, path = Fuzz("checkpoints"), random.Random(19), tmp_path / "model.rrvae"
    for number in range(CASES // 2):
        name = f"checkpoint of {chance.choice(list(OPTIONS))}"
        path.write_bytes(damage(files[name], chance))
        fuzz.case(f"{number} {name}", lambda: go_on(path, scan))
    fuzz.report()
