"""How fast the screen answers: a 128×128 scan of 128×128 patterns in Voila.

``python -m pytest -m benchmark -s tests/browser/test_figures.py``

Times are from the mouse's event to the frame that shows the answer. The scan is the shipped
graphene, repeated and enlarged, with counts drawn at 10⁴ electrons a pattern.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.table import Figure, Table
from playwright.sync_api import Browser, Locator, expect

from browser.conftest import lab, open_notebook, serving
from browser.desk import Desk
from browser.test_dashboard import centre, stop, train

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

SIZE = 128
CLICKS = 40
DRAG_RATE, DRAG_SECONDS = 60, 5

# Times at which pictures changed on screen, and at which the mouse did something last.
RECORDER = """figures => {
  const recorder = window.recorder = { shown: figures.map(() => []), acted: 0 };
  for (const name of ["mousedown", "mousemove", "mouseup", "change"])
    addEventListener(name, (event) => { recorder.acted = event.timeStamp; }, true);
  figures.forEach((figure, index) => {
    const see = () => requestAnimationFrame(() => recorder.shown[index].push(performance.now()));
    const picture = figure.querySelector("image");
    new MutationObserver(see).observe(picture, { attributes: true, attributeFilter: ["href"] });
  });
}"""


def opened(browser: Browser, scan: Path, folder: Path, *options: str) -> Iterator[Desk]:
    """The page that ``stemwidgets open`` shows of the scan."""
    command = [sys.executable, "-m", "stemwidgets.cli", "open", str(scan), *options]
    command += ["--no-browser", "--port", "0"]
    with serving(command, folder, r"http://127\S+") as address:
        desk = Desk(browser, folder)
        desk.page.goto(address)
        desk.ready()
        yield desk
        desk.close("figures")
    assert desk.errors == []
    assert desk.strangers == []


@pytest.fixture(scope="module")
def desk(browser, scan, tmp_path_factory) -> Iterator[Desk]:
    yield from opened(browser, scan, tmp_path_factory.mktemp("rrvae"))


@pytest.fixture(scope="module")
def explored(browser, scan, tmp_path_factory) -> Iterator[Desk]:
    yield from opened(browser, scan, tmp_path_factory.mktemp("explore"), "--explore")


def answers(desk: Desk, act: Callable[[int], object], figure: Locator, times: int) -> list[float]:
    """Milliseconds from what the mouse did last to the last picture that followed, each time."""
    return answers_of(desk, act, [figure], times)


def answers_of(
    desk: Desk, act: Callable[[int], object], figures: list[Locator], times: int, wait: int = 500
) -> list[float]:
    """Likewise, to the last picture of several figures."""
    desk.page.evaluate(RECORDER, [figure.element_handle() for figure in figures])
    took = []
    for count in range(times):
        desk.page.evaluate("() => recorder.shown.forEach(times => times.splice(0))")
        act(count)
        desk.page.wait_for_timeout(wait)
        shown, acted = desk.page.evaluate("() => [recorder.shown, recorder.acted]")
        if all(shown):
            took.append(max(times[0] for times in shown) - acted)
    assert len(took) > 0.8 * times, f"{times - len(took)} of {times} went unanswered"
    return took


def middle_and_p95(milliseconds: list[float]) -> list[float]:
    return [float(np.median(milliseconds)), float(np.percentile(milliseconds, 95))]


def test_a_click_shows_the_pattern(desk: Desk):
    table = Table("click to pattern [ms]", [Figure("median", 60), Figure("p95", 100)], "")
    scan, rng = desk.map("COM angle"), np.random.default_rng(0)
    spots = rng.uniform(0.05, 0.95, (CLICKS, 2))
    took = answers(
        desk,
        lambda count: desk.click(scan, *spots[count]),
        desk.figures("pattern-view").first,
        CLICKS,
    )
    table.add("", middle_and_p95(took))
    table.close()


def test_a_drag_shows_pattern_after_pattern(desk: Desk):
    figures = [Figure("patterns a second", at_least=20, digits=1), Figure("lag [ms]", 150)]
    drags(desk, Table("dragging for 5 s, 60 moves a second", figures, ""))


SLOW = """import time
import stemwidgets as sw

