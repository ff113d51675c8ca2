"""The session as its parts see it: they know this much of it, and it knows them."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.calibration.descan import Descan
from stemwidgets.arrays.calibration.vacuum import InVacuum
from stemwidgets.arrays.center_of_mass import Deflection
from stemwidgets.arrays.centring.beam_frame import BeamFrame
from stemwidgets.arrays.faults.clean import CleanScan
from stemwidgets.arrays.faults.left_out import LeftOut
from stemwidgets.arrays.overview import Overview
from stemwidgets.state.background.worker import Mailbox
from stemwidgets.state.channels import Channels


class Host(Protocol):
    """Scan, maps and mailbox of a session; `stemwidgets.state.Session` tells each attribute."""

    data: Any
    axes: Axes
    shape: tuple[int, int, int, int]
    title: str
    beam_energy: float | None
    notes: tuple[str, ...]
    closed: bool
    mailbox: Mailbox
    channels: Channels
    position: tuple[int, int]
    overview: Overview | None
    region: NDArray[np.bool_] | None
    left_out: LeftOut | None
    leave_out: bool
    in_vacuum: InVacuum | None
    take_off: bool
    followed: Descan | None
    model: Any
    training: Any
    beam: Any

    @property
    def descan_taken_off(self) -> Descan | None: ...  # noqa: D102

    def observe(self, handler: Callable[[Any], None], names: str | Sequence[str]) -> None: ...  # noqa: D102
    def require_open(self) -> None: ...  # noqa: D102
    def cleaned(self) -> CleanScan: ...  # noqa: D102
    def faults(self) -> LeftOut | None: ...  # noqa: D102
    def descan_for_models(self) -> Any: ...  # noqa: D102
    def beam_frame(self) -> BeamFrame | None: ...  # noqa: D102
    def show_com(self, com: Deflection) -> None: ...  # noqa: D102
    def adopt(self, model: Any, *args: Any, **options: Any) -> None: ...  # noqa: D102
