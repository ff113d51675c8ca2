import os
import shutil
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from pyxem.signals import Diffraction2D
from real_files import FOLDER

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.conversion import arrays_to_signal, signal_to_arrays, to_arrays
from stemwidgets.signals.io.load import load
from stemwidgets.signals.io.mapped import MappedArray, in_chunks

SHAPE = (3, 5, 10, 12)


def same(found, expected):
    return np.array_equal(np.asarray(found), np.asarray(expected))


@pytest.fixture
def real():
    """Path of a file that another program wrote."""
    return lambda name: FOLDER / name


@pytest.fixture
def data():
    return np.random.default_rng(0).integers(0, 99, SHAPE).astype(np.uint8)


@pytest.fixture
def signal(data):
    axes = Axes(
        Axis(3, 0.3, 1.0, "Å"),
        Axis(5, 0.2, -1.0, "Å"),
        Axis(10, 0.05, -0.2, "1/Å"),
        Axis(12, 0.04, -0.24, "1/Å"),
    )
    signal = arrays_to_signal(data, axes, "a scan")
    signal.set_experimental_parameters(beam_energy=60)
    return signal


def save(signal, path, zipped=False):
    with warnings.catch_warnings():
        # RosettaSciIO writes attributes twice into a zipped zspy
        warnings.filterwarnings("ignore", message="Duplicate name")
        signal.save(path, **({"store_type": "zip"} if zipped else {}))


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("suffix", ["hspy", "zspy"])
def test_hyperspys_own_files_keep_data_and_calibration(signal, tmp_path, suffix, lazy):
    path = tmp_path / f"scan.{suffix}"
    signal.save(path)
    again = load(path, lazy=lazy)
    assert isinstance(again, Diffraction2D)
    assert again._lazy == lazy
    data, axes = signal_to_arrays(again)
    assert isinstance(data, da.Array) == lazy
    assert same(data, signal.data)
    assert axes == signal_to_arrays(signal)[1]
    assert again.metadata.Acquisition_instrument.TEM.beam_energy == 60


def test_a_zipped_zspy_is_one_file(signal, tmp_path):
    save(signal, tmp_path / "scan.zspy", zipped=True)
    assert same(load(tmp_path / "scan.zspy").data, signal.data)
    lazy = load(tmp_path / "scan.zspy", lazy=True)
    assert same(lazy.data.compute(), signal.data)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_zspy_is_left_as_it_is(signal, tmp_path, lazy):
    path = tmp_path / "scan.zspy"
    signal.save(path)
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    load(path, lazy=lazy).data.sum()
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before


@pytest.mark.parametrize("lazy", [False, True])
def test_a_blockfile_goes_around(tmp_path, lazy):
    square = np.random.default_rng(1).integers(0, 99, (3, 5, 12, 12)).astype(np.uint8)
    signal = hs.signals.Signal2D(square)
    for axis, units in zip(signal.axes_manager._axes, ["nm", "nm", "cm", "cm"], strict=True):
        axis.units = units
    signal.save(tmp_path / "scan.blo")
    again = load(tmp_path / "scan.blo", lazy=lazy)
    assert isinstance(again, Diffraction2D)
    assert same(signal_to_arrays(again)[0], square)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_numpy_file_is_a_scan_in_pixels(data, tmp_path, lazy, order):
    np.save(tmp_path / "night.npy", np.asarray(data, order=order))
    again = load(tmp_path / "night.npy", lazy=lazy)
    values, axes = signal_to_arrays(again)
    assert isinstance(values, da.Array) == lazy
    assert same(values, data)
    assert axes == Axes.uncalibrated(SHAPE)
    assert again.metadata.General.title == "night"


def test_lazy_chunks_hold_whole_patterns_and_stay_small():
    mapped = MappedArray(Path("scan"), 0, (3, 50, 256, 300), np.dtype(np.uint16), "C")
    chunked = in_chunks(mapped)
    assert chunked.chunksize[2:] == (256, 300)
    assert 2e6 < np.prod(chunked.chunksize) * 2 <= 8e6
    assert chunked.chunksize[0] == 1


@pytest.mark.parametrize("lazy", [False, True])
def test_data_files_may_be_read_only(data, tmp_path, lazy):
    np.save(tmp_path / "scan.npy", data)
    (tmp_path / "scan.npy").chmod(0o444)
    assert same(load(tmp_path / "scan.npy", lazy=lazy).data, data)


def test_lazy_numpy_data_are_not_read_until_asked_for(tmp_path):
    path = tmp_path / "scan.npy"
    np.save(path, np.zeros(SHAPE))
    lazy = load(path, lazy=True)
    np.save(path, np.ones(SHAPE))
    assert lazy.inav[1, 2].data.compute().min() == 1


def test_the_public_door_is_this_one():
    assert sw.load is load