page = sw.rrvae_dashboard({path!r})
page.session.observe(lambda _: time.sleep(0.06), "position")
page"""


def test_a_drag_with_a_slow_callback(browser: Browser, scan: Path, tmp_path: Path):
    """An observer of the position takes 60 ms."""
    figures = [Figure("patterns a second", digits=1), Figure("lag [ms]", 250)]
    with lab(tmp_path, {"slow": SLOW.format(path=str(scan))}) as address:
        desk = Desk(browser, tmp_path)
        open_notebook(desk, f"{address}doc/tree/slow.ipynb")
        desk.ready()
        drags(desk, Table("dragging likewise, with a callback of 60 ms", figures, ""))
        desk.close("slow")
    assert desk.errors == []


def drags(desk: Desk, table: Table) -> None:
    """Three drags in circles over a map: pictures a second, and how late the last one is."""
    pattern = desk.figures("pattern-view").first
    plane = desk.plane(desk.map("COM angle"))

    def there(share: float) -> tuple[float, float]:
        turn = 20 * np.pi * share
        row, column = 0.5 + 0.4 * np.sin(turn), 0.5 + 0.4 * np.cos(turn)
        return plane["x"] + column * plane["width"], plane["y"] + row * plane["height"]

    for repeat in range(3):
        desk.page.evaluate(RECORDER, [pattern.element_handle()])
        desk.page.mouse.move(*there(0))
        desk.page.mouse.down()
        began = time.monotonic()
        for count in range(DRAG_RATE * DRAG_SECONDS):
            desk.page.mouse.move(*there(count / (DRAG_RATE * DRAG_SECONDS)))
            time.sleep(max(0.0, began + (count + 1) / DRAG_RATE - time.monotonic()))
        desk.page.mouse.move(*there(0.37))
        took = time.monotonic() - began
        desk.page.wait_for_timeout(1000)
        (shown,), acted = desk.page.evaluate("() => [recorder.shown, recorder.acted]")
        desk.page.mouse.up()
        table.add(repeat, [len(shown) / took, shown[-1] - acted])
    table.close()


def test_a_dragged_detector_shows_its_image(explored: Desk):
    table = Table("detector moved to its image [ms]", [Figure("median"), Figure("p95", 120)], "")
    explored.view("detector-panel").get_by_role("button", name="BF", exact=True).click()
    explored.settle()
    plane = explored.plane(explored.figures("pattern-view").first)

    def to(row: float, column: float) -> None:
        x, y = plane["x"] + column * plane["width"], plane["y"] + row * plane["height"]
        explored.page.mouse.move(x, y)

    to(0.5, 0.5)
    explored.page.mouse.down()
    rng = np.random.default_rng(0)
    spots = rng.uniform(0.3, 0.7, (CLICKS, 2))
    figure = explored.map("virtual detector").locator(".bqplot")
    took = answers(explored, lambda count: to(*spots[count]), figure, CLICKS)
    explored.page.mouse.up()
    table.add("", middle_and_p95(took))
    table.close()


def test_other_colours(explored: Desk):
    table = Table("colour map to pixels [ms]", [Figure("median", 60), Figure("p95")], "")
    shown = explored.map("COM magnitude")
    shown.get_by_role("button", name="Display").click()
    colors = shown.get_by_label("colours")
    expect(colors).to_be_visible()
    names = colors.locator("option").all_inner_texts()
    explored.settle()
    took = answers(
        explored,
        lambda count: colors.select_option(names[(count + 1) % len(names)]),
        shown.locator(".bqplot").first,
        CLICKS,
    )
    table.add("", middle_and_p95(took))
    table.close()


def test_clicks_and_stop_while_it_trains(desk: Desk):
    table = Table(
        "while it trains [ms]",
        [Figure("click"), Figure("p95", 120), Figure("Stop, worst", 300)],
        "",
    )
    scan = desk.map("COM angle")
    figure = desk.figures("pattern-view").first.element_handle()
    clicks: list[float] = []
    for count in range(10 * CLICKS):
        if len(clicks) == CLICKS:
            break
        train(desk)
        desk.page.evaluate("figure => stopwatch.untilRedrawn(figure)", figure)
        desk.click(scan, centre(count * 5 % SIZE, SIZE), centre((count * 7 + 3) % SIZE, SIZE))
        answer = desk.seconds()
        if desk.button("Train").is_disabled():
            clicks.append(1000 * answer)
        desk.page.wait_for_timeout(150)
    stops: list[float] = []
    while len(stops) < 5:
        train(desk)
        seconds = stop(desk)
        if seconds is not None:
            stops.append(1000 * seconds)
    table.add("", [*middle_and_p95(clicks), max(stops)])
    table.close()


def test_a_lasso_in_latent_space_lights_up_the_maps(desk: Desk):
    table = Table("lasso of 16,384 points [ms]", [Figure("median"), Figure("worst", 500)], "")
    if desk.button("Train").is_enabled():
        desk.press("Train")
    expect(desk.view("train-panel")).to_contain_text("finished", timeout=300_000)
    desk.page.wait_for_timeout(3000)
    latent = desk.figures("latent-view").first
    plane = desk.plane(latent)

    def around(count: int) -> None:
        edge = 0.4 + 0.05 * (count % 5)
        corners = [(0.02, 0.02), (0.02, edge), (0.98, edge), (0.98, 0.02)]
        points = [
            (plane["x"] + x * plane["width"], plane["y"] + y * plane["height"]) for y, x in corners
        ]
        desk.page.mouse.move(*points[0])
        desk.page.mouse.down()
        for point in points[1:]:
            desk.page.mouse.move(*point, steps=4)
            desk.page.wait_for_timeout(60)
        desk.page.mouse.up()

    figures = [desk.figures("pattern-view").first]
    figures += [desk.map(name).locator(".bqplot") for name in ("COM angle", "rrVAE latent z1")]
    took = answers_of(desk, around, figures, 10, wait=1500)
    table.add("", [float(np.median(took)), max(took)])
    table.close()


HEADLESS = """
import sys, time
import hyperspy.api as hs
from stemwidgets.rrvae import RRVAE
data = hs.load(sys.argv[1]).data
for _ in range(3):
    began = time.perf_counter()
    RRVAE(seed=0).fit(data)
    print(time.perf_counter() - began, flush=True)
