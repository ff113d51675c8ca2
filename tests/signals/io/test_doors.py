"""Files as microscopes and programs write them: each opens, asks, or is refused in words."""

import io
import warnings
import zipfile

import h5py
import hdf5plugin
import numpy as np
import pytest
from real_files import FOLDER, REAL_FILES

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.conversion import with_notes
from stemwidgets.signals.io.frames import UnknownScanError
from stemwidgets.signals.io.missing import MissingPatterns

SHAPE = (3, 4, 9, 11)
COUNTS = np.random.default_rng(0).poisson(20, SHAPE).astype("u2")
EMPAD = np.random.default_rng(1).random((6, 130, 128)).astype("<f4")


def h5(write):
    """A file of HDF5 with what `write` puts into it."""

    def make(path):
        with h5py.File(path, "w") as file:
            write(file)

    return make


def py4dstem(file, new=True):
    """As py4DSTEM writes: from 0.14 on by emdfile, in EMD 1.0; before in groups of its own."""
    if new:
        file.attrs.update({"emd_group_type": "file", "version_major": 1, "version_minor": 0})
        file.attrs["authoring_program"] = "emdfile"
        group = file.create_group("datacube_root/datacube")
        file["datacube_root"].attrs["emd_group_type"] = "root"
        group.attrs.update({"emd_group_type": "array", "python_class": "DataCube"})
        first, units = 0, ("nm", "nm", "A^-1", "A^-1")
    else:
        group = file.create_group("4DSTEM_experiment/data/datacubes/datacube_0")
        file["4DSTEM_experiment"].attrs.update({"version_major": 0, "version_minor": 13})
        group.attrs["emd_group_type"] = 1
        microscope = file.create_group("4DSTEM_experiment/metadata/metadata_0/microscope")
        microscope.attrs["beam_energy"] = 300000
        first, units = 1, ("[n_m]", "[n_m]", "[A^-1]", "[A^-1]")
    group["data"] = COUNTS
    for index, (name, unit) in enumerate(zip(("R_x", "R_y", "Q_x", "Q_y"), units, strict=True)):
        dim = group.create_dataset(f"dim{first + index}", data=[0.0, 0.5])
        dim.attrs.update({"name": name, "units": unit})
    group["virtual/data"] = COUNTS.sum((2, 3))


def arina(path):
    """A master file that links to blocks of a bitshuffled sequence, as detectors of Dectris do."""
    frames = COUNTS.reshape(-1, *SHAPE[2:]).astype("u4")
    with h5py.File(path, "w") as file:
        for number, block in enumerate(np.split(frames, [5, 10]), start=1):
            name = f"{path.stem}_data_{number:06d}.h5"
            with h5py.File(path.with_name(name), "w") as part:
                part.create_dataset("entry/data/data", data=block, **hdf5plugin.Bitshuffle())
            link = h5py.ExternalLink(name, "/entry/data/data")
            file.require_group("entry/data")[f"data_{number:06d}"] = link


def empad_xml(path):
    (path.parent / "scan_x3_y2.raw").write_bytes(EMPAD.tobytes())
    path.write_text(
        '<?xml version="1.0"?><root><raw_file filename="scan_x3_y2.raw"/>'
        "<pix_x>3</pix_x><pix_y>2</pix_y></root>"
    )


def mrc(path):
    frames = COUNTS.reshape(-1, *SHAPE[2:])
    head = np.zeros(256, "<i4")
    head[:4] = (*frames.shape[:0:-1], len(frames), 6)
    path.write_bytes(head.tobytes() + frames.tobytes())


def npz(**arrays):
    return lambda path: path.write_bytes(_npz(np.savez, arrays))


def _npz(save, arrays):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def raw(path):
    path.write_bytes(b"head" + COUNTS.tobytes())


