"""What a session shows follows the beam while the descan is taken off."""

import numpy as np
import pytest
from mouse import mouse
from numpy.testing import assert_allclose, assert_array_equal

import stemwidgets as sw
from stemwidgets.arrays.disc.find import find_disc
from stemwidgets.views.pattern_view import PatternView

DISC = sw.AnnularDetector((22.0, 22.0), 0.0, 13.04)
CAMERA = sw.Camera(descan=5.0, hot=6, dead=1)


@pytest.fixture(scope="module")
def signal():
    return sw.samples.experiment(seed=1, camera=CAMERA)


@pytest.fixture(params=["eager", "lazy"])
def session(request, signal):
    session = sw.Session(signal if request.param == "eager" else signal.as_lazy())
    session.wait(60)
    yield session
    session.close()


def seen(session, name="virtual detector"):
    session.wait(60)
    return session.channels[name].values


def unevenness(image):
    return image.std() / image.mean()


def test_images_are_those_of_a_script_and_change_with_the_tick(session, signal):
    smaller = sw.AnnularDetector(DISC.center, 0.0, 12.0)
    measured, following = (
        [sw.virtual_image(signal, each, descan=descan).data for each in (DISC, smaller)]
        for descan in (None, "find")
    )
    session.detector = DISC
    assert_allclose(seen(session), following[0], rtol=1e-6)
    session.detector = smaller  # read from the copy that is dragged over
    assert_allclose(seen(session), following[1], rtol=1e-6)
    assert unevenness(seen(session, "BF")) < 1.3 * np.sqrt(1 / seen(session, "BF").mean())
    assert session.beam.disc.radius == pytest.approx(13.04, abs=0.01)

    session.scan.take_off = False
    assert_array_equal(seen(session), measured[1].astype("f4"))
    assert unevenness(seen(session, "BF")) > 0.02

    session.scan.take_off = True
    assert_allclose(seen(session), following[1], rtol=1e-6)


def test_the_mean_of_a_region_is_about_its_own_centre(session, signal):
    session.selection.region = np.indices((64, 64))[0] < 8
    session.wait(60)
    assert_allclose(find_disc(session.selection.region_pattern).center, DISC.center, atol=0.15)
    assert session.selection.compared_pattern is not None

    session.scan.take_off = False
    session.wait(60)
    assert_allclose(session.selection.region_pattern, session_mean(session), rtol=1e-5)
    assert session.selection.compared_pattern is None


def session_mean(session):
    return np.asarray(session.scan.cleaned().data)[session.selection.region].mean(axis=0)


def test_the_code_gives_the_same_image(session, signal):
    session.detector = DISC
    image = seen(session)
    code = session.as_code()
    assert "descan=" in code

    found = {}
    exec("\n".join(["import stemwidgets as sw", *lines_of(code)]), {"signal": signal}, found)

    assert_allclose(found["image"].data, image, rtol=1e-6)
    session.scan.take_off = False
    session.wait(60)
    assert "virtual_image" in session.as_code()
    assert "descan=" not in session.as_code()


def lines_of(code):
    return [line for line in code.splitlines() if line.startswith(("descan =", "image ="))]


def test_the_detector_is_drawn_about_the_beam_of_the_shown_pattern(signal):
    session = sw.Session(signal)
    session.wait(60)
    view, session.detector = PatternView(session), DISC
    corners = {(0, 0): signal.data[:5, :5], (63, 63): signal.data[-5:, -5:]}
    for session.position, patterns in corners.items():
        beam = find_disc(patterns.mean(axis=(0, 1)), mask=session.scan.left_out.mask).center
        assert_allclose(drawn_at(view, session), beam, atol=0.4)
        assert np.abs(np.subtract(beam, DISC.center)).max() > 1.5

    session.selection.region = np.indices((64, 64))[0] < 8
    session.wait(60)
    assert_allclose(drawn_at(view, session), DISC.center, atol=0.01)
    session.selection.region, session.scan.take_off = None, False
    session.wait(60)
    assert_allclose(drawn_at(view, session), DISC.center, atol=0.01)
    session.close()


def test_the_detector_is_taken_hold_of_where_it_is_drawn(signal):
    session = sw.Session(signal)
    session.wait(60)
    session.detector, session.position = DISC, (63, 63)
    (y, x), axes = session.scan.departure(session.position), session.scan.axes
    edge, further = ((22 + y, 22 + x + radius) for radius in (13.0, 15.0))
    raster = PatternView(session)._pattern
    for kind, (ky, kx) in (("mousedown", edge), ("mousemove", further), ("mouseup", further)):
        at = axes.kx.offset + axes.kx.scale * kx, axes.ky.offset + axes.ky.scale * ky
        mouse(raster, kind, x=at[0], y=at[1])

    assert session.detector.center == DISC.center
    assert session.detector.outer == pytest.approx(15, abs=0.2)
    session.close()


def drawn_at(view, session):
    """Middle of the detector as it is drawn, (ky, kx) [px]."""
    middle = [(np.min(each[-1]) + np.max(each[-1])) / 2 for each in (view._rings.y, view._rings.x)]
    axes = session.scan.axes.ky, session.scan.axes.kx
    return [(at - axis.offset) / axis.scale for at, axis in zip(middle, axes, strict=True)]
