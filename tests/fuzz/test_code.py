"""Files that would run something if they were believed."""

import io
import json
import pickle
import warnings
import zipfile

import h5py
import numcodecs
import numpy as np
import pytest
import zarr
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.persistence.files import read_arrays, write_arrays
from stemwidgets.signals.conversion import arrays_to_signal


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return open, (self.trace, "w")


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "it ran"
    yield path
    assert not path.exists()


@pytest.fixture(params=["hspy", "zspy"])
def scan(request, tmp_path):
    path = tmp_path / f"scan.{request.param}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arrays_to_signal(turning_spot(), AXES, "spot").save(path)
    return path


def opened(path):
    return h5py.File(path, "r+") if path.suffix == ".hspy" else zarr.open(str(path), "r+")


def experiment(file):
    group = file["Experiments"]
    return group[next(iter(group))]


@pytest.mark.parametrize("lazy", [False, True])
def test_a_formula_for_an_axis_is_not_evaluated(scan, trace, lazy):
    file = opened(scan)
    axis = experiment(file)["axis-0"]
    axis.attrs["expression"] = f"open({str(trace)!r}, 'w') + x"
    axis.attrs["_type"] = "FunctionalDataAxis"
    if hasattr(file, "close"):
        file.close()
    with pytest.raises(sw.InputError, match="formula, which stemwidgets does not evaluate"):
        sw.load(scan, lazy=lazy)


def test_a_formula_in_a_signal_within_the_metadata_is_not_evaluated(scan, trace):
    file = opened(scan)
    inner = experiment(file)["metadata"].create_group("_sig_hidden")
    if scan.suffix == ".hspy":
        inner.create_dataset("data", data=np.arange(3.0))
    else:
        inner.array("data", np.arange(3.0))
    axis = inner.create_group("axis-0")
    axis.attrs.update({"expression": f"open({str(trace)!r}, 'w') + x", "size": 3, "navigate": 0})
    for name in ("metadata", "original_metadata"):
        inner.create_group(name)
    if hasattr(file, "close"):
        file.close()
    with pytest.raises(sw.InputError):
        sw.load(scan)


