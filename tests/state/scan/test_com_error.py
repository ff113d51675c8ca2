"""The error of the COM angle among the maps of a session, and in its readout."""

import numpy as np
import pytest

import stemwidgets as sw

NAME = "COM angle std"


def test_the_com_has_its_error_where_electrons_are_counted():
    signal = sw.samples.graphene(dose=1e4)
    session = sw.Session(signal)
    error = session.channels[NAME]
    assert (error.units, error.kind, error.source) == ("rad", "scalar", "COM")
    np.testing.assert_allclose(error.values, sw.center_of_mass(signal).angle_std.data, rtol=0.01)
    session.close()


def test_a_noise_free_scan_has_none():
    session = sw.Session(sw.samples.graphene())
    assert NAME not in session.channels
    assert sw.MapView(session, NAME).raster.message == "dose not known"
    assert "±" not in sw.ReadoutView(session).parts["table"].value
    session.close()


@pytest.mark.parametrize("lazy", [False, True])
def test_it_follows_what_is_left_out(lazy):
    signal = sw.samples.graphene_silicon(dose=1e4)
    signal.data[:, :, 3, 30] = 1000  # adds half the variance, and a tenth of the counts
    session = sw.Session(signal.as_lazy() if lazy else signal)
    session.wait(20)
    without = session.channels[NAME].values
    session.scan.leave_out = False
    session.wait(20)
    assert np.median(session.channels[NAME].values / without) > 1.05
    session.scan.leave_out = True
    session.wait(20)
    np.testing.assert_array_equal(session.channels[NAME].values, without)
    session.close()


def test_the_readout_tells_it_with_the_angle():
    session = sw.Session(sw.samples.graphene(dose=1e5))
    session.position = (3, 8)
    angle, error = (session.channels[name].values[3, 8] for name in ("COM angle", NAME))
    table = sw.ReadoutView(session).parts["table"].value
    assert angle > 0
    assert np.degrees(error) > 3  # less is told with a digit more
    told = f"{np.degrees(angle):.0f}° ± {np.degrees(error):.0f}°"
    assert f"<td>COM angle</td><td style='text-align:right'>{told}</td>" in table
    assert "uncertainty" not in table
    session.close()
