"""The notebooks are short, stored without output, and run from top to bottom."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_a_notebook_begins_with_a_question(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert "?" in first.source


def test_a_notebook_is_short_and_defines_nothing(notebook):
    assert len(code_cells(notebook)) <= 12
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= 8
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert not kinds & {ast.FunctionDef, ast.Lambda, ast.ClassDef}


def test_a_notebook_is_stored_without_output(notebook):
    for cell in code_cells(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize(
    "page", [*NOTEBOOKS, *NOTEBOOKS[0].parent.glob("*.md")], ids=lambda path: path.name
)
def test_what_a_reader_copies_uses_public_names_only(page):
    text = page.read_text(encoding="utf-8")
    below = re.findall(r"(?:from|import) stemwidgets\.[\w.]+(?: import \w+)?", text)
    assert not set(below) - {"from stemwidgets.rrvae import RRVAE"}  # for plain arrays


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_notebook_runs_from_top_to_bottom(notebook, tmp_path):
    NotebookClient(notebook, timeout=180, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    said = [output.text for output in outputs if output.output_type == "stream"]
    assert not [output for output in outputs if output.get("name") == "stderr"], said
    shown = {kind for output in outputs if "data" in output for kind in output.data}
    assert "application/vnd.jupyter.widget-view+json" in shown
