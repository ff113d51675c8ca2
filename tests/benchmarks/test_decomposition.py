"""How long principal components and non-negative patterns take, beside HyperSpy and scikit-learn.

``python -m pytest -m benchmark -s tests/benchmarks/test_decomposition.py``

Scans of 64×56 patterns of a bright disc with five patterns of intensity that come and go, in counts
(uint16), all in one process; medians of three. 13 components, five non-negative patterns. Ratios
are a peer's time over ours; HyperSpy's and scikit-learn's start from float32 patterns in memory.
HyperSpy's default, as scikit-learn's randomized one, does not converge; "exact" is its own full
decomposition, or scikit-learn's fastest exact one. Errors are the largest relative ones of
variances against a decomposition in double precision: of the four components that the scan has,
and of all 13, most of which are noise. "lazy" is the time on a dask array in chunks of 8×8 patterns
over that in memory, and the peak of what was allocated meanwhile. "misfit" is that of our NMF over
that of scikit-learn's after it has converged.
"""

import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from sklearn.decomposition import NMF, PCA
from sklearn.exceptions import ConvergenceWarning

from benchmarks.table import Figure, Table
from stemwidgets.arrays.decomposition.nmf import nmf
from stemwidgets.arrays.decomposition.pca import pca

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1200)]

SCAN = (64, 56)
PATTERNS = ((32, 36), (44, 40))
COMPONENTS, PARTS = 13, 5
REAL = PARTS - 1  # shares add up to 1
DOSE = 20_000
MEGABYTE = 1e6
REPEATS = 3
ROUNDS = 1000  # for scikit-learn to converge


def test_pca():
    table = Table(
        f"PCA, {COMPONENTS} components",
        [
            Figure("ours [s]"),
            Figure("HyperSpy", digits=2),
            Figure("HyperSpy exact", at_least=1, digits=1),
            Figure("sklearn exact", at_least=1, digits=1),
            Figure("error of 4", at_most=1e-3, digits=6),
            Figure("error of 13", at_most=1e-2, digits=4),
            Figure("HyperSpy's of 4", digits=6),
            Figure("of 13", digits=4),
            Figure("lazy", digits=2),
            Figure("peak [MB]", at_most=200, digits=0),
        ],
        labels="pattern",
    )
    for shape in PATTERNS:
        scan = draw(shape)
        single = scan.astype(np.float32)
        flat = single.reshape(len(single) * SCAN[1], -1)
        lazy = da.from_array(scan, chunks=(8, 8, *shape))
        ours = seconds(lambda scan=scan: pca(scan, COMPONENTS))
        streamed = seconds(lambda lazy=lazy: pca(lazy, COMPONENTS))
        usual = seconds(lambda single=single: by_hyperspy(single, "auto"))
        full = seconds(lambda single=single: by_hyperspy(single, "full"), repeats=1)
        exact = seconds(lambda flat=flat: by_sklearn(flat), repeats=1)
        truth = true_variance(flat)
        found = pca(scan, COMPONENTS).explained_variance
        theirs = by_hyperspy(single, "auto") * (1 - 1 / len(flat))
        table.add(
            f"{shape[0]}x{shape[1]}",
            [
                ours,
                usual / ours,
                full / ours,
                exact / ours,
                worst(found[:REAL], truth[:REAL]),
                worst(found, truth),
                worst(theirs[:REAL], truth[:REAL]),
                worst(theirs, truth),
                streamed / ours,
                peak(lambda lazy=lazy: pca(lazy, COMPONENTS)) / MEGABYTE,
            ],
        )
    table.close()


def test_nmf():
    table = Table(
        f"NMF, {PARTS} patterns",
        [
            Figure("ours [s]"),
            Figure("over sklearn", at_least=1, digits=1),
            Figure("misfit", at_most=1.005, digits=4),
        ],
        labels="pattern",
    )
    for shape in PATTERNS:
        scan = draw(shape)
        flat = scan.reshape(-1, shape[0] * shape[1]).astype(np.float32)
        ours = seconds(lambda scan=scan: nmf(scan, PARTS))
        peer = NMF(PARTS, init="nndsvda", max_iter=ROUNDS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            theirs = seconds(lambda flat=flat, peer=peer: peer.fit(flat), repeats=1)
        misfit = np.linalg.norm(flat - nmf(scan, PARTS).denoised().reshape(flat.shape))
        table.add(
            f"{shape[0]}x{shape[1]}", [ours, theirs / ours, misfit / peer.reconstruction_err_]
        )
    table.close()


def draw(shape: tuple[int, int]) -> np.ndarray:
    """Counts of a disc whose brightness has five parts that come and go."""
    rng = np.random.default_rng(0)
    ky, kx = (2 * index / index.max() - 1 for index in np.indices(shape))
    disc = 1 / (1 + np.exp(30 * (np.hypot(ky, kx) - 0.6)))
    parts = [disc * (1 + np.cos(3 * a * ky + 3 * b * kx)) for a, b in rng.normal(size=(PARTS, 2))]
    amounts = rng.dirichlet(np.ones(PARTS), SCAN[0] * SCAN[1])
    expected = amounts @ np.stack([part / part.sum() for part in parts]).reshape(PARTS, -1)
    return rng.poisson(DOSE * expected).astype(np.uint16).reshape(*SCAN, *shape)


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def by_hyperspy(single: np.ndarray, solver: str) -> np.ndarray:
    signal = hs.signals.Signal2D(single)
    signal.decomposition(
        algorithm="SVD",
        output_dimension=COMPONENTS,
        centre="navigation",
        svd_solver=solver,
        print_info=False,
    )
    return signal.learning_results.explained_variance[:COMPONENTS]


def by_sklearn(flat: np.ndarray) -> None:
    """The fastest of scikit-learn's exact ones."""
    solver = "covariance_eigh" if flat.shape[1] < 2000 else "arpack"
    PCA(COMPONENTS, svd_solver=solver, random_state=0).fit_transform(flat)


def true_variance(flat: np.ndarray) -> np.ndarray:
    exact = flat.astype(np.float64)
    exact -= exact.mean(axis=0)
    across = exact.T @ exact if exact.shape[1] < len(exact) else exact @ exact.T
    return np.linalg.eigvalsh(across / len(exact))[-COMPONENTS:][::-1]


def worst(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.abs(found / truth - 1).max())


def peak(work: Callable[[], object]) -> float:
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most