RAW = {"pattern_shape": SHAPE[2:], "dtype": "uint16", "offset": 4}
FOLDED = {"scan_shape": SHAPE[:2]}
OPENS = [
    ("datacube.h5", h5(py4dstem), {}),
    ("datacube.emd", h5(py4dstem), {}),
    ("old.h5", h5(lambda file: py4dstem(file, new=False)), {}),
    ("PLAIN.H5", h5(lambda file: file.update({"a/deep/place": COUNTS, "image": COUNTS[0, 0]})), {}),
    ("plain.hdf5", h5(lambda file: file.update({"counts": COUNTS})), {}),
    ("entry.nxs", h5(lambda file: file.update({"entry/data/data": COUNTS})), {}),
    ("two.h5", h5(lambda file: file.update({"b": COUNTS, "a": 2 * COUNTS})), {"dataset": "b"}),
    ("sequence.h5", h5(lambda file: file.update({"s": COUNTS.reshape(-1, 9, 11)})), FOLDED),
    ("run_master.h5", arina, FOLDED),
    ("movie.mrc", mrc, FOLDED),
    ("MOVIE.MRC", mrc, FOLDED),
    ("one.npz", npz(counts=COUNTS, energy=np.float64(80)), {}),
    ("packed.npz", lambda path: path.write_bytes(_npz(np.savez_compressed, {"a": COUNTS})), {}),
    ("several.npz", npz(a=COUNTS, b=2 * COUNTS), {"dataset": "a"}),
    ("camera.raw", raw, RAW | FOLDED),
    ("camera.bin", raw, RAW | FOLDED),
    ("camera.unheard", raw, RAW | FOLDED),
]
ASKS = [
    ("sequence.h5", h5(lambda file: file.update({"s": COUNTS.reshape(-1, 9, 11)})), {}),
    ("run_master.h5", arina, {}),
    ("movie.mrc", mrc, {}),
    ("camera.raw", raw, RAW),
    ("stack.npz", npz(a=COUNTS.reshape(-1, 9, 11)), {}),
]
REFUSES = [
    (
        "two.h5",
        h5(lambda file: file.update({"b": COUNTS, "a": COUNTS})),
        r'dataset="a" .*dataset="b"',
    ),
    ("several.npz", npz(a=COUNTS, b=COUNTS), r'dataset="a" .*dataset="b"'),
    ("image.h5", h5(lambda file: file.update({"a": COUNTS[0, 0]})), r'no patterns.*reader="USID"'),
    ("image.npz", npz(a=COUNTS[0, 0]), r"no patterns.*\(9, 11\)"),
    (
        "camera.raw",
        raw,
        r'without a word on their shape.*dtype="uint16"',
    ),
    ("text.h5", lambda path: path.write_text("no HDF5"), "no HDF5 file"),
    ("text.mrc", lambda path: path.write_text("no MRC" * 999), "no MRC file"),
    ("text.mib", lambda path: path.write_text("no Merlin" * 99), "no Merlin file"),
    ("text.blo", lambda path: path.write_text("no blockfile" * 99), "no blockfile"),
    ("notes.xml", lambda path: path.write_text("<a/>"), r'reader="JobinYvon" or reader="EMPAD"'),
    ("lost.xml", lambda path: path.write_text('<a><raw_file filename="b.raw"/></a>'), "b.raw"),
    ("scan.unheard", raw, r"Cannot tell the format.*pattern_shape=\(256, 256\)"),
]


def tally(what, tried, right, refused, wrong):
    words = f"tried {tried}, right {right}, refused in words {refused}, wrong {len(wrong)}"
    print(f"\n{what}: {words}")
    assert wrong == []


def test_what_programs_write_opens_asks_or_is_refused_in_words(tmp_path):
    wrong, right, refused = [], 0, 0
    for number, (name, make, options) in enumerate(OPENS + ASKS):
        for lazy in (False, True):
            folder = tmp_path / f"{number} {lazy}"
            folder.mkdir()
            make(folder / name)
            try:
                signal = sw.load(folder / name, lazy=lazy, **options)
                same = np.array_equal(np.asarray(signal.data), COUNTS) and signal._lazy == lazy
            except UnknownScanError as question:
                same = (name, make, options) in ASKS and question.count == 12
                same &= "scan_shape=(3, 4)" in str(question)
            right += same
            wrong += [] if same else [(name, lazy)]
    for number, (name, make, words) in enumerate(REFUSES):
        for lazy in (False, True):
            folder = tmp_path / f"refused {number} {lazy}"
            folder.mkdir()
            make(folder / name)
            with pytest.raises(InputError, match=words):
                sw.load(folder / name, lazy=lazy)
            refused += 1
    tally("written by programs", right + refused + len(wrong), right, refused, wrong)


@pytest.mark.parametrize("lazy", [False, True])
def test_real_files_open_ask_or_are_refused(lazy):
    wrong, right, refused = [], 0, 0
    for real in REAL_FILES:
        try:
            signal = sw.load(real.path, lazy=lazy)
            data, _, notes = with_notes(signal)
            same = data.shape == real.shape and data.dtype.newbyteorder("=") == real.dtype
            same &= signal.metadata.General.title == real.title and not real.asks_for_its_scan
            right += same
            wrong += [] if same else [real.name]
            assert all("counted in pixels" in note for note in notes)
        except InputError as error:
            spoken = all(word in str(error) for word in real.says) and not real.opens
            asks = isinstance(error, UnknownScanError) == real.asks_for_its_scan
            refused += spoken and asks
            wrong += [] if spoken and asks else [(real.name, str(error))]
        if real.options:
            answered = sw.load(real.path, lazy=lazy, **dict(real.options))
            frames = np.asarray(answered.data).reshape(-1, *real.shape[-2:])
            assert frames.shape == real.shape[-len(frames.shape) :]
    tally(f"real files, lazy={lazy}", len(REAL_FILES), right, refused, wrong)


