"""Weights on a bar of their own, parts that are added, and the sweep over sd with its commands and its file."""

import csv
import json
import shlex

import pytest

from tests.browser.gaussian import PATIENCE_MS, answered, check_against, opened, query_parts
from tests.browser.shown_command import printed, shown_commands
from tests.browser_fixtures import saved

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_weights_are_dragged_and_moved_by_keys_with_their_sum_kept(app, open_page):
    page = opened(open_page, app)
    divider = page.locator("[data-divider='0']")
    divider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**parts=25_8_0.385_75_8_0.615*", timeout=PATIENCE_MS)
    answered(page)
    box = divider.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(box["x"] + box["width"] / 2 + 12 * step, box["y"] + 5)
    page.mouse.up()
    answered(page)
    first, second = (float(part[2]) for part in query_parts(page))
    assert first > 0.5
    assert first + second == pytest.approx(1.0, abs=2e-3)
    for words in shown_commands(page):
        document = json.loads(printed(words))
        assert document["target"]["weights"][0] == pytest.approx(first / (first + second), rel=1e-9)
        if document["grid"] == "paper":
            check_against(page, document)


def test_the_sum_of_the_weights_stays_at_the_ends_of_the_bar(app, open_page):
    page = opened(open_page, app)
    for key, least in (("Shift+PageDown", 0), ("Shift+PageUp", 1)):
        page.locator("[data-divider='0']").focus()
        page.keyboard.press(key)
        page.keyboard.press(key)
        answered(page)
        weights = [float(part[2]) for part in query_parts(page)]
        assert weights[least] == 0.01
        assert sum(weights) == pytest.approx(1.0, abs=1e-9)


def test_a_second_new_part_stands_elsewhere(app, open_page):
    page = opened(open_page, app)
    for _ in range(2):
        page.get_by_role("button", name="Add a part").click()
        answered(page)
    means = [part[0] for part in query_parts(page)]
    assert len(set(means)) == 4


def test_the_sweep_has_its_commands_and_its_file(app, open_page, tmp_path):
    page = opened(open_page, app)
    page.get_by_text("Commands of these charts").click()
    code = page.get_by_test_id("stCode")
    code.wait_for()
    lines = [shlex.split(line)[1:] for line in code.inner_text().strip().splitlines()]
    spans = []
    for words in lines:
        (run,) = json.loads(printed(words))["runs"]
        spans.append(run["optima"][0]["sd"][0] > 20.0)
    assert spans == [False, True, False, True]
    saved(page, page.get_by_role("button", name="Optima against sd, CSV"), tmp_path / "sweep.csv")
    with (tmp_path / "sweep.csv").open(encoding="utf-8", newline="") as file:
        assert {row["grid"] for row in csv.DictReader(file)} == {"paper", "wide"}