def test_a_real_merlin_scan(real):
    signal = load(real("001_4x2_6bit.mib"))
    data, axes = signal_to_arrays(signal)
    assert isinstance(signal, Diffraction2D)
    assert axes == Axes.uncalibrated((2, 4, 256, 256))
    lazy, _ = signal_to_arrays(load(real("001_4x2_6bit.mib"), lazy=True))
    assert isinstance(lazy, da.Array)
    assert same(lazy, data)


def test_a_real_merlin_scan_can_be_folded_otherwise(real):
    usual = load(real("001_4x2_6bit.mib")).data
    folded, _ = signal_to_arrays(load(real("001_4x2_6bit.mib"), scan_shape=(4, 2)))
    assert same(folded, usual.reshape(4, 2, 256, 256))


def test_merlin_frames_without_a_header_need_a_scan_shape(real, tmp_path):
    source = real("001_4x2_6bit.mib")
    frame = source.stat().st_size // 8
    cut = tmp_path / "frames.mib"
    cut.write_bytes(source.read_bytes()[: 3 * frame])
    with pytest.raises(InputError, match=r"sequence of \d patterns.*scan_shape=\(rows, columns\)"):
        load(cut)
    assert load(cut, scan_shape=(3, 1)).data.shape == (3, 1, 256, 256)


def test_a_real_blockfile(real):
    signal = load(real("test1.blo"))
    data, axes = signal_to_arrays(signal)
    assert isinstance(signal, Diffraction2D)
    assert data.shape == (3, 2, 144, 144)
    assert axes.scan_x.units == "Å"
    assert axes.scan_x.scale == pytest.approx(128, rel=1e-3)
    assert axes.kx.units == "px"  # the file says cm on the camera


def test_a_real_file_with_a_depth_axis_ends_in_a_question(real):
    path = real("Si100_4D.emd")
    question = r"\(2, 11, 11, 8, 8\), 2 scans along 'CBED_array_depth'.*index=1 \(5\.43 Å\)"
    with pytest.raises(InputError, match=question):
        to_arrays(path)
    data, axes = signal_to_arrays(load(path, index=0))
    assert data.shape == (11, 11, 8, 8)
    assert axes.kx.units == "1/Å"


@pytest.fixture
def frames(tmp_path):
    """A file of 6 patterns that does not say how they were scanned."""
    path = tmp_path / "frames.npy"
    np.save(path, np.arange(6 * 9 * 11).reshape(6, 9, 11))
    return path


def test_a_sequence_of_patterns_asks_for_its_scan_shape(frames):
    with pytest.raises(
        InputError, match=r"6 patterns.*scan_shape=\(rows, columns\), .*\(2, 3\) or .*\(3, 2\)"
    ):
        load(frames)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_scan_shape_folds_a_sequence(frames, lazy):
    data, axes = signal_to_arrays(load(frames, lazy=lazy, scan_shape=(2, 3)))
    assert axes.shape == (2, 3, 9, 11)
    assert same(data[1, 2], np.load(frames)[5])


def test_folding_keeps_detector_calibration_and_metadata(signal, tmp_path):
    line = signal.inav[:, 0]
    line.save(tmp_path / "line.hspy")
    folded = load(tmp_path / "line.hspy", scan_shape=(1, 5))
    _, axes = signal_to_arrays(folded)
    assert axes.kx == signal_to_arrays(signal)[1].kx
    assert folded.metadata.Acquisition_instrument.TEM.beam_energy == 60


@pytest.mark.parametrize("shape", [(4, 2), (6, 6)])
def test_a_scan_shape_that_does_not_fit_lists_those_that_do(frames, shape):
    with pytest.raises(InputError, match="does not fit 6 patterns") as caught:
        load(frames, scan_shape=shape)
    assert "scan_shape=(2, 3)" in str(caught.value)
    assert "scan_shape=(3, 2)" in str(caught.value)


@pytest.mark.parametrize("shape", [7, (2, 3, 4), (2.5, 3), ("a", "b"), (0, 6), (-2, -3)])
def test_a_scan_shape_that_is_none_is_refused(frames, shape):
    with pytest.raises(InputError, match="scan_shape must be"):
        load(frames, scan_shape=shape)


def test_the_scan_among_several_signals_is_taken(signal, tmp_path):
    path = tmp_path / "several.hspy"
    write_together([signal.sum(), signal, signal.sum()], path)
    assert same(load(path).data, signal.data)


def test_several_scans_are_listed(signal, tmp_path):
    path = tmp_path / "several.hspy"
    write_together([signal, signal * 2], path)
    with pytest.raises(InputError, match=r'holds 2 signals and 2 of them are .*dataset="1" two'):
        load(path)
    assert same(load(path, dataset="1").data, signal.data * 2)
    assert same(load(path, dataset="two").data, signal.data * 2)


def test_several_signals_without_a_scan_are_listed(signal, tmp_path):
    path = tmp_path / "several.hspy"
    write_together([signal.sum(), signal.sum()], path)
    with pytest.raises(InputError, match="holds 2 signals and none of them is a scan"):
        load(path)


