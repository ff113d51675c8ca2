"""Signals go in where arrays do, and come out with the axes of the scan."""

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.signals.maps.scan_signals import map_signal, map_stack_signal

AXES = Axes(Axis(24, 0.2, 0, "Å"), Axis(31, 0.3, 0, "Å"), Axis(8), Axis(9))


@pytest.fixture(scope="module")
def values():
    y, x = np.mgrid[:24, :31]
    waves = np.stack([np.cos(x), np.sin(y + x)], axis=-1)
    waves[12, 15] += 9
    return waves + np.random.default_rng(0).normal(0, 0.1, (24, 31, 2))


def test_a_stack_of_maps_gives_a_map_with_the_axes_of_the_scan(values):
    stack = map_stack_signal(values, AXES, "z", "z", "")
    found = sw.find_anomalies(stack, smoothing=1)
    assert found.places(1) == [(12, 15)]
    assert found.distance.axes_manager.signal_axes[0].scale == 0.3
    assert np.allclose(found.distance.data, sw.find_anomalies(values, 1).distance, equal_nan=True)


def test_a_map_gives_the_same_as_its_array(values):
    single = map_signal(values[..., 0], AXES, "z", "z", "")
    assert sw.measure_inversion(single).breaking == sw.measure_inversion(values[..., 0]).breaking
    assert sw.measure_inversion(single).map.axes_manager.signal_axes[1].units == "Å"


def test_the_winding_of_a_signal_keeps_its_axes():
    y, x = np.mgrid[-3:21, -4:27]
    turns = sw.winding(map_signal(np.arctan2(y, x), AXES, "angle", "angle", "rad"))
    assert turns.axes_manager.signal_axes[1].scale == 0.2
    assert np.array_equal(turns.data, sw.winding(np.arctan2(y, x)), equal_nan=True)
    assert turns.data[3, 4] == 1
