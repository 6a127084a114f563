"""Every component assembles from its files, names each of them, and is one module that JavaScript can load."""

import importlib
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest

from akl_viz.ui import components
from akl_viz.ui.components.assets import Component, markup, module, script, sheet, style

FOLDER = Path(components.__file__).parent
PACKAGES = [row.name for row in pkgutil.iter_modules(components.__path__) if row.ispkg]
OWN_SCRIPTS = ("format", "dom", "moment")
"""Of the moment, which mounts itself."""
UNSAFE = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "new Function",
    "http://",
    "https://",
)
SVG_NAMESPACE = "http://www.w3.org/2000/svg"


def component(name: str) -> Component:
    found = importlib.import_module(f"{components.__name__}.{name}").COMPONENT
    assert isinstance(found, Component)
    return found


def modules() -> dict[str, str]:
    """Every JavaScript module a page loads, by name."""
    built = {name: component(name).parts()["js"] for name in PACKAGES}
    return built | {"moment": module(*OWN_SCRIPTS), "inspector": script("streamlit"), "standalone": script("file")}


def test_every_package_with_scripts_is_a_component():
    assert sorted(path.parent.name for path in FOLDER.glob("*/js")) == PACKAGES


@pytest.mark.parametrize("name", PACKAGES)
def test_a_component_assembles_from_all_its_files_and_no_others(name):
    row, parts = component(name), component(name).parts()
    assert f"class {row.draws} " in parts["js"]
    assert "export default function" in parts["js"]
    assert ".akl {" in parts["css"]
    assert 'class="akl' in parts["html"]
    assert "<noscript>" in parts["html"]
    for kind, named in (("js", row.scripts), ("css", row.styles), ("html", (row.html,))):
        own = {Path(one).name for one in named if one.startswith(f"{name}/")}
        assert own == {path.stem for path in (FOLDER / name / kind).iterdir()}


def test_every_shared_file_is_part_of_a_module_or_a_sheet():
    scripts, styles = (
        "\n".join(modules().values()),
        "\n".join([style(), sheet("moment"), *(component(name).parts()["css"] for name in PACKAGES)]),
    )
    unused = [path.name for path in (FOLDER / "js").glob("*.js") if path.read_text(encoding="utf-8") not in scripts]
    unused += [path.name for path in (FOLDER / "css").glob("*.css") if path.read_text(encoding="utf-8") not in styles]
    assert unused == []


def test_a_missing_file_is_an_error():
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Component(("format", "proof/nowhere"), (), "proof/simplex").parts()


@pytest.mark.parametrize("name", modules())
def test_no_name_is_declared_twice_in_a_module(name):
    declared = re.findall(r"^(?:export default )?(?:class|function|const|let)\s+(\w+)", modules()[name], re.MULTILINE)
    assert [word for word, count in Counter(declared).items() if count > 1] == []


@pytest.mark.parametrize("name", modules())
def test_scripts_set_no_markup_run_no_text_and_load_nothing(name):
    text = modules()[name].replace(SVG_NAMESPACE, "")
    assert [word for word in UNSAFE if word in text] == []


@pytest.mark.parametrize("name", [*PACKAGES, "moment", "inspector"])
def test_styles_and_markup_load_nothing(name):
    if name in PACKAGES:
        parts = component(name).parts()
    else:
        parts = {"css": style() if name == "inspector" else sheet("moment"), "html": markup(name)}
    assert not re.search(r"https?://|url\(|@import|<script|<link", parts["css"] + parts["html"])
