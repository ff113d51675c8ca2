"""On a GPU a step costs what it takes to start its operations, and to wait for their results."""

from collections import Counter
from statistics import median

import pytest
from rotated_patterns import bragg, rotated_patterns
from torch.utils._python_dispatch import TorchDispatchMode

from stemwidgets.rrvae import RRVAE
from stemwidgets.rrvae.common import device
from stemwidgets.rrvae.harmonic import em_local, em_on_grid

PATTERNS = 1024


class Counted(TorchDispatchMode):
    """Counts what torch is asked to do."""

    def __init__(self):
        super().__init__()
        self.operations = Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.operations[operation.name()] += 1
        return operation(*args, **(kwargs or {}))


@pytest.fixture
def steps(monkeypatch):
    """What each step of a training did, with as many patterns at a time as on a GPU."""
    monkeypatch.setattr(device, "CACHED", device.TOGETHER)
    steps = {"on the grid": [], "locally": []}

    def count(module, steps):
        update = module.update

        def counted(*args):
            with Counted() as mode:
                state = update(*args)
            steps.append(mode.operations)
            return state

        monkeypatch.setattr(module, "update", counted)

    count(em_on_grid, steps["on the grid"])
    count(em_local, steps["locally"])
    return steps


def test_a_step_has_few_operations_and_waits_for_few_results(steps):
    RRVAE().fit(rotated_patterns(bragg, PATTERNS, 1e4, 0, size=32, bound=False).patterns)
    for kind, most in (("on the grid", 400), ("locally", 800)):
        # unfolding, twice in a training, takes more operations
        assert median(operations.total() for operations in steps[kind]) <= most
        assert max(operations["aten::_local_scalar_dense"] for operations in steps[kind]) <= 8


@pytest.mark.parametrize(
    ("dose", "updates"), [(1e4, em_on_grid.SETTLED), (1e2, em_on_grid.UPDATES)]
)
def test_the_grid_is_left_as_soon_as_posteriors_are_narrow(dose, updates, monkeypatch):
    states = []
    update = em_on_grid.update
    monkeypatch.setattr(
        em_on_grid, "update", lambda *args: states.append(update(*args)) or states[-1]
    )

    RRVAE().fit(rotated_patterns(bragg, PATTERNS, dose, 0, size=32, bound=False).patterns)

    assert states[-1].updates - states[-1].cooled == updates
