"""A wheel carries the app and its data; an editable install leaves them where they are."""

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from hatch_build import BUNDLED

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "akl_viz/_bundle/"
SMALL = 1_000_000
"""Bytes: an editable wheel holds a path and metadata; the bundled data is thirty times as much."""


def built(folder: Path, version: str) -> dict[str, int]:
    """Name -> size of every file of the wheel of that kind."""
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=[version])
    with zipfile.ZipFile(path) as wheel:
        return {entry.filename: entry.file_size for entry in wheel.infolist()}


def test_an_editable_install_copies_no_data(tmp_path):
    files = built(tmp_path, "editable")
    assert sum(files.values()) < SMALL
    assert [name for name in files if name.startswith(INSIDE)] == []


@pytest.mark.slow
def test_a_wheel_holds_the_app_and_every_bundled_file(tmp_path):
    files = built(tmp_path, "standard")
    held = {name.removeprefix(INSIDE) for name in files if name.startswith(INSIDE)}
    for name in BUNDLED:
        place = ROOT / name
        found = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
        wanted = {str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts}
        assert wanted
        assert wanted <= held
    assert not any("__pycache__" in name or "data/build" in name for name in files)
    assert "akl_viz/ui/components/js/inspector.js" in files
