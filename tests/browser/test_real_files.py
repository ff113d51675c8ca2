"""Files that microscopes wrote, opened as a user does: from the command line to the picture."""

import sys

import pytest
from playwright.sync_api import Browser, expect
from real_files import ASKED, REAL_FILES, REFUSED

from browser.conftest import serving
from browser.desk import Desk

SCREEN = {"width": 1366, "height": 768}  # CSS px of a common laptop


@pytest.mark.slow
@pytest.mark.parametrize("real", REAL_FILES, ids=lambda real: real.name[:12])
def test_a_real_file_in_the_browser(real, browser: Browser, tmp_path):
    command = [sys.executable, "-m", "stemwidgets.cli", "open", str(real.path), "--explore"]
    command += ["--no-browser", "--port", "0"]
    with serving(command, tmp_path, r"http://127\S+") as address:
        desk = Desk(browser, tmp_path)
        desk.page.set_viewport_size(SCREEN)
        desk.page.goto(address)
        if real in REFUSED:
            problem = desk.page.locator(".stemwidgets-problem, .stemwidgets-question")
            for word in real.says:
                expect(problem).to_contain_text(word, timeout=60_000)
        else:
            if real in ASKED:
                question = desk.page.locator(".stemwidgets-question")
                for word in real.says:
                    expect(question).to_contain_text(word, timeout=60_000)
                expect(question.locator("img").first).to_be_visible()
                rows, columns = dict(real.options)["scan_shape"]
                question.get_by_role("button", name=f"{rows} × {columns}", exact=True).click()
            desk.ready()
            expect(desk.page.get_by_text(real.title or real.path.stem).first).to_be_visible()
            assert desk.look(desk.figures("pattern-view").first).std() > 0
        desk.close(f"real-{real.name}")
        assert desk.errors == []
        assert desk.strangers == []