def write_together(signals, path):
    """Several signals in one .hspy file."""
    import h5py

    names = ["one", "two", "three"]
    for name, signal in zip(names, signals, strict=False):
        signal.metadata.General.title = name
        part = path.with_name(f"{name}.hspy")
        signal.save(part)
        with h5py.File(part) as source, h5py.File(path, "a") as target:
            target.attrs.update(source.attrs)
            source.copy(f"Experiments/{name}", target.require_group("Experiments"))


@pytest.mark.parametrize("name", ["night [1] *.hspy", "NIGHT.HSPY", "Nacht Ångström.npy"])
def test_unusual_names_are_taken_literally(signal, tmp_path, name):
    if name.endswith("npy"):
        np.save(tmp_path / name, signal.data)
    else:
        signal.save(tmp_path / "plain.hspy")
        (tmp_path / "plain.hspy").rename(tmp_path / name)
    for path in (tmp_path / name, str(tmp_path / name)):
        assert same(load(path).data, signal.data)


def test_an_ambiguous_suffix_asks_for_the_reader(tmp_path):
    (tmp_path / "scan.img").write_bytes(b"")
    with pytest.raises(InputError, match=r'Several formats use.*pass.*reader="JEOL"'):
        load(tmp_path / "scan.img")


@pytest.mark.parametrize("suffix", ["h5", "hdf5", "nxs", "H5"])
def test_a_shared_suffix_is_looked_into(signal, tmp_path, suffix):
    signal.save(tmp_path / "scan.hspy")
    path = (tmp_path / "scan.hspy").rename(tmp_path / f"scan.{suffix}")
    assert same(load(path).data, signal.data)
    assert same(load(path, reader="hspy").data, signal.data)


def test_an_unknown_reader_lists_the_known_ones(frames):
    with pytest.raises(InputError, match=r"no reader 'foo'.*Blockfile.*HSPY"):
        load(frames, reader="foo")


def test_an_unknown_suffix_lists_what_can_be_read(tmp_path):
    (tmp_path / "notes.docx").write_text("a")
    with pytest.raises(InputError, match=r"format of notes\.docx.*\.blo.*\.hspy.*\.ndata1"):
        load(tmp_path / "notes.docx")


def test_a_missing_file_names_its_neighbours(frames):
    with pytest.raises(FileNotFoundError, match=r"no file .*frame\.npy\. Did you mean frames\.npy"):
        load(frames.with_name("frame.npy"))
    with pytest.raises(FileNotFoundError, match=r"Did you mean frames\.npy"):
        load(frames.with_suffix(".hspy"))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder .*nowhere does not exist"):
        load(tmp_path / "nowhere" / "scan.hspy")


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        load(tmp_path)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("suffix", ["hspy", "zspy"])
def test_a_truncated_file_is_named_with_the_cause(signal, tmp_path, suffix, lazy, caplog):
    path = tmp_path / f"scan.{suffix}"
    save(signal, path, zipped=suffix == "zspy")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError, match=f"scan.{suffix} could not be read") as caught:
        load(path, lazy=lazy)
    assert caught.value.__cause__ is not None
    assert "report this error" not in caplog.text
    assert path.read_bytes() == content[: len(content) * 2 // 3]


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # left open by RosettaSciIO
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("name", ["Si100_4D.emd"])
def test_a_truncated_real_file_is_named_with_the_cause(real, tmp_path, name, lazy):
    content = real(name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError, match=f"{name} could not be read"):
        load(tmp_path / name, lazy=lazy)


def test_a_numpy_file_of_objects_is_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    for lazy in (False, True):
        with pytest.raises(InputError, match=r"objects\.npy"):
            load(tmp_path / "objects.npy", lazy=lazy)


def test_a_numpy_file_of_an_image_is_refused(tmp_path):
    np.save(tmp_path / "image.npy", np.ones((9, 11)))
    with pytest.raises(InputError, match=r"shape \(9, 11\); expected patterns"):
        load(tmp_path / "image.npy")


def test_an_unknown_keyword_is_refused(frames):
    with pytest.raises(TypeError, match="navigation_shape"):
        load(frames, navigation_shape=(2, 3))


def test_hyperspy_finds_the_extension_without_importing_anything_heavy(tmp_path):
    information = tmp_path / "stemwidgets_extension-0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: stemwidgets-extension\nVersion: 0\n")
    (information / "entry_points.txt").write_text(
        "[hyperspy.extensions]\nstemwidgets = stemwidgets\n"
    )
    root = Path(sw.__file__).parent
    shutil.copytree(root, tmp_path / "stemwidgets", ignore=shutil.ignore_patterns("*.hspy"))
    script = """
        import sys
        import hyperspy.extensions
        heavy = {"torch", "pyxem", "bqplot", "ipywidgets"} & set(sys.modules)
        assert not heavy, heavy
        import hyperspy.api as hs
        hs.print_known_signal_types()
    """
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
