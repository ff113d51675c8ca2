"""A session leaves out what is faulty, tells it, and takes it back when asked to."""

import dask.array as da
import faulty_scans
import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.state.session import ScanSession

PLACE = (10, 13, 5, 22)


def faulty():
    scan = faulty_scans.turned_discs().astype("u2")
    scan[:, :, 15] = 4095
    scan[..., 3, 4] = 4095
    scan[PLACE] = 65535
    return scan


@pytest.fixture(params=["eager", "lazy"])
def session(request):
    scan = faulty()
    if request.param == "lazy":
        scan = da.from_array(scan, chunks=(6, 24, 32, 32))
    session = ScanSession(scan)
    session.wait(60)
    yield session
    session.close()


def angle(session):
    return session.channels["COM angle"].values


def test_maps_are_those_of_a_script(session):
    com = sw.center_of_mass(faulty())

    np.testing.assert_allclose(angle(session), com.angle.data, atol=1e-4)


def test_what_is_left_out_is_told_and_can_be_taken_back(session):
    found = session.scan.left_out
    assert found.rows == (15,)
    np.testing.assert_array_equal(found.pixels, [(3, 4)])
    np.testing.assert_array_equal(found.events, [PLACE])
    assert session.scan.left_out_words == "Row 15, 1 pixel and 1 single event are left out."
    clean, bright = angle(session), session.scan.overview.bright_field

    session.scan.leave_out = False
    session.wait(60)

    raw = sw.center_of_mass(faulty(), faulty=None)
    np.testing.assert_allclose(angle(session), raw.angle.data, atol=1e-4)
    assert session.scan.left_out_words.endswith("are faulty, and counted.")
    assert session.scan.left_out is found

    session.scan.leave_out = True
    session.wait(60)
    np.testing.assert_array_equal(angle(session), clean)
    np.testing.assert_array_equal(session.scan.overview.bright_field, bright)


def test_a_virtual_detector_leaves_it_out(session):
    ring = sw.AnnularDetector((15.5, 15.5), 0, 40)
    session.detector = ring
    session.wait(60)
    counts = session.channels["virtual detector"].values
    np.testing.assert_allclose(counts, sw.virtual_image(faulty(), ring).data, rtol=1e-6)
    assert counts.max() < 3000

    session.scan.leave_out = False
    session.wait(60)

    counts = session.channels["virtual detector"].values
    np.testing.assert_allclose(counts, faulty().sum((2, 3)), rtol=1e-6)


def test_components_leave_it_out():
    session = ScanSession(faulty())
    session.decomposition.start("PCA", 2)
    session.decomposition.wait(60)

    assert np.isnan(session.decomposition.found.patterns[:, 15]).all()
    session.scan.leave_out = False
    session.wait(60)
    assert np.isfinite(session.decomposition.found.patterns).all()
    session.close()


def test_a_training_leaves_out_what_the_session_does():
    session = ScanSession(faulty())
    session.training.start(seed=0)
    session.training.wait(120)

    assert session.training.model.used_pixels.mask[15].all()
    session.close()


def view_of(session):
    from stemwidgets.views.pattern_view import PatternView

    return PatternView(session, reconstruction=False)


def test_marks_words_and_a_tick_are_on_the_pattern():
    session = ScanSession(faulty())
    view = view_of(session)
    assert "Row 15, 1 pixel and 1 single event are left out." in view.parts["faulty"].value
    lines, crosses = view.parts["figure"].marks[1:3]
    assert (lines.visible, crosses.visible) == (True, True)
    np.testing.assert_allclose(np.ravel(lines.y), [15, 15])
    np.testing.assert_allclose((crosses.x, crosses.y), ([4], [3]))

    session.position = PLACE[:2]
    np.testing.assert_allclose((crosses.x, crosses.y), ([PLACE[3], 4], [PLACE[2], 3]))

    view.parts["leave_out"].value = False
    session.mailbox.drain()
    session.wait(60)
    assert session.scan.leave_out is False
    assert "are faulty, and counted" in view.parts["faulty"].value
    view.close()
    session.close()


def test_a_sound_detector_shows_no_tick():
    session = ScanSession(faulty_scans.turned_discs().astype("u2"))
    view = view_of(session)

    assert view.parts["faulty"].value.count("left out") == 0
    assert not any(mark.visible for mark in view.parts["figure"].marks[1:3])
    view.close()
    session.close()


def test_code_and_record_tell_what_is_left_out(tmp_path):
    np.save(tmp_path / "scan.npy", faulty())
    session = sw.Session(tmp_path / "scan.npy")
    words = "Row 15, 1 pixel and 1 single event are left out."
    assert f"# {words}\ncom = sw.center_of_mass(signal)\n" in session.as_code()
    session.scan.leave_out = False
    session.wait(60)
    assert "com = sw.center_of_mass(signal, faulty=None)\n" in session.as_code()

    session.save(tmp_path / "session.json")
    again = sw.Session.open(tmp_path / "session.json")
    again.wait(60)

    assert again.scan.leave_out is False
    np.testing.assert_array_equal(angle(again), angle(session))
    for each in (session, again):
        each.close()


def test_exports_record_what_is_left_out(tmp_path):
    from stemwidgets.export.provenance import record

    session = sw.Session(faulty())

    told = record(session.snapshot())["left out"]

    assert told["words"] == "Row 15, 1 pixel and 1 single event are left out."
    assert told["faulty"]["rows"] == [15]
    assert told["faulty"]["pixels"] == [[3, 4]]
    assert told["faulty"]["single events"] == [list(PLACE)]
    session.close()
