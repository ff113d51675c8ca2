"""Several processes, started by torchrun, learn from a scan as one does."""

import os
import signal
import socket
import subprocess
import sys

import dask.array as da
import numpy as np
import pytest
import torch
from rotated_patterns import harmonic, rotated_patterns

import stemwidgets as sw
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae import model_file
from stemwidgets.rrvae.common import distributed
from stemwidgets.rrvae.common.distributed import Share
from stemwidgets.rrvae.harmonic.em_local import FEWEST_ROUNDS

FIT = ("-m", "stemwidgets.cli", "fit")
TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node=2", *FIT)
QUIET = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
ENOUGH = 200.0  # seconds for anything here


@pytest.fixture
def one_of_three(monkeypatch):
    """Make this process the one of that number."""

    def be(number):
        monkeypatch.setattr(distributed, "count", lambda: 3)
        monkeypatch.setattr(distributed, "number", lambda: number)

    return be


@pytest.mark.parametrize(
    ("data", "edges"),
    [
        (np.zeros((10, 4, 8, 9)), {*range(11)}),
        (da.zeros((22, 4, 8, 9), chunks=(5, 3, 8, 9)), {0, 5, 10, 15, 20, 22}),
        (da.zeros((7, 4, 8, 9), chunks=(4, 4, 8, 9)), {*range(8)}),
        (da.zeros((11, 8, 9), chunks=(2, 8, 9)), {0, 2, 4, 6, 8, 10, 11}),
    ],
)
def test_each_row_of_a_scan_is_read_by_one_process(data, edges, one_of_three):
    parts = []
    for number in range(3):
        one_of_three(number)
        parts.append(distributed.own_rows(data))
        assert len(distributed.own_part(data)) > 0
    assert [part.start for part in parts] + [len(data)] == [0] + [part.stop for part in parts]
    assert {part.stop for part in parts} <= edges


def test_more_processes_than_rows_are_refused_in_words(one_of_three):
    one_of_three(0)
    with pytest.raises(InputError, match="3 processes, got 2"):
        distributed.own_rows(np.zeros((2, 9, 8, 8)))


def test_a_batch_falls_to_the_processes_without_a_pattern_twice_or_left_out():
    shares = [Share(0, 7, 23), Share(7, 4, 23), Share(11, 12, 23)]
    order = torch.randperm(23, generator=torch.Generator().manual_seed(0))
    seen = torch.cat(
        [share.own(batch) + share.before for batch in order.chunk(4) for share in shares]
    )
    assert sorted(seen.tolist()) == list(range(23))


def test_without_torchrun_one_process_works_alone():
    assert distributed.launched({}) == 1
    assert distributed.launched({"WORLD_SIZE": "4"}) == 1  # left over from something else
    torchrun = {"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "here", "MASTER_PORT": "1"}
    assert distributed.launched(torchrun) == 4
    with distributed.together("cpu") as (device, count):
        assert (device, count) == ("cpu", 1)
    values = torch.arange(3.0)
    assert distributed.total(values) is values
    assert distributed.joined(values) is values
    assert distributed.agreed(False) is False


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A scan of 22 × 30 positions, five rows of chunks, the last of them thinner."""
    import hyperspy.api as hs

    scan = rotated_patterns(harmonic, 22 * 30, seed=1).patterns.reshape(22, 30, 64, 64)
    scan[3, 4] = 0
    file = tmp_path_factory.mktemp("scan") / "scan.zspy"
    hs.signals.Signal2D(scan.astype(np.uint16)).save(file, chunks=(5, 7, 64, 64))
    return file


def alone(path, file, **options):
    """The losses on the way and the maps of a training in this process."""
    signal = sw.load(path, lazy=True)
    model = sw.RRVAE(device="cpu", **options).fit(signal, checkpoint=file)
    return losses(file), model.encode(signal)


def together(path, folder, *options):
    """The same, and what was said, of a training in two processes."""
    names = ("--out", folder / "maps.zspy", "--checkpoint", folder / "run.rrvae")
    done = subprocess.run(
        [sys.executable, *TORCHRUN, *map(str, (path, *names, *options))],
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        timeout=ENOUGH,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {file.name for file in folder.iterdir()} == {"maps.zspy", "run.rrvae"}
    return losses(folder / "run.rrvae"), sw.Maps.load(folder / "maps.zspy"), done


def losses(file):
    _, record = model_file.read(file)
    training = record["training"]
    return np.array(training.get("losses") or training["position"]["losses"])


def apart(one, other):
    """Median distance of two maps of the angle [rad]."""
    between = np.angle(np.exp(1j * (one.angle.data - other.angle.data)))
    return float(np.nanmedian(np.abs(between)))


@pytest.mark.slow
def test_two_processes_follow_the_losses_of_one_and_draw_its_maps(path, tmp_path):
    one, maps = alone(path, tmp_path / "one.rrvae")
    (tmp_path / "two").mkdir()
    two, maps_of_two, done = together(path, tmp_path / "two")
    assert len(two) == len(one)
    on_grid = len(one) - FEWEST_ROUNDS  # updates; after that, draws differ
    np.testing.assert_allclose(two[:on_grid], one[:on_grid], rtol=1e-3)
    assert two[-1] == pytest.approx(one[-1], rel=0.02)
    assert apart(maps, maps_of_two) < 0.1 * np.nanmedian(maps.angle_std.data)
    assert np.isnan(maps_of_two.angle.data).sum() == 1
    assert done.stdout.count("trained") == done.stdout.count("scan 22×30") == 1

    # a checkpoint of two is that of all patterns: one process goes on from it
    resumed = sw.RRVAE.resume(tmp_path / "two" / "run.rrvae", device="cpu").fit(sw.load(path))
    assert apart(resumed.encode(sw.load(path)), maps_of_two) < 1e-3


@pytest.mark.slow
@pytest.mark.slow
def test_two_processes_read_the_neighbours_of_their_patterns_across_their_border(tmp_path):
    path, folder = tmp_path / "scan.zspy", tmp_path / "together"
    folder.mkdir()
    sw.samples.graphene(dose=1e4).save(path, chunks=(4, 6, 78, 78))

    (of_one, maps), (of_two, same, _) = alone(path, tmp_path / "run.rrvae"), together(path, folder)

    np.testing.assert_allclose(of_two, of_one, rtol=1e-4)
    assert apart(maps, same) < 0.1 * np.nanmedian(maps.angle_std.data)


def test_two_processes_add_up_the_gradients_of_the_papers_network(path, tmp_path):
    one, maps = alone(path, tmp_path / "one.rrvae", kind="paper", centered=True, epochs=2)
    (tmp_path / "two").mkdir()
    options = ("--kind", "paper", "--centered", "--epochs", 2)
    two, maps_of_two, _ = together(path, tmp_path / "two", *options)
    np.testing.assert_allclose(two, one, rtol=1e-4)
    assert apart(maps, maps_of_two) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "hangs"])
def test_a_process_that_dies_or_hangs_ends_the_others_in_words(path, tmp_path, fate):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = (path, "--out", tmp_path / "maps.zspy", "--silence", 0.1, "--kind", "paper")
    common = {**QUIET, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    first, second = (
        subprocess.Popen(
            [sys.executable, *FIT, *map(str, (*words, "--epochs", 10**5))],
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    )
    try:
        assert "scan 22×30" in first.stdout.readline()
        second.send_signal(fate)
        _, said = first.communicate(timeout=ENOUGH)
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()
    assert first.returncode == 2
    assert "process 1 of 2: error: Expected an answer from the other processes" in said
    assert not list(tmp_path.iterdir())
