"""Files and functions stay small enough to read in one sitting."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES = 300
PAGE_LINES = 120
BODY_LINES = 40


def sources() -> list[Path]:
    python = [ROOT / "app.py"]
    for folder in ("akl_viz", "pages", "benchmarks"):
        python += sorted((ROOT / folder).rglob("*.py"))
    return python + sorted((ROOT / "akl_viz").rglob("*.js"))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = function.body[1:] if documented and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_at_most_its_size(path):
    limit = PAGE_LINES if "pages" in path.relative_to(ROOT).parts else FILE_LINES
    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit


@pytest.mark.parametrize(
    "path", [path for path in sources() if path.suffix == ".py"], ids=lambda path: str(path.relative_to(ROOT))
)
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
