"""The documents tell the truth: generated sections are current, links lead somewhere, examples run."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from akl_viz.cli import build_parser
from akl_viz.ui.catalog import PAGES

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def build_module():
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = build_module()


@pytest.mark.parametrize("document", BUILD.DOCUMENTS, ids=lambda path: path.name)
def test_generated_sections_are_current(document):
    assert BUILD.rebuilt(document) == document.read_text(encoding="utf-8"), "run make docs"


@pytest.mark.parametrize("document", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_to_files(document):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_python_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=True)


def test_every_command_of_the_readme_parses():
    lines = re.findall(r"^akl-viz (.+)$", README, re.MULTILINE)
    assert len(lines) >= 4

    for line in lines:
        build_parser().parse_args(shlex.split(line))


def test_every_make_target_of_the_documents_exists():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for document in WRITTEN for name in re.findall(r"`?make ([a-z0-9]+)`", document.read_text("utf-8"))}
    assert named <= targets
    assert {"app", "test", "check", "data", "bench", "screenshots"} <= targets


@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.key)
def test_every_page_has_its_script_its_prose_and_screenshots_in_both_themes(row):
    assert row.script.is_file()
    assert len(row.prose.read_text(encoding="utf-8")) > 200
    for scheme in ("light", "dark"):
        assert (ROOT / f"docs/screenshots/{row.url_path}-{scheme}.png").is_file()
