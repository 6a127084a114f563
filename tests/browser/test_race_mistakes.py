"""What a person may do wrong on the race page: one sentence each, no traceback, and nothing that was there is lost."""

import re
import shutil

import pytest
from playwright.sync_api import expect

from akl_viz.distill import DataConfig, DistillConfig, OptimiserConfig, open_run
from akl_viz.paths import DATA
from tests.browser.racing import PATIENCE_MS, RaceServer, address_of, button, open_settings, opened, says, set_steps
from tests.browser_fixtures import settled
from tests.checkpoints import save_llama

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KEPT = "kept-from-before"
UNKNOWN = (
    ("no_such_loss", "There is no divergence 'no_such_loss'; choose one of forward_kl"),
    ("akl:nonsense=1", "nonsense"),
)
"""Losses that do not exist, and what is said of them."""


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def races(browser, tmp_path_factory):
    """One server for all mistakes, with a run from before."""
    root = tmp_path_factory.mktemp("runs")
    shutil.copytree(DATA / "runs" / "forty-steps", root / KEPT)
    models = tmp_path_factory.mktemp("models")
    server = RaceServer(root, tmp_path_factory.mktemp("logs"), {"AKL_VIZ_ROOTS": str(models)})
    server.models = models
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _nothing_is_lost(races):
    before = contents(races.root / KEPT)
    yield
    assert contents(races.root / KEPT) == before


def alert(page):
    """The one sentence on the page."""
    settled(page)
    (box,) = page.get_by_test_id("stAlert").all()
    return box.inner_text().splitlines()[-1]


def choose_file(page, name, content):
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})


def test_files_that_cannot_be_learnt_on(races, open_page, tmp_path):
    page = opened(open_page, races.address)
    set_steps(page, 7)
    open_settings(page)
    page.get_by_role("radio", name="Own file").click()
    says(page, "Choose a file to learn on")
    expect(button(page, "Start")).to_be_disabled(timeout=PATIENCE_MS)
    choose_file(page, "nothing.txt", b"")
    says(page, r"nothing\.txt is empty: choose a file with text\.")
    expect(button(page, "Start")).to_be_disabled(timeout=PATIENCE_MS)
    choose_file(page, "lines.jsonl", b'{"text": "one"}\n{"text": "two"}\n{"text": three}\n')
    says(page, r"Line 3 of lines\.jsonl is not valid JSON: mend or remove that line\.")
    assert alert(page).count(".") == 2
    expect(button(page, "Start")).to_be_disabled(timeout=PATIENCE_MS)
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(21 * 1024 * 1024)
    page.locator("input[type=file]").set_input_files(large)
    says(page, r"File must be 20(\.0)?\s?MB or smaller")
    # What was set before is still set, and a sound file is taken.
    assert page.get_by_role("spinbutton", name="Steps", exact=True).input_value() == "7"
    choose_file(page, "sound.txt", b"It is a truth universally acknowledged, that a single man must be in want. " * 200)
    says(page, r"Learning on sound\.txt")
    settled(page)
    assert page.get_by_test_id("stAlert").count() == 0
    assert button(page, "Start").is_enabled()
    # Texts of fewer than two tokens are seen once the tokenizer is there.
    choose_file(page, "short.jsonl", b'{"text": "a"}\n{"text": "b"}\n{"text": ""}\n')
    says(page, r"Learning on short\.jsonl")
    settled(page)
    button(page, "Start").click()
    says(page, r"holds no text of two tokens or more")
    assert alert(page).startswith("short.jsonl holds no text")
    assert page.get_by_role("spinbutton", name="Steps", exact=True).input_value() == "7"
    assert [folder.name for folder in races.runs()] == [KEPT]


def test_a_student_with_another_vocabulary(races, open_page):
    student = save_llama(races.models / "other", seed=0)
    page = open_page(address_of(races, DistillConfig(student=str(student), steps=3)))
    button(page, "Start").click(timeout=PATIENCE_MS)
    says(page, "Teacher and student number their tokens differently")
    assert alert(page).endswith("choose a student that was trained with the teacher's tokenizer.")
    assert str(student) in page.get_by_role("combobox", name="Student, the common start").input_value()
    assert [folder.name for folder in races.runs()] == [KEPT]


def test_a_loss_that_does_not_exist_is_said_where_it_is_typed(races, open_page):
    page = opened(open_page, races.address)
    box = page.get_by_role("combobox", name=re.compile("Losses that race"))
    for typed, sentence in UNKNOWN:
        box.click()
        box.fill(typed)
        box.press("Enter")
        # In the alert: what was typed stands in the box too.
        page.get_by_test_id("stAlert").filter(has_text=sentence).wait_for(timeout=PATIENCE_MS)
        alert(page)
        field = page.get_by_test_id("stMultiSelect").first.bounding_box()
        told = page.get_by_test_id("stAlert").bounding_box()
        assert 0 <= field["y"] - (told["y"] + told["height"]) < 40
        # The list of options hides the rest of the page from screen readers while it is open.
        page.keyboard.press("Escape")
        expect(button(page, "Start")).to_be_disabled(timeout=PATIENCE_MS)
        box.press("Backspace")
        page.keyboard.press("Escape")
        page.get_by_test_id("stAlert").wait_for(state="detached", timeout=PATIENCE_MS)
        settled(page)
        assert page.get_by_test_id("stAlert").count() == 0
        assert button(page, "Start").is_enabled()


def test_a_learning_rate_that_diverges_ends_the_run_and_keeps_what_was_good(races, open_page):
    config = DistillConfig(
        losses=("forward_kl",),
        steps=50,
        checkpoint_every=1,
        data=DataConfig(text="toy", window=32),
        optimiser=OptimiserConfig(name="sgd", lr=1e30, schedule="constant"),
    )
    page = open_page(address_of(races, config))
    button(page, "Start").click(timeout=PATIENCE_MS)
    says(page, r"forward_kl diverged at step \d+: its loss or gradient is no finite number any more")
    assert "lower the learning rate" in alert(page)
    page.locator(".moment .scrub").wait_for(timeout=PATIENCE_MS)
    folder = races.runs()[0]
    run = open_run(folder)
    assert (run.status, folder.name != KEPT) == ("diverged", True)
    for step, checkpoint in run.checkpoints("forward_kl").items():
        assert step < 50
        assert (checkpoint / "model.safetensors").is_file()
