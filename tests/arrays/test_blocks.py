"""All cores at work on a scan: what comes out is what one core gives, in the order of the scan."""

import dask
import dask.array as da
import numpy as np
import pytest
import torch
from rotated_patterns import bragg, rotated_patterns

from stemwidgets.arrays.blocks import SHARED_BYTES, iterate_blocks, read_blocks
from stemwidgets.rrvae import RRVAE, encoding
from stemwidgets.rrvae.harmonic.grid import TurnedPoints
from stemwidgets.rrvae.harmonic.posterior import CountLikelihood, refine
from stemwidgets.rrvae.harmonic.state import Patterns

SHAPE = (13, 7, 9, 8)


@pytest.fixture(scope="module")
def scan():
    return np.random.default_rng(0).poisson(3.0, SHAPE).astype(">u2")


def as_chunks(scan):
    return da.from_array(scan, chunks=(4, 3, 5, 8))


@pytest.mark.parametrize("lazily", [False, True])
def test_blocks_are_read_in_the_order_in_which_they_are_walked_through(scan, lazily):
    data = as_chunks(scan) if lazily else scan

    walked = list(iterate_blocks(data, 500))
    read = list(read_blocks(data, lambda block: block.sum(axis=(-2, -1)), 500))

    assert len(walked) > 3
    assert [where for where, _ in read] == [where for where, _ in walked]
    for (_, patterns), (_, sums) in zip(walked, read, strict=True):
        np.testing.assert_array_equal(patterns.sum(axis=(-2, -1)), sums)


def test_a_large_array_is_read_by_all_cores_like_a_small_one():
    scan = np.zeros((9, SHARED_BYTES // (8 * 16 * 8), 16, 8), np.uint8)
    scan[np.arange(9), ::7] = np.arange(9)[:, None, None, None]
    expected = scan.sum(axis=(1, 2, 3), dtype=np.int64)

    read = read_blocks(
        scan, lambda block: block.sum(axis=(1, 2, 3), dtype=np.int64), scan[0].nbytes
    )

    for (rows,), sums in read:
        np.testing.assert_array_equal(sums, expected[rows])


def test_masked_pixels_count_nothing_in_any_block(scan):
    masked = np.ma.masked_less(scan.astype(np.int32), 3)

    sums = [part for _, part in read_blocks(masked, lambda block: block.sum(axis=(1, 2, 3)), 500)]

    np.testing.assert_array_equal(np.concatenate(sums), masked.filled(0).sum(axis=(1, 2, 3)))


def test_what_goes_wrong_in_a_block_is_raised(scan):
    def fail(_block):
        raise OSError("no such disk")

    for data in (scan, as_chunks(scan)):
        with pytest.raises(OSError, match="no such disk"):
            list(read_blocks(data, fail, 500))


@pytest.fixture(scope="module")
def learned():
    patterns = rotated_patterns(bragg, 600, 1e4, seed=3, size=48).patterns
    return RRVAE(seed=0).fit(patterns), patterns


def test_encoding_on_many_cores_gives_the_bits_of_one(learned, monkeypatch):
    model, patterns = learned
    monkeypatch.setattr(encoding, "ROWS", 128)

    many = model.encode(patterns)
    with dask.config.set(num_workers=1):
        one = model.encode(patterns)

    for name in ("angle", "latent", "residual", "angle_std"):
        np.testing.assert_array_equal(getattr(many, name), getattr(one, name), name)


def test_steps_on_the_counts_end_at_the_same_place_wherever_they_begin(learned):
    model, patterns = learned
    trained = model._fitting.learned
    (_, prepared), *_ = read_blocks(patterns[:200], trained.window.apply)
    coefficients, _ = trained.basis.project(prepared)
    dose = torch.from_numpy(prepared.sum(axis=1) / trained.basis.dose)
    posterior = trained_posterior(trained, Patterns(torch.from_numpy(coefficients), dose))
    counts = CountLikelihood(trained.basis, torch.device("cpu"))
    ends = []
    for away in (-0.5, 0.5):
        found, start = posterior
        width = found.covariance.diagonal(dim1=1, dim2=2).sqrt()
        begin = found.moved(away * width, found.covariance)
        with torch.no_grad():
            ends.append(
                counts.refine(
                    trained.manifold,
                    torch.from_numpy(prepared),
                    dose / trained.noise,
                    begin,
                    start,
                    8,
                )
            )

    apart = torch.cat(
        [ends[1].latent - ends[0].latent, (ends[1].angle - ends[0].angle)[:, None]], dim=1
    )
    apart = apart.abs() / ends[0].covariance.diagonal(dim1=1, dim2=2).sqrt()
    assert apart.max() < 0.1


def trained_posterior(trained, patterns):
    noise = trained.noise / patterns.dose
    with torch.no_grad():
        cell = TurnedPoints(trained.manifold, trained.grid).posterior(patterns.coefficients, noise)
        start = trained.grid.start(cell.best)
        return refine(trained.manifold, patterns.coefficients, noise, start, 3), start
