import ctypes
import resource

import dask.array as da
import numpy as np
import psutil
import pytest

from stemwidgets.arrays import blocks, memory
from stemwidgets.arrays.errors import InputError
from stemwidgets.arrays.kernels.detector_major import DetectorMajor


@pytest.fixture(autouse=True)
def no_limit():
    yield
    memory.set_memory_limit(None)


def group(folder, limit, used, cache, version=2):
    names = {
        2: ("memory.max", "memory.current", "inactive_file"),
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    }[version]
    folder = folder / "memory" if version == 1 else folder
    folder.mkdir(exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 12\n{names[2]} {cache}\nother 7\n")


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_has_what_its_limit_leaves_and_its_cached_files_are_free(
    tmp_path, monkeypatch, version
):
    monkeypatch.setattr(memory, "GROUPS", tmp_path)
    group(tmp_path, 300_000_000, 200_000_000, 50_000_000, version)
    assert memory.free_memory() == 150_000_000
    assert memory.memory_limit() == 75_000_000


@pytest.mark.parametrize(("version", "limit"), [(1, 2**63 - 4096), (2, "max")])
def test_a_container_without_a_limit_has_what_the_machine_has(
    tmp_path, monkeypatch, version, limit
):
    group(tmp_path, limit, 200_000_000, 50_000_000, version)
    monkeypatch.setattr(memory, "GROUPS", tmp_path)
    assert memory.free_memory() > 2e8


def test_a_process_has_what_the_limit_on_its_data_leaves(monkeypatch):
    used = memory._number(memory.Path("/proc/self/status"), r"VmData:\s*(\d+) kB") * 1024
    monkeypatch.setattr(resource, "getrlimit", lambda _: (used + 10**8, -1))
    assert 0.5e8 < memory.free_memory() <= 1.5e8


def test_a_limit_is_obeyed_and_cut_to_what_is_free(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 10**9)
    assert memory.memory_limit() == 5 * 10**8
    memory.set_memory_limit(2 * 10**8)
    assert memory.memory_limit() == 2 * 10**8
    memory.set_memory_limit(2e10)
    assert memory.memory_limit() == 10**9
    memory.set_memory_limit(None)
    assert memory.memory_limit() == 5 * 10**8


@pytest.mark.parametrize("nonsense", ["2 GB", 0, -1, True, 1000, float("nan"), float("inf")])
def test_a_limit_that_is_no_number_of_bytes_is_refused(nonsense):
    with pytest.raises(InputError, match="Expected a number of bytes"):
        memory.set_memory_limit(nonsense)


def test_a_step_that_needs_too_much_says_so_with_both_numbers_and_the_smaller_way(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 10**9)
    memory.require_room(5 * 10**8, "this", "Do less.")
    with pytest.raises(InputError, match=r"0\.60 GB of memory for this, got 0\.50 GB.*Do less\."):
        memory.require_room(6 * 10**8, "this", "Do less.")


def test_a_copy_for_dragging_that_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 10**6)
    with pytest.raises(InputError, match=r"0\.00 GB that may be used\. Take every second"):
        DetectorMajor(np.ones((20, 30, 40, 41), np.uint8))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library")
def test_freed_memory_is_given_back_to_the_system():
    def resident():
        return psutil.Process().memory_info().rss

    pieces = [bytearray(2000) for _ in range(50_000)]
    last = pieces.pop()
    held = resident()
    del pieces

    memory.return_memory()

    assert resident() < held - 50e6
    assert len(last) == 2000


def test_blocks_are_read_ahead_within_the_memory_that_may_be_used(monkeypatch):
    read = []

    def block(part):
        read.append(1)
        return part

    scan = da.ones((10, 4, 64, 64), chunks=(1, 4, 64, 64), dtype=np.float64)
    scan = scan.map_blocks(block, dtype=np.float64, meta=np.empty(0))
    for limit, ahead in ((16 * 3 * 4 * 64 * 64 * 8, 3), (1, 1), (10**9, 10)):
        monkeypatch.setattr(blocks, "memory_limit", lambda limit=limit: limit)
        read.clear()
        assert next(blocks.iterate_blocks(scan))[1].shape == (1, 4, 64, 64)
        assert len(read) == ahead
