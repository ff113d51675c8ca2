"""Damaged session files: they open, or are refused in words."""

import json
import random
import threading

import pytest
from scans import AXES, turning_spot

import stemwidgets as sw
from fuzz.harness import CASES, Fuzz, mutated
from fuzz.tampering import tampered
from stemwidgets.signals.conversion import arrays_to_signal


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A session with all that a session can have, in its files."""
    folder = tmp_path_factory.mktemp("desk")
    arrays_to_signal(turning_spot(), AXES, "spot").save(folder / "scan.hspy")
    session = sw.Session(folder / "scan.hspy")
    session.training.start(seed=2, latent_dim=1)
    session.training.wait(60)
    session.decomposition.start("PCA", 2)
    session.wait(60)
    session.preparation.add("bin", factor=1)
    session.preparation.add("denoise", components=4)
    session.selection.outline, session.selection.line = ((0, 0), (3, 0.5), (2, 5)), ((0, 1), (3, 2))
    session.detector = sw.SegmentDetector((8.0, 7.0), 1.0, 5.5)
    session.position = (2, 5)
    session.wait(60)
    session.save(folder / "desk.json")
    session.close()
    return folder


@pytest.fixture(scope="module")
def calibrated(folder):
    """The same choices with those of a calibration, which takes a larger scan to make."""
    session = sw.Session(sw.samples.graphene())
    session.calibration.start()
    session.wait(60)
    chosen = json.loads(json.dumps(session.taken()[0]))["calibration"]
    session.close()
    facts = json.loads((folder / "desk.json").read_text())
    assert chosen is not None
    return {**facts, "calibration": chosen}


def use(path) -> None:
    session = sw.Session.open(path)
    try:
        session.taken()
        str(session.problem)
    finally:
        session.close()


def test_a_whole_session_opens(folder):
    use(folder / "desk.json")


def damage(folder, whole, chance) -> None:
    """Damage one of the files; the others are whole."""
    path, how = folder / "damaged.json", chance.random()
    if how < 0.25:
        path.write_bytes(mutated(json.dumps(whole).encode(), chance))
    elif how < 0.8:
        path.write_text(json.dumps(tampered(whole, chance)))
    else:
        kind = "maps" if how < 0.93 else "model"
        content = mutated((folder / whole[kind]).read_bytes(), chance)
        (folder / f"damaged-{whole[kind]}").write_bytes(content)
        path.write_text(json.dumps({**whole, kind: f"damaged-{whole[kind]}"}))


def test_damaged_sessions_open_or_are_refused(folder, calibrated):
    fuzz, chance, threads = Fuzz("sessions"), random.Random(23), threading.active_count()
    plain = json.loads((folder / "desk.json").read_text())
    for number in range(CASES):
        damage(folder, calibrated if chance.random() < 0.3 else plain, chance)
        fuzz.case(f"{number}", lambda: use(folder / "damaged.json"))
    fuzz.report()
    assert threading.active_count() <= threads + 2
