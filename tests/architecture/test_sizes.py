"""Files and functions stay small enough to read in one sitting."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES = 300
PAGE_LINES = 120
BODY_LINES = 40


WRITTEN = {".py", ".js", ".css", ".html"}
FOLDERS = ("akl_viz", "pages", "benchmarks", "docs", "tests", "data/build")
PRODUCT = ("akl_viz", "pages", "benchmarks", "docs")
"""Where the length of a function is held, too: a test or a build program may tell a long story in one."""


def written() -> list[Path]:
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in WRITTEN]
    skipped = {ROOT / "data" / "build" / "scratch"}
    return [*sorted(ROOT.glob("*.py")), *(path for path in found if not skipped & set(path.parents))]


def product() -> list[Path]:
    python = [path for path in written() if path.suffix == ".py"]
    return [path for path in python if path.relative_to(ROOT).parts[0] in {*PRODUCT, path.name}]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = function.body[1:] if documented and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


@pytest.mark.parametrize("path", written(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_at_most_its_size(path):
    limit = PAGE_LINES if path.relative_to(ROOT).parts[0] == "pages" else FILE_LINES
    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit


@pytest.mark.parametrize("path", product(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_body_is_at_most_forty_lines(path):
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    long = {
        node.name: body_lines(node)
        for node in ast.walk(tree)
        if isinstance(node, functions) and body_lines(node) > BODY_LINES
    }
    assert long == {}


@pytest.mark.parametrize("path", sorted((ROOT / "pages").rglob("*.py")), ids=lambda path: path.stem)
def test_a_page_defines_no_function(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert defined == []


def test_the_rules_are_those_that_contributing_states():
    stated = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    assert (
        f"Every program, script and style sheet has at most {FILE_LINES} lines, a page {PAGE_LINES}; a function of "
        f"`{'`, `'.join(PRODUCT)}` has at most {BODY_LINES} without its docstring" in stated
    )
