"""What a scan calls itself and its units is words, wherever it is shown."""

import ast
import csv
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import ipywidgets
import pytest
from scans import AXES, turning_spot

import stemwidgets as sw
from stemwidgets.arrays.axes import Axes, Axis
from stemwidgets.cli.page import page
from stemwidgets.signals.conversion import arrays_to_signal
from stemwidgets.signals.metadata.metadata_text import one_line

TITLES = {
    "all": "<img/src=x/onerror=alert(1)>\"'$\\frac{\x00\ud800</script><script>alert(1)</script>",
    "script": "<script>alert(1)</script>",
    "attribute": "\"' onload='alert(1)' x=\"><img src=x onerror=alert(1)>",
    "no blanks": "<img/src=x/onerror=alert(1)>",
    "entity": "&lt;b&gt; <!-- ]]> {{ x }} %s",
    "mathematics": r"$\frac{1 $\undefined{} _^",
    "control": "a\x00b\x07c\r\nd\x1b[31m\u202ee\ud800",
    "huge": "<b>" * 100_000,
}
COPIES = "text.select(); document.execCommand('copy');"  # the one script of ours


class Page(HTMLParser):
    """Collects what a browser would run or fetch."""

    def __init__(self, text):
        super().__init__()
        self.alarms, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "iframe", "object", "embed", "base", "form"):
            self.alarms.append(tag)
        for name, value in attrs:
            ours = tag == "button" and str(value).endswith(COPIES)
            if (name.startswith("on") and not ours) or "javascript:" in str(value).lower():
                self.alarms.append(f"{tag} {name}={value}")
            if name in ("src", "href") and not str(value).startswith(("data:image/", "#")):
                self.alarms.append(f"{tag} {name}={value}")

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(
    params=[
        name if name == "all" else pytest.param(name, marks=pytest.mark.slow) for name in TITLES
    ]
)
def words(request):
    return TITLES[request.param]


def signal_of(words):
    units = words[:200]
    axes = Axes(
        Axis(4, 0.2, 0.0, units),
        Axis(6, 0.3, 1.0, units),
        Axis(18, 0.05, -0.45, units),
        Axis(15, 0.04, -0.3, units),
    )
    signal = arrays_to_signal(turning_spot(), AXES, words)
    for axis, wrong in zip((*signal.axes_manager.navigation_axes,), axes, strict=False):
        axis.units = wrong.units
    for axis in signal.axes_manager.signal_axes:
        axis.units = units
    return signal


@pytest.fixture
def desk(words):
    dashboard = sw.rrvae_dashboard(signal_of(words))
    session = dashboard.session
    session.wait(60)
    session.detector = sw.AnnularDetector((8.0, 7.0), 1.0, 5.5)
    session.training.start(latent_dim=1)
    session.training.wait(60)
    session.wait(60)
    yield dashboard
    session.close()


def all_widgets(widget, seen=None):
    seen = {} if seen is None else seen
    if id(widget) in seen:
        return seen.values()
    seen[id(widget)] = widget
    for name in widget.trait_names():
        try:
            value = getattr(widget, name)
        except Exception:  # a trait without a value
            continue
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(part, ipywidgets.Widget):
                all_widgets(part, seen)
    return seen.values()


def test_widgets_pages_pictures_and_tables_show_words(desk, words, tmp_path):
    shown = [w for w in all_widgets(desk) if isinstance(w, (ipywidgets.HTML, ipywidgets.HTMLMath))]
    assert len(shown) > 10
    for widget in shown:
        assert Page(str(widget.value)).alarms == []
    for widget in all_widgets(desk):
        assert not getattr(widget, "description_allow_html", False)

    session = desk.session
    html = session.write_page(tmp_path / "page.html").read_text(encoding="utf-8")
    assert Page(html).alarms == []
    assert len(html) < 10_000_000
    ast.parse(session.as_code())

    folder = session.export(tmp_path / "results")
    assert {path.name for path in tmp_path.iterdir()} == {"page.html", "results"}
    for path in folder.glob("pictures/*.svg"):
        ElementTree.parse(path)
    with (folder / "channels.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.reader(file))) == 1 + 4 * 6
    ast.parse((folder / "maps.py").read_text(encoding="utf-8"))


def test_widgets_for_looking_show_words(words):
    dashboard = sw.explore(signal_of(words))
    dashboard.session.wait(60)
    for widget in all_widgets(dashboard):
        if isinstance(widget, (ipywidgets.HTML, ipywidgets.HTMLMath)):
            assert Page(str(widget.value)).alarms == []
    dashboard.session.close()


def test_a_title_is_one_line_that_can_be_printed():
    assert one_line("a\x00b\x07c\r\nd\u202ee\ud800é 1/Å", 40) == "abc  deé 1/Å"
    assert one_line("x" * 10**6, 20) == "x" * 19 + "…"


def test_the_problem_page_shows_words(words, tmp_path):
    name = "".join(c for c in words[:60] if c.isprintable() and c not in "/\\")
    problem = page(str(tmp_path / f"{name}.npy"), explore=False)
    assert Page(problem.value).alarms == []
