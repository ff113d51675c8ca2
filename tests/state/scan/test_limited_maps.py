"""Maps of a session without the noise beyond its band limit, beside the raw ones."""

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.arrays.maps.circular import wrap

ANGLE = "COM angle, band-limited"


@pytest.fixture(scope="module")
def noisy():
    return sw.samples.graphene(dose=1e4, seed=1)


@pytest.fixture
def session(noisy):
    session = sw.Session(noisy)
    session.wait(60)
    yield session
    session.close()


def asked(session):
    session.limiting.ask()
    session.wait(60)
    return session.channels


def test_raw_maps_stay_and_limited_ones_come_when_the_limit_is_asked_for(session, noisy):
    raw = dict(session.channels)
    assert ANGLE not in raw
    channels = asked(session)
    com = sw.center_of_mass(noisy, band_limit="auto")

    assert all(channels[name] is channel for name, channel in raw.items())
    np.testing.assert_array_equal(channels[ANGLE].values, np.float32(com.angle.data))
    for name in ("x", "y", "magnitude"):
        limited = channels[f"COM {name}, band-limited"]
        np.testing.assert_array_equal(limited.values, np.float32(getattr(com, name).data))
        assert limited.units == channels[f"COM {name}"].units
    np.testing.assert_allclose(
        channels["COM angle std, band-limited"].values, com.angle_std.data, rtol=1e-3
    )


def test_limited_maps_go_with_the_limit(session):
    asked(session)
    session.band_limit = None
    session.wait(60)
    assert not [name for name in session.channels if "band-limited" in name]
    session.band_limit = 1.2
    session.wait(60)
    assert ANGLE in session.channels


def test_image_of_a_detector_is_less_noisy_and_follows_the_detector(session):
    clean = sw.samples.graphene(dose=None)
    asked(session)
    for outer in (8.0, 20.0):
        detector = sw.DiscDetector((30.0, 42.0), outer)
        session.detector = detector
        session.wait(60)
        truth = sw.virtual_image(clean, detector).data
        raw = session.channels["virtual detector"].values
        limited = session.channels["virtual detector, band-limited"].values
        truth = truth * raw.mean() / truth.mean()
        assert np.std(limited - truth) < 0.7 * np.std(raw - truth)
    session.detector = None
    session.wait(60)
    assert "virtual detector, band-limited" not in session.channels


def test_limited_com_is_in_the_frame_of_the_raw_one(session):
    asked(session)
    session.calibration.start()
    session.wait(60)
    session.calibration.given, session.calibration.rotation = 0.3, "given"
    before = session.channels[ANGLE].values
    session.calibration.applied = True
    session.wait(60)

    turned = wrap(session.channels[ANGLE].values - before)
    strong = session.channels["COM magnitude, band-limited"].values
    raw = wrap(session.channels["COM angle"].values - session.channels[ANGLE].values)
    strong = strong > np.median(strong)
    assert abs(np.median(turned[strong])) == pytest.approx(0.3, abs=0.03)
    assert abs(np.median(raw[strong])) < 0.1


def test_comparison_names_raw_and_limited_com(session):
    session.training.start(seed=0)
    session.training.wait(120)
    session.wait(60)
    line = session.learned.comparison

    assert line == session.snapshot().comparison
    assert line.startswith("raw COM: circular correlation")
    assert "; band-limited COM: circular correlation" in line
    assert "; raw against band-limited COM: circular correlation" in line


def test_code_makes_the_limited_com(session, noisy):
    channels = asked(session)
    code = session.as_code().replace("signal = ...", "")
    names = {"signal": noisy}
    exec(code, names)

    np.testing.assert_array_equal(np.float32(names["limited"].angle.data), channels[ANGLE].values)
