"""Values of channels at one position of the scan, or at many, in words and units."""

import math
from typing import Any

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.maps.summary import circular_summary, majority, summary
from stemwidgets.state.channels import BAND_LIMITED, COM_ANGLE_STD, Channel, Channels
from stemwidgets.views.parts.words import (
    category,
    number,
    percent,
    power_of_ten,
    quantity,
    uncertain_angle,
)

_ERRORS = {
    "angle": "angle std",
    "COM angle": COM_ANGLE_STD,
    f"COM angle{BAND_LIMITED}": f"{COM_ANGLE_STD}{BAND_LIMITED}",
}


def value_at(channel: Channel, position: tuple[int, int], channels: Channels) -> str:
    """Value and unit, with the uncertainty that another of the channels knows."""
    value = float(channel.values[position])
    error = channels.get(_ERRORS.get(channel.name, ""))
    if error is not None:
        return uncertain_angle(value, float(error.values[position]), channel.fold)
    if channel.kind == "category" and math.isfinite(value):
        words = category(channel.name, int(value))
        sure = channel.confidence
        return words if sure is None else f"{words} ({percent(float(sure[position]))})"
    return quantity(value, channel.units)


def mean_of(channel: Channel, values: Any) -> str:
    """Mean ± standard deviation of many values of a channel; of classes the most frequent."""
    if channel.kind == "category":
        most = majority(values)
        if most.defined == 0:
            return quantity(math.nan, "")
        return f"{category(channel.name, most.kind)} ({percent(most.share)})"
    if channel.kind == "angle":
        mean = circular_summary(values, channel.fold)
        return uncertain_angle(mean.mean, mean.std, channel.fold)
    mean = summary(values)
    if channel.units == "rad":
        return uncertain_angle(mean.mean, mean.std)
    return f"{_uncertain(mean.mean, mean.std)} {channel.units}".strip()


def _uncertain(mean: float, std: float) -> str:
    """Mean ± standard deviation, with two digits of the latter."""
    largest = max(abs(mean), std)
    if not math.isfinite(largest) or largest == 0 or std == 0:
        return f"{number(mean)} ± {number(std)}"
    power = math.floor(math.log10(largest))
    power = 0 if -3 <= power <= 4 else power
    mean, std = mean / 10.0**power, std / 10.0**power
    digits = min(max(1 - math.floor(math.log10(std)), 0), 6)
    text = f"{mean:.{digits}f} ± {std:.{digits}f}".replace("-", "−")
    return f"({text})·{power_of_ten(power)}" if power else text


def place_of(position: tuple[int, int], axes: Axes) -> list[tuple[str, str]]:
    """Row and column, and the place on the specimen: names and values."""
    iy, ix = position
    rows = [("row, column", f"{iy}, {ix}")]
    if axes.scan_x.units != "px":
        rows += [
            ("y", f"{number(axes.scan_y.coordinate(iy))} {axes.scan_y.units}"),
            ("x", f"{number(axes.scan_x.coordinate(ix))} {axes.scan_x.units}"),
        ]
    return rows


def place_in_words(position: tuple[int, int], axes: Axes) -> str:
    """Place of a position on the specimen; row and column without a calibration."""
    iy, ix = position
    if axes.scan_x.units == "px":
        return f"row {iy}, column {ix}"
    y, x = number(axes.scan_y.coordinate(iy)), number(axes.scan_x.coordinate(ix))
    return f"y {y}, x {x} {axes.scan_x.units}"
