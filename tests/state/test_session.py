import asyncio
import threading
import time
from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
from scans import AXES, SHAPE, Pacer, Sorter, turning_spot, unreadable

from stemwidgets.arrays.axes import Axes
from stemwidgets.arrays.detectors import AnnularDetector
from stemwidgets.arrays.errors import InputError
from stemwidgets.state import ScanSession


@pytest.fixture
def session():
    session = ScanSession(turning_spot(), AXES, "spot", make_model=Pacer)
    yield session
    session.close()


def changes(session, trait):
    seen = []
    session.observe(lambda change: seen.append(change["new"]), trait)
    return seen


def test_a_new_position_brings_its_pattern(session):
    session.position = (2, 5)
    np.testing.assert_array_equal(session.pattern, session.scan.data[2, 5])
    assert session.pattern.dtype == np.float32


def test_positions_are_rounded_and_clamped_to_the_scan(session):
    session.position = (np.float64(1.6), -3)
    assert session.position == (2, 0)
    session.position = (100, 100)
    assert session.position == (SHAPE[0] - 1, SHAPE[1] - 1)
    assert all(type(index) is int for index in session.position)


def test_the_deflections_have_a_divergence_and_a_curl(session):
    y, x = (session.channels[name].values for name in ("COM y", "COM x"))
    slopes = np.gradient(y, 0.2, axis=0), np.gradient(x, 0.3, axis=1)

    found = session.channels["COM divergence"]

    np.testing.assert_allclose(found.values, sum(slopes), atol=1e-4)
    assert (found.units, found.kind) == ("1/Å²", "signed")
    assert session.channels["COM curl"].units == "1/Å²"


def test_a_line_scan_has_neither_divergence_nor_curl():
    session = ScanSession(turning_spot()[:1], make_model=Pacer)
    assert not {"COM divergence", "COM curl"} & set(session.channels)
    session.close()


@pytest.mark.parametrize("nonsense", [3, (1, 2, 3), ("a", 1), (np.nan, 0), None])
def test_what_is_no_position_is_refused_and_nothing_moves(session, nonsense):
    session.position = (1, 1)
    with pytest.raises(InputError, match="position"):
        session.position = nonsense
    assert session.position == (1, 1)


def test_setting_an_equal_value_is_silent(session):
    session.position = (1, 2)
    moved, redrawn = changes(session, "position"), changes(session, "shown")
    session.position = (1.2, 2)
    session.set_trait("shown", replace(session.shown, pattern=session.pattern.copy()))
    assert moved == redrawn == []


def test_a_pattern_cannot_be_written_into(session):
    with pytest.raises(ValueError, match="read-only"):
        session.pattern[0, 0] = 1


def test_the_centre_of_mass_follows_the_spot(session):
    angle, magnitude = session.channels["COM angle"], session.channels["COM magnitude"]
    expected = np.tile(2 * np.pi * np.arange(6) / 6, (4, 1))
    difference = np.angle(np.exp(1j * (angle.values - expected)))
    assert np.abs(difference[:3]).max() < 0.2  # the detector's pixels are not square
    assert angle.units == "rad"
    assert angle.kind == "angle"
    assert magnitude.units == "1/Å"
    assert (np.diff(magnitude.values.mean(axis=1)) > 0).all()


def test_an_angle_is_confident_where_the_centre_of_mass_is_far(session):
    confidence = session.channels["COM angle"].confidence
    assert confidence[3].mean() > confidence[0].mean()
    assert confidence.min() >= 0
    assert confidence.max() <= 1


def test_a_pattern_without_counts_has_no_angle_and_spoils_nothing():
    data = turning_spot()
    data[1, 2] = 0
    session = ScanSession(data, AXES)
    values = session.channels["COM angle"].values
    assert np.isnan(values[1, 2])
    assert np.isfinite(np.delete(values.ravel(), 1 * 6 + 2)).all()


def test_a_detector_adds_its_image_and_none_takes_it_away(session):
    detector = AnnularDetector((8.0, 7.0), 0, 3)
    session.detector = detector
    session.wait(10)
    expected = session.scan.data[..., detector.pixels(SHAPE[2:])].sum(axis=-1)
    np.testing.assert_allclose(session.channels["virtual detector"].values, expected, rtol=1e-5)
    session.detector = None
    assert "virtual detector" not in session.channels


def test_a_detector_off_the_pattern_is_explained(session):
    session.detector = AnnularDetector((8.0, 7.0), 50, 60)
    session.wait(10)
    assert "covers no pixel" in session.problem


def test_lazy_data_are_opened_in_the_background():
    lazy = da.from_array(turning_spot(), chunks=(2, 3, 18, 15))
    session = ScanSession(lazy, AXES)
    session.wait(20)
    np.testing.assert_array_equal(session.pattern, turning_spot()[0, 0])
    eager = ScanSession(turning_spot(), AXES)
    assert list(session.channels) == list(eager.channels)
    for name, channel in eager.channels.items():
        tolerance = 0.05 if name in ("BF", "ADF") else 1e-5  # their disc is seen in another sample
        np.testing.assert_allclose(session.channels[name].values, channel.values, rtol=tolerance)


def test_of_many_positions_in_lazy_data_the_last_wins():
    gate, reads = threading.Event(), []

    def slow(block, block_info=None):
        if block_info:
            reads.append(block_info[0]["chunk-location"][:2])
            gate.wait(10)
        return block

    lazy = da.from_array(turning_spot(), chunks=(1, 1, 18, 15)).map_blocks(slow, dtype="f4")
    session = ScanSession(lazy, AXES)
    session._computer.close()
    for ix in range(6):
        session.position = (2, ix)
    gate.set()
    session.wait(20)
    np.testing.assert_array_equal(session.pattern, turning_spot()[2, 5])


