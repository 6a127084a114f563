"""Imports point down, and each heavy library has one home (docs/decisions/0001)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BASE = {"records", "errors", "paths", "metrics", "loss_spec", "words", "__init__"}
HEAVY = {
    "torch",
    "transformers",
    "plotly",
    "streamlit",
    "scipy",
    "peft",
    "gguf",
    "safetensors",
    "tokenizers",
    "huggingface_hub",
    "accelerate",
    "trl",
    "datasets",
}

ALLOWED_PARTS = {
    "errors": set(),
    "paths": set(),
    "__init__": set(),
    "records": {"errors"},
    "words": set(),
    "loss_spec": {"errors"},
    "metrics": {"records", "errors"},
    "divergences": {"records", "errors"},
    "models": BASE | {"divergences"},
    "analysis": BASE | {"divergences", "models"},
    "toys": BASE | {"divergences", "models"},
    "distill": BASE | {"divergences", "models"},
    "evaluate": BASE | {"divergences", "models"},
    "claims": BASE | {"divergences", "models", "toys", "analysis"},
    "figures": {"records", "errors", "metrics"},
    "ui": BASE | {"divergences", "models", "figures", "analysis", "toys", "distill", "evaluate", "claims"},
    "cli": BASE | {"divergences", "models", "analysis", "toys", "distill", "evaluate", "claims", "launch"},
    "integrations": BASE | {"divergences", "models", "analysis", "distill"},
    "origins": {"errors"},
    "launch": {"paths", "errors", "origins"},
    "served": {"ui", "origins"},
    "__main__": {"cli"},
    "app": {"ui", "served"},
    "pages": BASE | {"ui", "figures", "divergences", "analysis"},
}
"""part -> the parts it may import besides itself."""

ALLOWED_LIBRARIES = {
    "errors": set(),
    "paths": set(),
    "__init__": set(),
    "records": set(),
    "words": set(),
    "loss_spec": set(),
    "metrics": set(),
    "divergences": {"torch"},
    "models": {"torch", "transformers", "peft", "safetensors", "tokenizers", "gguf", "huggingface_hub"},
    "analysis": {"torch", "scipy"},
    "toys": {"torch", "scipy"},
    "distill": {"torch", "transformers", "peft", "safetensors", "tokenizers", "accelerate"},
    "evaluate": {"torch", "scipy"},
    "claims": {"torch", "scipy"},
    "figures": {"plotly"},
    "ui": {"streamlit"},
    "cli": set(),
    "integrations": {"torch", "transformers"},
    "origins": set(),
    "launch": {"streamlit"},
    "served": {"streamlit"},
    "__main__": set(),
    "app": {"streamlit"},
    "pages": {"streamlit"},
}
"""part -> the heavy libraries it may import. numpy and pandas are free everywhere but in pages."""


DYNAMIC = {"import_module", "__import__"}
"""Calls that import what a string names."""


def part_of(path: Path) -> str:
    relative = path.relative_to(ROOT)
    if relative.parts[0] != "akl_viz":
        return "app" if relative == Path("app.py") else "pages"
    return relative.parts[1].removesuffix(".py")


def named_module(node: ast.Call) -> set[str]:
    """The module of `import_module("x")`, `importlib.import_module("x")`, `__import__("x")` and pytest's own."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
    named = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "name")]
    if called not in DYNAMIC or not named:
        return set()
    literal = named[0].values[0] if isinstance(named[0], ast.JoinedStr) and named[0].values else named[0]
    return {literal.value} if isinstance(literal, ast.Constant) and isinstance(literal.value, str) else set()


def imported_modules(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            if node.module == "akl_viz":
                names |= {f"akl_viz.{alias.name}" for alias in node.names if not alias.name.startswith("__")}
        elif isinstance(node, ast.Call):
            names |= named_module(node)
    return names


def violations(part: str, modules: set[str]) -> list[str]:
    found = []
    for module in sorted(modules):
        top, *rest = module.split(".")
        if top == "akl_viz" and rest:
            target = rest[0]
            if target != part and target not in ALLOWED_PARTS[part]:
                found.append(f"{part} may not import akl_viz.{target}")
        elif top in HEAVY and top not in ALLOWED_LIBRARIES[part]:
            found.append(f"{part} may not import {top}")
        elif part == "pages" and top in {"numpy", "pandas"}:
            found.append(f"pages may not import {top}")
    return found


def sources() -> list[Path]:
    return [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py")), *sorted((ROOT / "akl_viz").rglob("*.py"))]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_layer_may(path):
    assert violations(part_of(path), imported_modules(path.read_text(encoding="utf-8"))) == []


def test_the_rule_can_fail():
    assert violations("records", {"torch"}) == ["records may not import torch"]
    assert violations("figures", {"akl_viz.analysis.trace"}) == ["figures may not import akl_viz.analysis"]
    assert violations("pages", {"numpy"}) == ["pages may not import numpy"]


@pytest.mark.parametrize(
    "source",
    [
        'import importlib\nimportlib.import_module("torch.nn")',
        'from importlib import import_module as im, import_module\nimport_module(name="torch")',
        '__import__("torch")',
        'import_module(f"torch.{name}")',
        "def late():\n    import torch",
    ],
)
def test_a_module_named_by_a_string_counts_as_imported(source):
    assert violations("records", imported_modules(source)) != []


def test_a_computed_name_and_other_calls_name_no_module():
    assert imported_modules("import_module(name)\nload('torch')\nimport_module()") == set()


def test_every_part_of_the_package_has_a_rule():
    parts = {part_of(path) for path in sources()}
    assert parts <= set(ALLOWED_PARTS)
    assert set(ALLOWED_PARTS) == set(ALLOWED_LIBRARIES)


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(run.stdout.split()) & HEAVY


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("akl_viz.records", HEAVY),
        ("akl_viz.metrics", HEAVY),
        ("akl_viz.analysis.statistics", HEAVY),
        ("akl_viz.cli", HEAVY),
        ("akl_viz.figures.theme", HEAVY),
        ("akl_viz.figures.weights", {"torch", "transformers", "streamlit"}),
        ("akl_viz.divergences", {"transformers", "streamlit", "plotly"}),
        ("akl_viz.models", {"transformers", "streamlit", "plotly"}),
        ("akl_viz.analysis.trace", {"streamlit", "plotly"}),
        ("akl_viz.ui.catalog", {"torch", "transformers"}),
        ("akl_viz.ui.inspector", {"torch", "transformers"}),
    ],
)
def test_importing_a_light_module_loads_no_heavy_library(module, forbidden):
    assert loaded_by(module) & forbidden == set()


def test_the_subprocess_check_can_fail():
    assert "torch" in loaded_by("akl_viz.divergences")
