"""Steps that are all alike, recorded on a GPU as a CUDA graph and then started with one call.

A GPU computes a step of a small network in less time than it takes to start the operations of that
step one by one.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stemwidgets.rrvae.common.notices import tell

Call = Callable[..., Tensor]

WARM_UP = 3  # steps before a recording, in which libraries set themselves up


@dataclass(frozen=True, eq=False)
class _Recording:
    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    output: Tensor


class Replay:
    """Repeated call: recorded on a CUDA device if `possible`, elsewhere as it is.

    If it cannot be recorded, a notice says so, and the call is made as it is there, too.
    """

    def __init__(self, possible: bool = True) -> None:
        self._possible = possible
        self._made: Counter[int] = Counter()
        self._recordings: dict[int, _Recording] = {}

    def __call__(self, call: Call, size: int, *inputs: Tensor) -> Tensor:
        """Make the call; on a CUDA device its result is overwritten the next time.

        `call` is the same each time. It takes size and inputs, which are on the device; what it
        reads and changes besides them stays where it is in memory. It draws no random numbers and
        waits for nothing. `size` determines the shapes of the inputs.
        """
        if not (self._possible and _on_gpu(inputs[0])):
            return call(size, *inputs)
        if size not in self._recordings:
            self._made[size] += 1
            if self._made[size] <= WARM_UP:
                return self._aside(call, size, *inputs)
            self._record(call, size, inputs)
            if not self._possible:
                return call(size, *inputs)
        recording = self._recordings[size]
        for kept, new in zip(recording.inputs, inputs, strict=True):
            kept.copy_(new)
        recording.graph.replay()
        return recording.output

    def _aside(self, call: Call, size: int, *inputs: Tensor) -> Tensor:
        """Make the call on a stream of its own, as a recording is."""
        device = inputs[0].device
        here, aside = torch.cuda.current_stream(device), torch.cuda.Stream(device)
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            output = call(size, *inputs)
        here.wait_stream(aside)
        return output

    def _record(self, call: Call, size: int, inputs: tuple[Tensor, ...]) -> None:
        kept = tuple(tensor.clone() for tensor in inputs)
        device, graph = inputs[0].device, torch.cuda.CUDAGraph()
        try:
            # other threads may use the GPU meanwhile, to show maps
            with (
                torch.cuda.device(device),
                torch.cuda.graph(
                    graph, stream=torch.cuda.Stream(device), capture_error_mode="thread_local"
                ),
            ):
                output = call(size, *kept)
        except RuntimeError as error:
            self._possible = False
            self._recordings.clear()
            tell(
                "The steps could not be recorded as a CUDA graph: they are started one operation "
                f"at a time, more slowly ({error})."
            )
            return
        self._recordings[size] = _Recording(graph, kept, output)


def _on_gpu(tensor: Tensor) -> bool:
    return tensor.device.type == "cuda"
