"""Words of the code: constants with a reason, docstrings that begin with what they describe."""

import ast
import io
import itertools
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import stemwidgets

PACKAGE = Path(stemwidgets.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
QUESTION = re.compile(r"(What|Whether|Which|Those|Who|Whose|How|Where|When|Why|Theirs|It|Of)\b")
PARAMETER = re.compile(r"[\w*]+(, [\w*]+)*( : .*)?")
RELATIVE = re.compile(r"(What|Whether|Which|Those|Who|Whose|How|Why|Theirs|It|Of)\b")


def _is_numeric(value: ast.expr | None) -> bool:
    return value is not None and any(
        isinstance(node, ast.Constant) and type(node.value) in (int, float, complex)
        for node in ast.walk(value)
    )


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.stmt, bool]]:
    """Name and statement of each numeric constant; True if one stands on the line above."""
    before = None
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [name.id for name in ast.walk(ast.Tuple(targets)) if isinstance(name, ast.Name)]
        constant = bool(names) and all(re.fullmatch(r"_?[A-Z][A-Z0-9_]*", n) for n in names)
        if constant and isinstance(node, ast.Assign | ast.AnnAssign) and _is_numeric(node.value):
            yield names[0], node, before == node.lineno - 1
        before = node.end_lineno if constant else None


def _docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "name", "module"), ast.get_docstring(node) or ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_number_says_its_unit_reason_or_source(path: Path) -> None:
    """A comment on the line, or above the line or the group that it belongs to."""
    text = path.read_text(encoding="utf-8")
    comments, whole = set(), set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
            if token.line.lstrip().startswith("#"):
                whole.add(token.start[0])
    headed, bare = False, []
    for name, node, follows in _constants(ast.parse(text)):
        headed = node.lineno - 1 in whole or (headed and follows)
        lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        if not headed and comments.isdisjoint(lines):
            bare.append(name)
    assert not bare, f"{path.name}: constants without a comment: {', '.join(bare)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_docstrings_begin_with_a_noun_or_an_imperative(path: Path) -> None:
    """Questions make a reader guess what a thing is: "Angle of …", not "How far …"."""
    wrong = []
    for name, text in _docstrings(ast.parse(path.read_text(encoding="utf-8"))):
        lines = text.splitlines() or [""]
        wrong += [f"{name}: {lines[0]}"] if QUESTION.match(lines[0]) else []
        for above, line in itertools.pairwise(lines):
            described = PARAMETER.fullmatch(above) and RELATIVE.match(line.strip())
            if described and line.startswith("    "):
                wrong.append(f"{name}, {above}: {line.strip()}")
    assert not wrong, f"{path.name}: " + "\n".join(wrong)
