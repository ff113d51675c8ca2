"""What the train panel asks of a model, where it trains, and how fast."""

from dataclasses import replace

import pytest
from scans import AXES, Pacer, turning_spot

import stemwidgets.state.learning.training as training_module
from stemwidgets.arrays.errors import InputError
from stemwidgets.rrvae.common.device import Device, choose_device, devices
from stemwidgets.state import ScanSession
from stemwidgets.views.train_panel import TrainPanel


class Asked(Pacer):
    """Remembers what it was asked for."""

    def __init__(self, classes=1, device="auto", **options):
        super().__init__(**options)
        self.classes, self.device = classes, device


@pytest.fixture
def session(monkeypatch):
    here = (Device("cuda:0", "H <1>", 78_400_000_000), Device("cpu", "CPU", None))
    monkeypatch.setattr(training_module, "devices_here", lambda: here)
    session = ScanSession(turning_spot(), AXES, make_model=Asked)
    yield session
    session.close()


def train(session, parts):
    parts["train"].click()
    session.training.wait(10)
    return session.model


def test_classes_are_asked_of_the_harmonic_model_only(session):
    parts = TrainPanel(session, classes=3).parts
    assert parts["classes"].layout.display is None
    assert train(session, parts).classes == 3
    parts["kind"].value = "paper"
    assert parts["classes"].layout.display == "none"
    assert train(session, parts).classes == 1


def test_what_is_no_number_of_classes_is_refused(session):
    with pytest.raises(InputError, match="classes is a whole number from 1"):
        TrainPanel(session, classes=0)


def test_devices_are_offered_with_their_free_memory_and_the_chosen_one_stays(session):
    parts = TrainPanel(session).parts
    assert [name for _, name in parts["device"].options] == ["auto"]
    assert train(session, parts).device == "auto"
    assert parts["device"].options == (
        ("automatic", "auto"),
        ("H <1>, 78 GB free", "cuda:0"),
        ("CPU", "cpu"),
    )
    parts["device"].value = "cpu"
    assert train(session, parts).device == "cpu"
    assert parts["device"].value == "cpu"


def test_every_device_found_can_be_chosen():
    found = devices()
    assert found[-1].name == "cpu"
    assert choose_device("auto").type == found[0].name.partition(":")[0]
    for device in found:
        assert choose_device(device.name).type == device.name.partition(":")[0]
        assert device.free is None or device.free > 0


def test_the_panel_says_how_many_patterns_it_learns_from_per_second():
    class Timed(Pacer):
        def steps(self, data, pixel_size=(1.0, 1.0), faulty="find", descan="find"):
            for progress in super().steps(data, pixel_size):
                yield replace(progress, elapsed=3.0 + 0.01 * progress.epoch)

    session = ScanSession(turning_spot(), AXES, make_model=Timed)
    status = TrainPanel(session).parts["status"]
    session.training.start()
    session.training.wait(10)
    assert session.training.rate == pytest.approx(4 * 6 / 0.01)
    assert "2\u202f400 patterns/s" in status.value
    session.close()
