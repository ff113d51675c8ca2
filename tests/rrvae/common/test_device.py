"""The number of threads that torch works on, and memory that does not suffice."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from stemwidgets.rrvae.common.device import one_thread
from stemwidgets.rrvae.common.memory import Batch
from stemwidgets.rrvae.common.notices import TrainingNotice, listening, tell


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_inside_there_is_one_thread_and_afterwards_as_many_as_before():
    with one_thread():
        assert torch.get_num_threads() == 1
        with one_thread():
            pass
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_threads_are_restored_after_an_error():
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("first_out", [0, 1])
def test_of_two_that_overlap_each_keeps_its_thread_and_the_last_restores_all(first_out):
    patterns, weights = torch.rand(300, 850), torch.rand(850, 128)
    with one_thread():
        expected = patterns @ weights
    inside = threading.Barrier(2)
    may_leave = [threading.Event(), threading.Event()]
    found = {}

    def work(me):
        with one_thread():
            inside.wait(10)
            assert may_leave[me].wait(10)
            found[me] = patterns @ weights
        return torch.get_num_threads()

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(work, me) for me in range(2)]
        may_leave[first_out].set()
        futures[first_out].result(10)
        may_leave[1 - first_out].set()
        assert futures[1 - first_out].result(10) == 2

    assert torch.equal(found[0], expected)
    assert torch.equal(found[1], expected)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_many_that_come_and_go_leave_the_threads_as_they_were():
    def work(_):
        for _ in range(200):
            with one_thread():
                torch.ones(3).sum()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert torch.get_num_threads() == 2


def limited(most, error=torch.cuda.OutOfMemoryError):
    """A call for which the memory suffices up to some number of rows."""
    seen = []

    def call(rows):
        seen.append(rows.stop - rows.start)
        if seen[-1] > most:
            raise error("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return np.arange(rows.start, rows.stop)

    return call, seen


@pytest.mark.parametrize("count", [0, 1, 7, 64, 100])
def test_what_fits_is_done_in_batches(count):
    call, seen = limited(64)
    found = Batch(64).run(call, count)
    np.testing.assert_array_equal(np.concatenate(found), np.arange(count))
    assert seen == {0: [0], 1: [1], 7: [7], 64: [64], 100: [64, 36]}[count]


@pytest.mark.parametrize("error", [torch.cuda.OutOfMemoryError, RuntimeError, MemoryError])
def test_what_does_not_fit_is_halved_until_it_does_and_stays_so(error):
    call, seen = limited(20, error)
    batch = Batch(64)
    with pytest.warns(TrainingNotice, match="for 50 .* with 12 at a time"):
        found = batch.run(call, 50)
    np.testing.assert_array_equal(np.concatenate(found), np.arange(50))
    assert seen == [50, 25, 12, 12, 12, 12, 2]
    seen.clear()
    batch.run(call, 30)
    assert seen == [12, 12, 6]


def test_a_single_row_that_does_not_fit_and_other_errors_are_raised():
    call, _ = limited(0)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        Batch(4).run(call, 4)

    def wrong(rows):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        Batch(4).run(wrong, 4)


def test_who_listens_hears_each_notice_once_and_others_are_warned():
    heard = []
    with listening(heard):
        tell("the disk is full")
        tell("the disk is full")
    assert heard == ["the disk is full"]
    with pytest.warns(TrainingNotice, match="full"):
        tell("the disk is full")
