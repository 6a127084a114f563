"""Own texts: kept under names that lead nowhere else, as long as a run or a person may need them."""

import os
import time

import pytest

from akl_viz.errors import InvalidInput
from akl_viz.ui.race import uploads


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("AKL_VIZ_RUNS", str(tmp_path))
    return tmp_path


def kept_names():
    return {path.name for path in uploads.uploads().iterdir()}


def aged(path, days):
    when = time.time() - 86_400 * days
    os.utime(path, (when, when))


@pytest.mark.parametrize(
    ("name", "stem", "kind"),
    [
        ("My texts.jsonl", "My-texts", ".jsonl"),
        ("../../evil.txt", "evil", ".txt"),
        ("/etc/passwd", "text", ".txt"),
        ("a\x00b\n.CSV", "a-b", ".csv"),
        ("x.exe", "x", ".txt"),
        ("東京.txt", "text", ".txt"),
        ("a" * 300 + ".parquet", "a" * 40, ".parquet"),
    ],
)
def test_an_upload_is_kept_under_a_name_that_leads_nowhere_else(root, name, stem, kind):
    path = uploads.store(name, b"some text", set())
    assert path.parent == root / ".uploads"
    assert (path.name.rpartition("-")[0], path.suffix) == (stem, kind)
    assert path.read_bytes() == b"some text"
    assert uploads.titled(f"Line 2 of {path.name} is bad.") == f"Line 2 of {stem}{kind} is bad."
    assert uploads.store(name, b"some text", set()) == path
    assert uploads.find(path.name) == path


@pytest.mark.parametrize(
    "hostile",
    [
        *(
            "",
            ".",
            "..",
            "../x.txt",
            "/etc/passwd",
            "/etc/hosts.txt",
            "file:///x.txt",
            "a/b.txt",
            "a\\b.txt",
            "bundled ",
        ),
        *(
            "x-0123456789abcdef.txt\n",
            "x\x00-0123456789abcdef.txt",
            "..-0123456789abcdef.txt",
            "x-0123456789abcdef.exe",
        ),
        *("~-0123456789abcdef.txt", "../.uploads/x-0123456789abcdef.txt", "x-0123456789abcdef.txt"),
    ],
)
def test_a_hostile_name_is_refused(root, hostile):
    uploads.store("x.txt", b"some text", set())
    with pytest.raises(InvalidInput, match="upload it again"):
        uploads.find(hostile)


def test_a_link_in_the_folder_is_no_upload(root):
    path = uploads.store("x.txt", b"some text", set())
    pointing = path.with_name("y-0123456789abcdef.txt")
    pointing.symlink_to("/etc/hostname")
    with pytest.raises(InvalidInput):
        uploads.find(pointing.name)


def test_old_uploads_go_and_those_of_runs_stay(root):
    old, used, young = (uploads.store(f"{name}.txt", name.encode(), set()) for name in ("old", "used", "young"))
    for path in (old, used):
        aged(path, uploads.KEPT_DAYS + 1)
    aged(young, uploads.KEPT_DAYS - 1)
    new = uploads.store("new.txt", b"new", {used.name})
    assert kept_names() == {used.name, young.name, new.name}


def test_of_many_unused_uploads_the_newest_stay(root):
    paths = [uploads.store(f"{number}.txt", str(number).encode(), set()) for number in range(uploads.MOST_UNUSED)]
    for place, path in enumerate(paths):
        aged(path, 1 - place / 100)
    again = uploads.store("0.txt", b"0", set())
    assert again == paths[0]
    newer = [uploads.store(f"new {number}.txt", f"new {number}".encode(), {again.name}) for number in range(2)]
    # The one just stored counts as used, the one before it is the newest of the others.
    assert kept_names() == {path.name for path in (again, *newer, *paths[1:])}
    last = uploads.store("last.txt", b"last", set())
    assert kept_names() == {path.name for path in (again, *newer, *paths[3:], last)}


def test_a_strange_file_in_the_folder_is_left_alone(root):
    strange = uploads.uploads() / "notes.md"
    uploads.store("x.txt", b"x", set())
    strange.write_text("mine")
    aged(strange, 100)
    uploads.store("y.txt", b"y", set())
    assert strange.exists()
