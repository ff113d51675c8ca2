"""A ``dask.distributed`` client is used where there is one; never started by stemwidgets."""

import distributed
import numpy as np
import pytest
from rotated_patterns import harmonic, rotated_patterns

import stemwidgets as sw

pytestmark = [
    pytest.mark.slow,
    # dask.distributed's own: its processes are told to end while sockets are open
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def client():
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, memory_limit="800MB", dashboard_address=None
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    import hyperspy.api as hs

    scan = rotated_patterns(harmonic, 20 * 30, seed=1).patterns.reshape(20, 30, 64, 64)
    file = tmp_path_factory.mktemp("scan") / "scan.zspy"
    hs.signals.Signal2D(scan.astype(np.uint16)).save(file, chunks=(4, 6, 64, 64))
    return file


def tasks(client):
    """How many tasks the workers have been given so far."""
    return client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)


def results(path, lazy):
    signal = sw.load(path, lazy=lazy)
    prepared = sw.Preparation().center().crop(24).apply(signal)
    patterns = prepared.data.compute() if lazy else prepared.data
    com = sw.center_of_mass(signal)
    image = sw.virtual_image(signal, sw.DiscDetector((32.0, 32.0), 9.0))
    return com.x.data, com.y.data, image.data, patterns


def test_a_cluster_takes_the_same_centres_of_mass_images_and_patterns(client, path):
    before = tasks(client)
    there = results(path, lazy=True)
    assert tasks(client) > before
    for ours, theirs in zip(results(path, lazy=False), there, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_cluster_reads_what_a_model_encodes(client, path):
    whole = sw.load(path)
    model = sw.RRVAE(seed=0).fit(whole)
    before = tasks(client)
    maps = model.encode(sw.load(path, lazy=True))
    assert tasks(client) > before
    np.testing.assert_allclose(maps.latent.data, model.encode(whole).latent.data, atol=1e-4)
