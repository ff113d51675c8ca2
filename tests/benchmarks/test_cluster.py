"""What a ``dask.distributed`` cluster on one machine costs, and what one more worker gains.

``python -m pytest -m benchmark -s tests/benchmarks/test_cluster.py``

The centre of mass of ``BENCHMARK_GB`` (1) of patterns of 128×128 pixels in uint16, in chunks of
1 MB and of 8 MB, without a cluster in one thread and on clusters of one and two workers of one
thread. Each is timed three times and the fastest counts. "spent" is processor time: of the client
and the scheduler, which are one process, and of all workers. What a cluster spends beyond the
thread, divided by the number of chunks, is what dask works on each task; "tasks of nothing" is the
time of as many tasks without any data.
"""

import os
import resource
import time
from contextlib import contextmanager

import dask
import distributed
import psutil
import pytest

import stemwidgets as sw
from benchmarks.table import Figure, Table
from benchmarks.test_scale import write

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.timeout(3600),
    # dask.distributed's own: its processes are told to end while sockets are open
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

GIGABYTES = float(os.environ.get("BENCHMARK_GB", "1"))
TIMES = 3


@pytest.mark.parametrize("columns", [8, 64], ids=["1 MB", "8 MB"])
def test_two_workers_against_one(tmp_path, columns):
    write(tmp_path / "scan.zspy", GIGABYTES, columns)
    signal = sw.load(tmp_path / "scan.zspy", lazy=True)
    chunks = signal.data.npartitions
    table = Table(
        f"centre of mass of {GIGABYTES:g} GB in {chunks} chunks",
        [
            Figure("time [s]", digits=2),
            Figure("times faster than one worker", digits=2),
            Figure("client spent [s]", digits=2),
            Figure("workers spent [s]", digits=2),
            Figure("dask per task [ms]", digits=1),
            Figure("tasks of nothing [s]", digits=2),
        ],
        labels="workers",
    )
    got, nothing = {}, {}
    for workers in (0, 1, 2):
        with _cluster(workers) as client:
            sw.center_of_mass(signal.inav[:16, :16])
            got[workers] = min(_measured(signal, client) for _ in range(TIMES))
            nothing[workers] = min(_nothing(chunks) for _ in range(TIMES))
    alone = got[0][1]
    for workers, (took, here, there) in got.items():
        each = 1000 * (here + there - alone) / chunks
        table.add(workers, [took, got[1][0] / took, here, there, each, nothing[workers]])
    table.close()


@contextmanager
def _cluster(workers):
    if not workers:
        yield None
        return
    cluster = distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, memory_limit="800MB", dashboard_address=None
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


def _measured(signal, client):
    """Seconds of the clock, and of processors: in this process and in the workers."""
    before, began = _spent(client), time.perf_counter()
    with dask.config.set(num_workers=1):
        sw.center_of_mass(signal)
    took = time.perf_counter() - began
    return took, *(after - then for after, then in zip(_spent(client), before, strict=True))


def _nothing(tasks):
    """Seconds that as many tasks take in which nothing is done."""
    began = time.perf_counter()
    dask.compute(*[dask.delayed(abs, pure=False)(i) for i in range(tasks)])
    return time.perf_counter() - began


def _spent(client):
    own = resource.getrusage(resource.RUSAGE_SELF)
    workers = {} if client is None else client.run(lambda: sum(psutil.Process().cpu_times()[:2]))
    return own.ru_utime + own.ru_stime, sum(workers.values())
