"""What the tests and programs import is what pyproject.toml declares, and what it declares is pinned."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = DECLARED["project"]
EXTRAS = PROJECT["optional-dependencies"]
OWN = {"akl_viz", "tests", "benchmarks", "docs", "hatch_build", *(path.stem for path in ROOT.glob("data/build/*.py"))}


def plain(name: str) -> str:
    """A package's name without version and extras, as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=\[;~! ]", name, maxsplit=1)[0]).lower()


def pins(name: str) -> set[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {plain(line) for line in lines if "==" in line}


def imported(folder: str) -> set[str]:
    """Top-level modules that the programs of a folder import, at any depth."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("akl_viz", ("lora", "parallel", "smollm2")),
        ("tests", ("dev", "smollm2")),
        ("benchmarks", ("dev",)),
        ("docs", ("dev",)),
        ("data/build", ("data",)),
    ],
)
def test_what_is_imported_is_declared(folder, extras):
    needed = [*PROJECT["dependencies"], *DECLARED["build-system"]["requires"]]
    declared = {plain(name) for name in (*needed, *(name for extra in extras for name in EXTRAS[extra]))}
    homes = packages_distributions()
    foreign = imported(folder) - OWN - set(sys.stdlib_module_names)
    assert {name for name in foreign if not {plain(home) for home in homes.get(name, [name])} & declared} == set()


def test_every_declared_package_is_pinned():
    pinned = {name: pins(name) for name in ("requirements.txt", "requirements-dev.txt", "requirements-data.txt")}
    app, dev, data = pinned.values()
    assert {plain(name) for name in (*PROJECT["dependencies"], *EXTRAS["lora"], *EXTRAS["parallel"])} <= app
    assert {plain(name) for name in (*EXTRAS["dev"], *EXTRAS["smollm2"])} <= app | dev
    assert {plain(name) for name in EXTRAS["data"]} <= data
