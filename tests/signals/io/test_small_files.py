"""Small files that claim much are refused before anything is allocated."""

import io
import json
import re
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
import zarr
from fuzz.test_fuzz_load import element, ndata, npy
from real_files import BLOCKFILE, MERLIN_DISC, MOVIE, TIA_SEQUENCE
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.signals.conversion import arrays_to_signal

MOST = 150e6  # bytes that may be allocated on the way to the error
COUNTS = turning_spot().astype("u2")
HUGE = 10**9


def hspy(path, change):
    arrays_to_signal(COUNTS, AXES, "spot").save(path)
    with h5py.File(path, "a") as file:
        change(file["Experiments/spot"])


def long_axis(group):
    group["axis-0"].attrs["size"] = HUGE


def unfilled(shape, chunks=(1, 1, 8, 8)):
    def change(group):
        del group["data"]
        group.create_dataset("data", shape=shape, dtype="u2", chunks=chunks, compression="gzip")
        for index, size in enumerate(shape):
            group[f"axis-{index}"].attrs["size"] = size

    return change


def long_words(group):
    group.create_dataset("metadata/words", shape=(10**6, 10**6), dtype="S9", chunks=(8, 8))


def zspy(path):
    arrays_to_signal(COUNTS, AXES, "spot").save(path)
    described = path / "Experiments" / "spot" / "data" / ".zarray"
    facts = json.loads(described.read_text()) | {"shape": [10**6, 10**6, 18, 15]}
    described.write_text(json.dumps(facts))
    for index in (0, 1):
        axis = zarr.open(str(path), mode="a")[f"Experiments/spot/axis-{index}"]
        axis.attrs["size"] = 10**6


def words_bomb(path):
    """A little that unpacks to 300 MB of blanks."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("data.npy", npy(COUNTS))
        with archive.open("metadata.json", "w") as file:
            for _ in range(300):
                file.write(b" " * 10**6)


def header(shape):
    """Beginning of an .npy that claims a shape."""
    buffer = io.BytesIO()
    facts = {"descr": "<u2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, facts)
    return buffer.getvalue()


def npz_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("counts.npy", header((10**5, 10**5, 16, 16)) + b"\0" * 10**6)


def long_header(path):
    buffer = b"\x93NUMPY\x02\x00" + (2**32 - 2).to_bytes(4, "little")
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("counts.npy", "w") as file,
    ):
        file.write(buffer)
        for _ in range(20):
            file.write(b" " * 10**6)


def plain_h5(shape, chunks=(1, 1, 8, 8)):
    def make(path):
        with h5py.File(path, "w") as file:
            file.create_dataset("a", shape=shape, dtype="u2", chunks=chunks, compression="gzip")

    return make


def patched(real, *places):
    """A real file with other bytes in its header."""

    def make(path):
        content = bytearray(real.path.read_bytes())
        for start, new in places:
            content[start : start + len(new)] = new
        path.write_bytes(content)

    return make


def four(number):
    return number.to_bytes(4, "little")


CASES = [
    ("axis.hspy", lambda path: hspy(path, long_axis), "axis has 1,000,000,000 places"),
    ("far.hspy", lambda path: hspy(path, unfilled((10**6, 10**6, 18, 15))), "damaged|memory"),
    ("flat.hspy", lambda path: hspy(path, unfilled((2**15, 2**15, 18, 15))), "damaged|memory"),
    ("words.hspy", lambda path: hspy(path, long_words), "damaged|memory"),
    ("scan.zspy", zspy, "damaged|memory"),
    ("words.ndata1", words_bomb, r"metadata\.json .*300\.0 MB"),
    (
        "data.ndata1",
        lambda path: ndata(
            path,
            header((10**5, 10**5, 16, 16)) + b"\0" * 10**6,
            json.dumps(element()).encode(),
            zipfile.ZIP_DEFLATED,
        ),
        "damaged|memory|has only",
    ),
    ("claim.npy", lambda path: path.write_bytes(header((HUGE, HUGE, 8, 8))), "has only|complete"),
    ("bomb.npz", npz_bomb, "damaged|memory|has only"),
    ("header.npz", long_header, "header"),
    ("empty.h5", plain_h5((40, 40, 64, 64)), "promises 1600 and holds none"),
    ("far.h5", plain_h5((10**6, 10**6, 64, 64)), "damaged|memory"),
    ("chunk.h5", plain_h5((4, 4, 2**15, 2**15), (4, 4, 2**15, 2**15)), "damaged|memory"),
    ("wide.mib", patched(MERLIN_DISC, (20, b"9999,9999")), "complete pattern"),
    ("none.mib", patched(MERLIN_DISC, (20, b"0000,0000")), "size of patterns"),
    ("wide.blo", patched(BLOCKFILE, (20, b"\xff\xff")), "complete pattern|not whole"),
    ("none.blo", patched(BLOCKFILE, (20, b"\0\0")), "size of patterns"),
    ("long.blo", patched(BLOCKFILE, (24, b"\xff\xff\xff\xff")), "promises 4294836225 patterns"),
    ("long.mrc", patched(MOVIE, (8, four(HUGE))), "promises 1000000000 patterns, 30 are there"),
    ("wide.mrc", patched(MOVIE, (0, four(HUGE) + four(HUGE))), "complete pattern"),
    ("long.ser", patched(TIA_SEQUENCE, (14, four(HUGE) + four(HUGE))), "could not|memory|damaged"),
]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("lazy", [False, True])
def test_claims_are_checked_before_anything_is_allocated(lazy, tmp_path):
    wrong = []
    for name, make, words in CASES:
        make(tmp_path / name)
        said = "nothing"
        tracemalloc.start()
        try:
            sw.load(tmp_path / name, lazy=lazy)
        except InputError as error:
            said = str(error)
        finally:
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        wrong += [] if re.search(words, said) and most < MOST else [(name, said, most)]
    counted = f"tried {len(CASES)}, refused {len(CASES) - len(wrong)}, wrong {len(wrong)}"
    print(f"\nsmall files, lazy={lazy}: {counted}")
    assert wrong == []


def test_what_is_packed_well_still_opens(tmp_path):
    """Nearly empty patterns, as of a counting camera: packed a few hundred times."""
    counts = np.zeros((8, 8, 256, 256), dtype="u2")
    counts[..., 100:103, 100:103] = 7
    with h5py.File(tmp_path / "sparse.h5", "w") as file:
        file.create_dataset("a", data=counts, chunks=(2, 2, 256, 256), compression="gzip")
    np.savez_compressed(tmp_path / "sparse.npz", a=counts)
    for name in ("sparse.h5", "sparse.npz"):
        for lazy in (False, True):
            assert np.array_equal(np.asarray(sw.load(tmp_path / name, lazy=lazy).data), counts)