def test_a_package_that_a_file_names_is_not_imported(scan, trace, tmp_path, monkeypatch):
    (tmp_path / "strange.py").write_text(f"open({str(trace)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    file = opened(scan)
    experiment(file).attrs["package"] = "strange"
    if hasattr(file, "close"):
        file.close()
    with pytest.raises(sw.InputError, match="package 'strange'"):
        sw.load(scan)


def test_a_file_that_was_read_is_closed(tmp_path):
    path = tmp_path / "scan.hspy"
    arrays_to_signal(turning_spot(), AXES, "spot").save(path)
    signal = sw.load(path)
    h5py.File(path, "r+").close()
    assert signal.data.shape == (4, 6, 18, 15)


def test_groups_that_lie_in_each_other_are_refused(tmp_path):
    path = tmp_path / "scan.hspy"
    arrays_to_signal(turning_spot(), AXES, "spot").save(path)
    with h5py.File(path, "r+") as file:
        for name in ("one", "other"):
            experiment(file)["metadata"][name] = h5py.SoftLink("/Experiments")
    with pytest.raises(sw.InputError, match="groups without end"):
        sw.load(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")  # RosettaSciIO writes attributes twice
def test_a_store_that_lies_in_itself_is_refused(tmp_path):
    path = tmp_path / "scan.zspy"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arrays_to_signal(turning_spot(), AXES, "spot").save(path, store_type="zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("Experiments/spot//.zgroup", '{"zarr_format": 2}')
    with pytest.raises(sw.InputError, match="groups without end"):
        sw.load(path)


def test_what_the_metadata_call_a_package_or_an_expression_is_nobodys_concern(tmp_path):
    path = tmp_path / "scan.hspy"
    signal = arrays_to_signal(turning_spot(), AXES, "spot")
    signal.metadata.add_dictionary({"Sample": {"package": "a box", "expression": "2 * x"}})
    signal.save(path)
    assert sw.load(path).metadata.Sample.package == "a box"


@pytest.mark.parametrize("door", [sw.load, sw.Maps.load])
@pytest.mark.parametrize("zipped", [False, True])
def test_pickled_values_of_a_zarr_store_stay_pickled(door, zipped, trace, tmp_path):
    whole, path = tmp_path / "whole.zspy", tmp_path / "scan.zspy"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arrays_to_signal(turning_spot(), AXES, "spot").save(whole)
        group = experiment(zarr.open(str(whole), "r+"))["metadata"]
        group.create_dataset(
            "evil", shape=1, dtype=object, object_codec=numcodecs.Pickle(), compressor=None
        )[:] = np.array([Canary(trace)], dtype=object)
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            for part in whole.rglob("*"):
                archive.write(part, part.relative_to(whole))
    else:
        whole.rename(path)
    trace.unlink(missing_ok=True)
    with pytest.raises(sw.InputError, match="does not unpickle"):
        door(path)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("suffix", ["npy", "ndata1"])
def test_pickled_arrays_stay_pickled(suffix, lazy, trace, tmp_path):
    path, buffer = tmp_path / f"scan.{suffix}", io.BytesIO()
    values = np.empty((2, 3, 8, 9), dtype=object)
    values[:] = Canary(trace)
    np.save(buffer, values, allow_pickle=True)
    trace.unlink(missing_ok=True)
    for content in (buffer.getvalue(), pickle.dumps(Canary(trace))):
        if suffix == "npy":
            path.write_bytes(content)
        else:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("data.npy", content)
                archive.writestr("metadata.json", json.dumps({"datum_dimension_count": 2}))
        with pytest.raises(sw.InputError):
            sw.load(path, lazy=lazy)


def test_a_model_that_is_a_pickle_is_refused(trace, tmp_path):
    path = tmp_path / "model.rrvae"
    path.write_bytes(pickle.dumps(Canary(trace)))
    with pytest.raises(sw.InputError, match="model file"):
        sw.RRVAE.load(path)


CLAIM = {"descr": "<f8", "fortran_order": False, "shape": (100_000, 100_000, 12, 10)}


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_terabytes_that_are_only_claimed_are_refused_at_once(compression, lazy, tmp_path):
    path, buffer = tmp_path / "scan.ndata1", io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, CLAIM)
    buffer.write(bytes(4000))
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("data.npy", buffer.getvalue())
        archive.writestr("metadata.json", "{}")
    with pytest.raises(sw.InputError, match="says that it holds 100000 × 100000"):
        sw.load(path, lazy=lazy)
    path = path.with_suffix(".npy")
    path.write_bytes(buffer.getvalue())
    with pytest.raises(sw.InputError, match="header promises 10000000000 patterns, 4 are there"):
        sw.load(path, lazy=lazy)


def test_a_dataset_of_terabytes_that_was_never_filled_is_refused(tmp_path):
    path = tmp_path / "scan.hspy"
    arrays_to_signal(turning_spot(), AXES, "spot").save(path)
    with h5py.File(path, "r+") as file:
        group = experiment(file)
        del group["data"]
        shape = (30_000, 30_000, 100, 100)
        group.create_dataset("data", shape, "u1", chunks=(1000, 1000, 20, 10))
        for index, size in enumerate(shape):
            group[f"axis-{index}"].attrs["size"] = size
    with pytest.raises(sw.InputError, match=r"9\.0 TB, and the file has .* never filled"):
        sw.load(path)


def test_maps_of_a_session_that_would_swell_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "desk.npz"
    write_arrays(path, {"region": np.zeros((2000, 500))})
    assert path.stat().st_size < 20_000
    monkeypatch.setattr("stemwidgets.persistence.files.free_memory", lambda: 1_000_000)
    with pytest.raises(sw.InputError, match=r"desk\.npz is damaged .*0\.0 GB"):
        read_arrays(path)
