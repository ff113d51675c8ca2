"""One name for one thing, files and functions that are read at once, and no import circle."""

import ast
from collections import Counter, defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

PACKAGE = Path(__file__).parents[1] / "stemwidgets"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 300, 70  # lines; of a function without its docstring
LARGEST_FOLDER = 20  # modules, without __init__.py

# classes that stand on several floors under one name: the upper ones wrap the lowest
FLOORS = {"RRVAE": 2, "Decomposition": 2, "Clusters": 2}


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


def a_circle(imports: dict[str, set[str]]) -> list[str]:
    """Modules of one import circle, the first again at the end; none if there is no circle."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_public_class_name_stands_twice():
    homes = defaultdict(list)
    for file in FILES:
        for node in tree_of(file).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(file.relative_to(PACKAGE)))
    twice = {name: found for name, found in homes.items() if len(found) > FLOORS.get(name, 1)}
    assert not twice


def test_a_file_is_read_at_once():
    lines = {str(file): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert not {file: count for file, count in lines.items() if count > LONGEST_FILE}


def test_a_function_is_read_at_once():
    long = {
        f"{file.relative_to(PACKAGE)} {node.name}": lines_of(node)
        for file in FILES
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of(node) > LONGEST_FUNCTION
    }
    assert not long


def test_a_folder_is_seen_at_once():
    modules = Counter(str(file.parent) for file in FILES if file.name != "__init__.py")
    assert not {folder: count for folder, count in modules.items() if count > LARGEST_FOLDER}


def test_no_import_circle():
    """Imports for type checkers and inside functions count; the front door names everything."""
    graph = grimp.build_graph("stemwidgets", cache_dir=None)
    rooms = graph.modules - {"stemwidgets"}
    imports = {name: graph.find_modules_directly_imported_by(name) & rooms for name in rooms}
    assert len(rooms) > len(FILES) / 2
    assert any(imports.values())
    assert a_circle(imports) == []


@pytest.mark.parametrize(
    "imports", [{"a": {"b"}, "b": {"a"}}, {"a": {"b"}, "b": {"c"}, "c": {"d", "a"}}]
)
def test_a_circle_is_found(imports):
    circle = a_circle(imports)
    assert circle[0] == circle[-1]
    assert set(circle) == {"a", "b"} | set("abc" if "c" in imports else "")
