"""Maps of a session's scan without the noise beyond its band limit."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from stemwidgets.arrays.band_limit.limit import BandLimit
from stemwidgets.arrays.band_limit.maps import band_limited
from stemwidgets.arrays.overview import Overview
from stemwidgets.state.background.worker import Worker
from stemwidgets.state.channel_store import ChannelStore
from stemwidgets.state.channels import Channel, com_channels, limited
from stemwidgets.state.scan.band_limiting import BandLimiting
from stemwidgets.state.scan.calibration import Calibrating
from stemwidgets.state.scan.scan import Scan

COM = "COM x", "COM y", "COM angle std"  # by which a COM is known
IMAGES = "BF", "ADF", "virtual detector", "DPC x", "DPC y"

Work = Callable[[], list[Channel]]


class LimitedMaps:
    """Part of a session that adds, beside raw maps, those without noise beyond the band limit.

    Parameters
    ----------
    scan : Scan
        The scan.
    channels : ChannelStore
        Has the raw maps, and receives the others.
    limiting : BandLimiting
        Limit of the scan frequencies.
    calibration : Calibrating
        Frame of the COM.
    worker : Worker
        Computes them; of several requests the latest counts.
    """

    def __init__(
        self,
        scan: Scan,
        channels: ChannelStore,
        limiting: BandLimiting,
        calibration: Calibrating,
        worker: Worker,
    ) -> None:
        self._scan, self._channels, self._worker = scan, channels, worker
        self._limiting, self._calibration = limiting, calibration
        self._of: tuple[Any, ...] = ()
        self._made: dict[Any, tuple[Any, list[Channel]]] = {}
        channels.observe(self._again, "channels")
        limiting.observe(self._again, "chosen")

    def _again(self, _: Any = None) -> None:
        overview, limit = self._scan.overview, self._limiting.limit
        if overview is None or self._scan.closed:
            return
        if limit is None:
            self._of, self._made = (), {}
            self._worker.forget("limited maps")
            if any(channel.source == "neighbours" for channel in self._there.values()):
                self._channels.replace("neighbours")
            return
        raw = [self._there.get(name) for name in (*COM, *IMAGES)]
        of = (limit, *raw)
        if len(of) != len(self._of) or not _same(of, self._of):
            self._of = of
            work = self._work(overview, limit)
            self._worker.submit("limited maps", work, partial(self._show, of))

    @property
    def _there(self) -> Any:
        return self._channels.channels

    def _work(self, overview: Overview, limit: BandLimit) -> Work:
        frame, made, there = self._calibration.frame, self._made, self._there
        std = self._scan.com_std(frame.axes)
        axes = self._scan.axes

        def com() -> list[Channel]:
            found, factors = frame.limited(overview, limit)
            return com_channels(found, axes, None if std is None else std * np.sqrt(factors))

        def image(channel: Channel) -> list[Channel]:
            values = channel.values.astype(float)
            maps, _ = band_limited(values[..., None], limit)
            return [replace(channel, values=maps[..., 0].astype(np.float32))]

        wanted: dict[Any, tuple[Any, Work]] = {
            "COM": ((limit, *(there.get(name) for name in COM)), com)
        }
        for name in IMAGES:
            if name in there:
                wanted[name] = (limit, there[name]), partial(image, there[name])

        def work() -> list[Channel]:
            channels: list[Channel] = []
            for name, (of, make) in wanted.items():
                if name not in made or not _same(made[name][0], of):
                    made[name] = of, [limited(channel) for channel in make()]
                channels += made[name][1]
            return channels

        return work

    def _show(self, of: tuple[Any, ...], channels: list[Channel]) -> None:
        if of is self._of:
            self._channels.replace("neighbours", *channels)


def _same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return all(a is b for a, b in zip(one, other, strict=True))
