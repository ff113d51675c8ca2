"""Damaged maps files: they load, or are refused in words."""

import random
import shutil
import warnings

import h5py
import pytest
from scans import AXES, turning_spot

import stemwidgets as sw
from fuzz.harness import CASES, Fuzz, mutated
from fuzz.tampering import STRANGE
from stemwidgets.signals.conversion import arrays_to_signal

# RosettaSciIO leaves files open that it cannot read
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Maps with classes, in both formats."""
    folder = tmp_path_factory.mktemp("maps")
    signal = arrays_to_signal(turning_spot(), AXES, "spot")
    maps = sw.RRVAE(classes=2).fit(signal).encode(signal)
    paths = [folder / "maps.hspy", folder / "maps.zspy"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in paths:
            maps.save(path)
    return paths


def damage(whole, place, chance):
    path = place / whole.name
    if whole.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, path)
        parts = sorted(part for part in path.rglob("*") if part.is_file())
        described = [part for part in parts if part.name.startswith(".z")]
        part = chance.choice(described if chance.random() < 0.8 else parts)
        part.write_bytes(mutated(part.read_bytes(), chance))
        return path
    path.unlink(missing_ok=True)  # it may be open still
    if chance.random() < 0.4:
        path.write_bytes(mutated(whole.read_bytes(), chance))
        return path
    shutil.copy(whole, path)
    with h5py.File(path, "r+") as file:
        groups = [file]
        file.visititems(lambda _, item: groups.append(item))
        group = chance.choice([group for group in groups if len(group.attrs)])
        name = chance.choice(list(group.attrs))
        if chance.random() < 0.2:
            del group.attrs[name]
        else:
            group.attrs[name] = plain(chance)
    return path


def plain(chance):
    """A value that HDF5 can hold."""
    kinds = (bool, int, float, str)
    fit = [v for v in STRANGE if isinstance(v, kinds) and "\x00" not in str(v)]
    return chance.choice([v for v in fit if not isinstance(v, int) or abs(v) < 2**62])


def use(path, lazy) -> None:
    maps = sw.Maps.load(path, lazy)
    repr(maps)
    sw.compare_angles(maps.angle, maps.angle)


def test_whole_maps_load(files):
    for path in files:
        use(path, lazy=False)
        use(path, lazy=True)


def test_damaged_maps_load_or_are_refused(files, tmp_path):
    fuzz, chance = Fuzz("maps"), random.Random(29)
    for number in range(CASES // 2):
        path = damage(files[number % 2], tmp_path, chance)
        lazy = number % 4 > 1
        fuzz.case(f"{number} {path.name} {lazy=}", lambda path=path, lazy=lazy: use(path, lazy))
    fuzz.report()
