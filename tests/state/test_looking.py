"""The pattern at the position as its neighbours say."""

import numpy as np
import pytest

import stemwidgets as sw
from stemwidgets.views.pattern_view import PatternView


@pytest.fixture(scope="module")
def noisy():
    return sw.samples.graphene(dose=1e4, seed=1)


@pytest.fixture(scope="module")
def clean():
    return sw.samples.graphene(dose=None)


@pytest.fixture
def session(noisy):
    session = sw.Session(noisy)
    session.wait(60)
    yield session
    session.close()


def switched(session):
    session.looking.with_neighbours = True
    session.wait(60)


@pytest.mark.parametrize("position", [(7, 12), (0, 0), (13, 5)])
def test_neighbours_take_noise_off_the_pattern(session, clean, position):
    switched(session)
    session.position = position
    session.wait(60)
    shown = session.shown
    truth = clean.data[position] * (shown.pattern.sum() / clean.data[position].sum())

    assert shown.position == position
    np.testing.assert_array_equal(shown.pattern, session.scan.data[position])
    noise = np.std(shown.pattern - truth)
    assert np.std(shown.limited - truth) < 0.6 * noise
    assert shown.limited.sum() == pytest.approx(shown.pattern.sum(), rel=0.02)


def test_noise_free_pattern_comes_back(clean):
    session = sw.Session(clean)
    switched(session)
    session.position = (7, 12)
    session.wait(60)

    off = session.shown.limited - session.shown.pattern
    signal = session.shown.pattern - session.scan.overview.mean_pattern
    assert np.std(off) < 0.05 * np.std(signal)
    session.close()


def test_pattern_is_shown_together_with_its_neighbours_and_its_reconstruction(session):
    session.training.start(seed=0)
    session.training.wait(120)
    switched(session)
    seen = []
    session.observe(lambda change: seen.append(change["new"]), "shown")
    session.position = (3, 3)
    session.position = (4, 8)
    session.wait(60)

    assert [shown.position for shown in seen][-1] == (4, 8)
    for shown in seen:
        np.testing.assert_array_equal(shown.pattern, session.scan.data[shown.position])
        assert shown.limited is not None
        np.testing.assert_allclose(
            shown.reconstruction, session.learned.decodable.pattern_at(shown.position), rtol=1e-5
        )


def test_switched_off_or_without_a_limit_the_pattern_is_as_it_was_read(session):
    switched(session)
    assert session.shown.limited is not None
    session.band_limit = None
    session.wait(60)
    assert session.shown.limited is None
    session.band_limit = "auto"
    session.wait(60)
    assert session.shown.limited is not None
    session.looking.with_neighbours = False
    assert session.shown.limited is None


def test_view_offers_neighbours_once_there_is_a_limit(session):
    view = PatternView(session)
    raw = bytes(view.parts["figure"].marks[0].image.value)
    assert view.parts["neighbours"].layout.display == "none"
    session.limiting.ask()
    session.wait(60)
    assert view.parts["neighbours"].layout.display is None
    view.parts["neighbours"].value = True
    session.wait(60)
    assert session.shown.limited is not None
    assert bytes(view.parts["figure"].marks[0].image.value) != raw


def test_lazy_scan_gives_the_same_pattern(session, noisy):
    lazy = sw.Session(noisy.as_lazy())
    for each in (session, lazy):
        each.wait(60)
        switched(each)
        each.position = (5, 6)
        each.wait(60)

    np.testing.assert_allclose(lazy.shown.limited, session.shown.limited, rtol=1e-5, atol=1e-4)
    lazy.close()