@pytest.mark.parametrize("new", [True, False])
def test_py4dstem_keeps_its_calibration(tmp_path, new):
    h5(lambda file: py4dstem(file, new))(tmp_path / "cube.h5")
    _, axes, notes = with_notes(sw.load(tmp_path / "cube.h5"))
    assert notes == []
    assert (axes.scan_y.units, axes.scan_y.scale) == ("Å", 5.0)
    assert (axes.kx.units, axes.kx.scale) == ("1/Å", 0.5)


def test_the_beam_energy_of_older_py4dstem_is_read_in_volts(tmp_path):
    h5(lambda file: py4dstem(file, new=False))(tmp_path / "cube.h5")
    assert sw.Session(tmp_path / "cube.h5").scan.beam_energy == 300


@pytest.mark.parametrize("name", ["scan.xml", "scan_x3_y2.raw"])
@pytest.mark.parametrize("lazy", [False, True])
def test_empad_leaves_out_the_cameras_own_rows(tmp_path, name, lazy):
    empad_xml(tmp_path / "scan.xml")
    signal = sw.load(tmp_path / name, lazy=lazy)
    expected = EMPAD[:, :128].reshape(2, 3, 128, 128)
    assert np.array_equal(np.asarray(signal.data), expected)


def test_a_missing_block_of_arina_is_named(tmp_path):
    arina(tmp_path / "run_master.h5")
    (tmp_path / "run_master_data_000002.h5").unlink()
    with pytest.raises(InputError, match=r"run_master_data_000002\.h5, which is not beside it"):
        sw.load(tmp_path / "run_master.h5")


def test_a_wrong_name_of_a_data_set_lists_those_that_there_are(tmp_path):
    h5(lambda file: file.update({"a": COUNTS}))(tmp_path / "a.h5")
    npz(a=COUNTS)(tmp_path / "a.npz")
    for name in ("a.h5", "a.npz"):
        with pytest.raises(InputError, match=r'"?b\'?.*It has dataset="a"'):
            sw.load(tmp_path / name, dataset="b")


def test_raw_numbers_must_fill_the_file(tmp_path):
    raw(tmp_path / "camera.raw")
    for options in ({"offset": 3}, {"pattern_shape": (10, 11)}):
        with pytest.raises(InputError, match="no whole number of patterns"):
            sw.load(tmp_path / "camera.raw", **(RAW | options))
    for options in ({"dtype": "word"}, {"pattern_shape": 5}, {"pattern_shape": None}):
        with pytest.raises(InputError, match=r"pattern_shape=\(rows, columns\)"):
            sw.load(tmp_path / "camera.raw", **(RAW | options))


def test_what_is_lazy_can_be_sent_to_another_process(tmp_path):
    import pickle

    h5(lambda file: file.update({"a": COUNTS}))(tmp_path / "a.h5")
    raw(tmp_path / "a.raw")
    for name, options in (("a.h5", {}), ("a.raw", RAW | FOLDED)):
        data = sw.load(tmp_path / name, lazy=True, **options).data
        again = pickle.loads(pickle.dumps(data))
        assert np.array_equal(again[1, 2, 3:5, ::2].compute(), COUNTS[1, 2, 3:5, ::2])


def test_files_of_others_are_left_as_they_are():
    before = {file: file.stat().st_mtime_ns for file in FOLDER.iterdir()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for real in REAL_FILES:
            sw.load(real.path, **dict(real.options)) if real.opens or real.options else None
    assert {file: file.stat().st_mtime_ns for file in FOLDER.iterdir()} == before


def test_an_empty_npz_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "empty.npz", "w"):
        pass
    with pytest.raises(InputError, match="no patterns"):
        sw.load(tmp_path / "empty.npz")


@pytest.mark.parametrize("lazy", [False, True])
def test_patterns_that_were_never_written_are_told(tmp_path, lazy):
    with h5py.File(tmp_path / "broken.h5", "w") as file:
        frames = file.create_dataset("a", shape=(12, 9, 11), dtype="u2", chunks=(1, 9, 11))
        frames[:7] = COUNTS.reshape(-1, 9, 11)[:7]
    with pytest.warns(MissingPatterns, match="5 of 12 patterns are missing"):
        signal = sw.load(tmp_path / "broken.h5", lazy=lazy, scan_shape=(3, 4))
    session = sw.Session(signal)
    try:
        assert any("5 of 12 patterns are missing" in note for note in session.scan.notes)
    finally:
        session.close()


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("real", [real for real in REAL_FILES if real.opens or real.options])
def test_real_files_open_under_names_in_capitals(real, lazy, tmp_path):
    loud = tmp_path / real.name.upper()
    loud.write_bytes(real.path.read_bytes())
    if real.path.with_suffix(".hdr").exists():
        loud.with_suffix(".HDR").write_bytes(real.path.with_suffix(".hdr").read_bytes())
    usual = sw.load(real.path, **dict(real.options)).data
    shouted = sw.load(loud, lazy=lazy, **dict(real.options)).data
    assert np.array_equal(np.asarray(shouted), usual)
