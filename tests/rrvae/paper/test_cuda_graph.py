"""CUDA graphs, for which a recording of torch's operations on the CPU stands here."""

from contextlib import nullcontext

import pytest
import torch
from rotated_patterns import harmonic, rotated_patterns
from torch.utils._python_dispatch import TorchDispatchMode

from stemwidgets.arrays.pixel_window import PixelWindow
from stemwidgets.rrvae.common.device import one_thread
from stemwidgets.rrvae.common.notices import TrainingNotice
from stemwidgets.rrvae.paper import cuda_graph as replay
from stemwidgets.rrvae.paper.settings import PaperSettings
from stemwidgets.rrvae.paper.training import PaperTraining

WAITING = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal"}


class Graph:
    """Does operations again, on the same memory; like a GPU it knows nothing of Python."""

    replayed = 0

    def __init__(self):
        self.operations = []

    @torch.no_grad()
    def replay(self):
        Graph.replayed += 1
        for operation, args, kwargs, results in self.operations:
            found = operation(*args, **kwargs)
            for result, again in zip(tensors(results), tensors(found), strict=True):
                result.copy_(again)


class Recording(TorchDispatchMode):
    """Fills a graph; what the operations have changed is undone, since a GPU does not do them."""

    def __init__(self, graph, stream, capture_error_mode):
        super().__init__()
        self.graph, self.changed = graph, []
        assert capture_error_mode == "thread_local"

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        assert operation.name() not in WAITING
        for argument, value in zip(operation._schema.arguments, args, strict=False):
            if argument.alias_info is not None and argument.alias_info.is_write:
                self.changed += [(tensor, tensor.clone()) for tensor in tensors(value)]
        results = operation(*args, **kwargs)
        self.graph.operations.append((operation, args, kwargs, results))
        return results

    def __exit__(self, *exception):
        super().__exit__(*exception)
        with torch.no_grad():
            for tensor, before in reversed(self.changed):
                tensor.copy_(before)


def tensors(results):
    several = results if isinstance(results, tuple | list) else (results,)
    return [result for result in several if isinstance(result, torch.Tensor)]


@pytest.fixture
def on_gpu(monkeypatch):
    monkeypatch.setattr(replay, "_on_gpu", lambda tensor: True)
    monkeypatch.setattr(replay.Replay, "_aside", lambda self, call, *args: call(*args))
    monkeypatch.setattr(torch.cuda, "device", nullcontext)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", Recording)
    monkeypatch.setattr(Graph, "replayed", 0)


@pytest.fixture
def train():
    truth = rotated_patterns(harmonic, n=77, dose=2e4, seed=0, size=33, bound=False)
    window = PixelWindow.from_mean(truth.patterns.mean(axis=0))
    prepared = torch.from_numpy(window.apply(truth.patterns))

    def trained(**settings):
        chosen = PaperSettings(centered=True, epochs=6, **settings)
        with one_thread():
            training = PaperTraining.create(prepared, window.coordinates, 2, 0, chosen)
            last = list(training.steps())[-1]
        return training.weights, last.reconstruction

    return trained


@pytest.mark.parametrize("turning", [True, False])
def test_recorded_steps_teach_the_same(train, turning, request):
    weights, loss = train(turning=turning)
    request.getfixturevalue("on_gpu")

    recorded, recorded_loss = train(turning=turning)

    # of 24 steps in batches of 20 and 19, three of each size come before its recording
    assert Graph.replayed == 24 - 2 * replay.WARM_UP
    assert torch.equal(recorded, weights)
    assert recorded_loss == loss


def test_steps_that_cannot_be_recorded_are_made_as_they_are(train, on_gpu, monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError("operation not permitted when stream is capturing")

    weights, _ = train()
    monkeypatch.setattr(torch.cuda, "graph", refuse)
    monkeypatch.setattr(Graph, "replayed", 0)

    with pytest.warns(TrainingNotice, match="CUDA graph.*not permitted"):
        made, _ = train()

    assert Graph.replayed == 0
    assert torch.equal(made, weights)