def test_data_that_cannot_be_read_are_a_problem_in_words():
    session = ScanSession(unreadable(), AXES)
    session.wait(20)
    assert "the disk is gone" in session.problem
    assert session.pattern is None


def test_traits_are_set_in_the_thread_of_the_session():
    async def run():
        session = ScanSession(da.from_array(turning_spot()), AXES, make_model=Pacer)
        threads = set()
        for thing in (session, session.training):
            thing.observe(lambda change: threads.add(threading.get_ident()))
        session.training.start(pace=0.01, steps=20)
        session.position = (3, 3)
        while session.training.active or session.scan.overview is None:
            await asyncio.sleep(0.01)
        assert session.training.status == "finished"
        return threads

    assert asyncio.run(run()) == {threading.get_ident()}


def test_events_of_another_thread_are_run_at_home():
    async def run():
        session = ScanSession(turning_spot(), AXES)
        ran = []
        worker = threading.Thread(
            target=lambda: session.mailbox.post("key", lambda: ran.append(threading.get_ident()))
        )
        worker.start()
        worker.join()
        assert ran == []
        await asyncio.sleep(0.05)
        return ran

    assert asyncio.run(run()) == [threading.get_ident()]


def test_of_many_events_in_a_moment_only_the_last_counts():
    async def run():
        session, ran = ScanSession(turning_spot(), AXES), []
        for value in range(20):
            session.mailbox.post("key", lambda value=value: ran.append(value), delay=0.02)
        await asyncio.sleep(0.1)
        return ran

    assert asyncio.run(run()) == [19]


def test_the_first_of_many_events_is_answered_at_once_and_the_last_when_that_is_done():
    async def run():
        session, ran = ScanSession(turning_spot(), AXES), []

        def answer(value):
            time.sleep(0.03)
            ran.append(value)

        for value in range(20):
            session.mailbox.post("key", lambda value=value: answer(value), rest=0.02)
            await asyncio.sleep(0.005)
        during = list(ran)
        await asyncio.sleep(0.1)
        assert during[:1] == [0]
        assert len(ran) < 10
        session.mailbox.post("key", lambda: ran.append("later"), rest=0.02)
        await asyncio.sleep(0.01)
        return ran[-2:]

    assert asyncio.run(run()) == [19, "later"]


def test_an_error_in_an_event_is_shown():
    async def run():
        session = ScanSession(turning_spot(), AXES)
        session.mailbox.post("key", lambda: 1 / 0)
        await asyncio.sleep(0.05)
        return session.problem

    assert "division by zero" in asyncio.run(run())


@pytest.mark.parametrize("shape", [(20, 16), (5, 20, 16), (4, 6, 7, 15), (0, 6, 18, 15)])
def test_what_is_no_scan_is_refused(shape):
    with pytest.raises(InputError, match="xpected"):
        ScanSession(np.ones(shape))


def test_axes_of_another_scan_are_refused():
    with pytest.raises(InputError, match="shape"):
        ScanSession(turning_spot(), Axes.uncalibrated((6, 4, 18, 15)))


def test_a_scan_of_one_row_is_a_scan():
    session = ScanSession(turning_spot()[:1])
    session.position = (5, 5)
    assert session.position == (0, 5)


@pytest.fixture
def sorted_scan():
    session = ScanSession(turning_spot(), AXES, make_model=Sorter)
    session.training.start()
    session.training.wait(10)
    session.wait(10)
    yield session
    session.close()


def test_a_model_brings_error_bars_symmetry_and_classes(sorted_scan):
    channels = sorted_scan.channels
    assert channels["angle"].fold == 3
    assert channels["angle std"].units == "rad"
    assert {name for name, channel in channels.items() if channel.kind == "category"} == {
        "symmetry",
        "classes",
    }
    np.testing.assert_array_equal(channels["symmetry"].values[1], [0, 3, 3, 3, 3, 3])
    np.testing.assert_array_equal(channels["classes"].values[:, 1], [0, 1, 2, 2])
    np.testing.assert_allclose(channels["symmetry"].confidence[1], 0.9)
    np.testing.assert_allclose(channels["class confidence"].values[1], 0.8, rtol=1e-6)
    for name in ("angle", "angle std", "symmetry", "classes", "class confidence"):
        assert np.isnan(channels[name].values[2, 3]), name


def test_without_classes_there_is_no_channel_of_them(session):
    session.training.start()
    session.training.wait(10)
    assert "symmetry" in session.channels
    assert "classes" not in session.channels


def test_angles_are_compared_modulo_the_symmetry_of_the_model(sorted_scan):
    assert "modulo 120°" in sorted_scan.learned.comparison


def test_a_round_pattern_is_reconstructed_although_it_has_no_angle(sorted_scan):
    sorted_scan.position = (1, 0)
    assert np.isnan(sorted_scan.channels["angle"].values[1, 0])
    np.testing.assert_array_equal(sorted_scan.reconstruction, 1001.0)  # z1 = 1, class 1
    assert np.isfinite(sorted_scan.learned.mean_reconstruction).all()
    sorted_scan.position = (2, 3)
    assert np.isnan(sorted_scan.reconstruction).all()


def test_a_pattern_is_reconstructed_in_its_class(sorted_scan):
    classes = sorted_scan.channels["classes"].values
    for row in range(SHAPE[0]):
        sorted_scan.position = (row, 0)
        np.testing.assert_array_equal(sorted_scan.reconstruction, row + 1000 * classes[row, 0])
    assert sorted_scan.learned.mean_reconstruction.min() > 1000