"""


def test_training_beside_a_script(desk: Desk, scan: Path):
    """The slowing down of a training by the page that shows it."""
    table = Table("training", [Figure("page [s]"), Figure("script [s]"), Figure("ratio", 1.15)], "")
    command = [sys.executable, "-c", HEADLESS, str(scan)]
    for repeat in range(3):
        expect(desk.button("Train")).to_be_enabled(timeout=300_000)
        desk.press("Train")
        expect(desk.button("Train")).to_be_disabled()
        expect(desk.button("Train")).to_be_enabled(timeout=300_000)
        expect(desk.view("train-panel")).to_contain_text("finished")
        said = desk.status()
        page = float(said.split("finished")[1].split(" s,")[0].split(",")[-1])
        script = subprocess.run(command, capture_output=True, text=True, check=True)
        alone = float(np.median([float(line) for line in script.stdout.split()]))
        table.add(repeat, [page, alone, page / alone])
    table.close()


def test_a_dashboard_appears(browser: Browser, tmp_path: Path, jupyterlab: str):
    """Sample data, imports done by the cell before."""
    table = Table("cell run to dashboard [s]", [Figure("drawn", 3)], "")
    desk = Desk(browser, tmp_path)
    open_notebook(desk, f"{jupyterlab}doc/tree/dashboard.ipynb")
    desk.ready()
    for repeat in range(3):
        desk.page.evaluate("() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        expect(desk.page.locator(".stemwidgets-pattern-view")).to_have_count(0)
        began = time.monotonic()
        desk.page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")
        expect(desk.figures("pattern-view").locator("image").first).to_be_visible()
        table.add(repeat, [time.monotonic() - began])
        desk.settle()
    desk.close("appears")
    table.close()
