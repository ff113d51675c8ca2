"""The posterior over a grid of latent variables and angles, against sums cell by cell."""

import math
from dataclasses import replace

import pytest
import torch

from stemwidgets.rrvae.harmonic.grid import LatentGrid, TurnedPoints
from stemwidgets.rrvae.harmonic.manifold import Manifold, scattered_points

FRAMES, POINTS, PATTERNS = 10, 6, 7
ORDER = torch.tensor([1.0, 0.0, 3.0, 1.0, 2.0])
SIGNAL = torch.tensor([3.0, 2.0, 1.0, 0.7, 0.4])
NOISE = torch.linspace(0.6, 3.0, PATTERNS)


def make(order=ORDER, classes=2):
    manifold = Manifold.create(order, SIGNAL[: len(order)], 2, classes, seed=1)
    latent = scattered_points(POINTS, 2).repeat(classes, 1)
    class_index = torch.arange(classes).repeat_interleave(POINTS)
    grid = LatentGrid(
        latent=latent,
        class_index=class_index,
        spread=torch.eye(2).repeat(len(class_index), 1, 1),
        log_share=torch.zeros(len(class_index)),
        frames=FRAMES,
    )
    return manifold, grid.with_counts(torch.arange(1.0, len(class_index) + 1))


def draw(manifold):
    generator = torch.Generator().manual_seed(2)
    return 1.5 * torch.randn(PATTERNS, len(manifold.signal), generator=generator)


def cell_by_cell(manifold, grid, coefficients, noise):
    """Log-probability ``[frames, n, points]`` of patterns and cells together, in float64."""
    decoded = manifold.decode(grid.latent, grid.class_index).double()
    log = torch.empty(grid.frames, len(coefficients), len(grid.class_index), dtype=torch.float64)
    for frame, angle in enumerate(grid.angles.double()):
        turned = manifold.turn(decoded, angle.expand(len(decoded)))
        apart = (coefficients.double()[:, None] - turned).square().sum(-1)
        log[frame] = grid.log_share - math.log(grid.frames) - apart / (2 * noise.double()[:, None])
    return log


@pytest.mark.parametrize("order", [ORDER, torch.tensor([2.0]), torch.tensor([0.0, 0.0])])
@pytest.mark.parametrize("classes", [1, 2])
def test_posterior_and_evidence_are_the_sums_over_all_cells(order, classes):
    manifold, grid = make(order, classes)
    coefficients = draw(manifold)

    found = TurnedPoints(manifold, grid).posterior(coefficients, NOISE)

    log = cell_by_cell(manifold, grid, coefficients, NOISE)
    evidence = log.logsumexp(dim=(0, 2))
    expected = (log - evidence[None, :, None]).exp()
    torch.testing.assert_close(found.cells.double(), expected, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(found.log_evidence.double(), evidence, rtol=1e-4, atol=1e-4)
    if len(order) > 2:
        best = log.transpose(0, 1).flatten(1).argmax(dim=1)
        assert torch.equal(found.best, best)


def test_sums_at_a_point_are_of_the_patterns_turned_back():
    manifold, grid = make()
    coefficients = draw(manifold)
    turned = TurnedPoints(manifold, grid)
    found = turned.posterior(coefficients, NOISE)

    sums = turned.turned_back_sums(coefficients, found)

    expected = torch.zeros(len(grid.class_index), len(manifold.signal), dtype=torch.float64)
    for frame, angle in enumerate(grid.angles.double()):
        back = manifold.turn(coefficients.double(), -angle.expand(PATTERNS))
        expected += found.cells[frame].double().T @ back
    torch.testing.assert_close(sums.double(), expected, rtol=1e-4, atol=1e-4)


def test_a_search_begins_at_the_cell_that_made_the_pattern():
    manifold, grid = make()
    cells = torch.arange(FRAMES * 2 * POINTS)[3::17]
    start = grid.start(cells)
    patterns = manifold.turn(manifold.decode(start.latent, start.class_index), start.angle)
    noise = torch.full((len(cells),), 1e-3)

    best = TurnedPoints(manifold, grid).posterior(patterns, noise).best

    assert torch.equal(best, cells)
    assert torch.equal(start.angle, (cells // 12) * (2 * math.pi / FRAMES))
    assert torch.equal(grid.nearest(start.latent, start.class_index), cells % 12)


def test_cells_that_are_very_unlikely_do_no_harm():
    manifold, grid = make()
    grid = grid.with_counts(torch.cat([torch.full((POINTS,), 1e-30), torch.ones(POINTS)]))
    coefficients = 100 * draw(manifold)

    turned = TurnedPoints(manifold, grid)
    found = turned.posterior(coefficients, torch.full((PATTERNS,), 1e-4))

    assert torch.isfinite(found.log_evidence).all()
    assert torch.isfinite(turned.turned_back_sums(coefficients, found)).all()
    torch.testing.assert_close(found.cells.sum(dim=(0, 2)), torch.ones(PATTERNS))
    smallest = torch.finfo(torch.float32).tiny
    assert found.cells.min() > smallest  # no denormal numbers, with which one cannot compute fast


def test_more_angles_change_the_evidence_little():
    manifold, grid = make()
    coefficients, noise = draw(manifold), 4 * NOISE

    coarse, fine = (
        TurnedPoints(manifold, replace(grid, frames=frames)).posterior(coefficients, noise)
        for frames in (48, 96)
    )

    torch.testing.assert_close(coarse.log_evidence, fine.log_evidence, rtol=0, atol=1e-3)


def test_shares_are_those_of_the_counts():
    _, grid = make()

    share = grid.log_share.exp()

    torch.testing.assert_close(share.sum(), torch.tensor(1.0))
    torch.testing.assert_close(share[3] / share[1], torch.tensor(2.0))
