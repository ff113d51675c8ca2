"""A page that loads is told again what it may have missed."""

import ipywidgets
import pytest
from scans import AXES, Pacer, turning_spot

from stemwidgets.dashboards.arrival import Arrival, within
from stemwidgets.dashboards.rrvae import rrvae_dashboard
from stemwidgets.state import ScanSession


@pytest.fixture
def page():
    session = ScanSession(turning_spot(), AXES, make_model=Pacer)
    yield rrvae_dashboard(session)
    session.close()


def test_each_page_that_arrives_is_sent_everything_once(page, monkeypatch):
    sent = []
    monkeypatch.setattr(
        ipywidgets.Widget, "send_state", lambda widget, key=None: sent.append((widget, key))
    )
    arrival = Arrival(page, page.session.mailbox)
    sent.clear()
    arrival.there.value = 1  # as a page does
    page.session.mailbox.drain()
    shown = [widget for widget, key in sent if key is None]
    assert {id(widget) for widget in shown} == {id(widget) for widget in within(page)}
    assert len(shown) == len({id(widget) for widget in shown})
    assert arrival.there.value == 0


def test_within_a_page_are_its_views_their_marks_scales_and_layouts(page):
    found = {type(widget).__name__ for widget in within(page)}
    assert {"Figure", "Image", "LinearScale", "Axis", "Layout", "Button"} <= found
    parts = {id(widget) for widget in within(page)}
    for view in page.parts.values():
        assert id(view) in parts
