"""Results are written from the dashboard, and the page opens with neither kernel nor network."""

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, expect

from browser.desk import Desk


def test_a_page_is_written_and_opens_by_itself(desk: Desk, browser: Browser, tmp_path: Path):
    panel = desk.view("export-panel")
    name = panel.get_by_role("textbox").first
    name.fill(str(tmp_path / "graphene"))
    name.press("Tab")
    panel.get_by_role("button", name="Write a page").click()
    expect(panel).to_contain_text(re.compile(r"the page is .*graphene\.html"), timeout=60_000)
    panel.get_by_role("button", name="Copy as code").click()
    expect(panel.get_by_role("textbox").last).to_have_value(re.compile("center_of_mass"))
    panel.get_by_role("button", name="Copy to the clipboard").click()
    before = name.input_value()
    name.click()
    name.press("Control+A")
    name.press("Control+V")
    expect(name).to_have_value(re.compile("import stemwidgets.*center_of_mass"))
    name.fill(before)

    alone = browser.new_context(offline=True, java_script_enabled=False)
    page = alone.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "graphene.html").as_uri())
    pictures = page.locator("img")
    assert pictures.count() > 5
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        pixels = np.asarray(Image.open(io.BytesIO(picture.screenshot())).convert("RGB"))
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 30
    assert [address for address in asked if not address.startswith("data:")] == [page.url]
    alone.close()
