"""The stored result is there at once; a run of one's own gives the command's numbers, and can be stopped."""

import csv
import json

import pytest

from tests.browser.shown_command import printed, shown_command
from tests.browser_fixtures import saved, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 90_000
SAME = 1e-9
"""Relative: the page and the command compute the same thing in two processes."""
SMALL = "?result=own&losses=forward_kl;akl:mu%3D0.6&ranks=2.4&seeds=2&first=3&steps=20"


def opened(open_page, app, query="", **options):
    page = open_page(f"{app}/capacity{query}", **options)
    page.get_by_text("What happened here").wait_for(timeout=PATIENCE_MS)
    page.locator(".js-plotly-plot").nth(6).wait_for(timeout=PATIENCE_MS)
    settled(page)
    return page


def run(page):
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Shown: a run of this server").wait_for(timeout=PATIENCE_MS)
    settled(page)


def downloaded(page, name, target):
    saved(page, page.get_by_role("button", name=name), target)
    with target.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_against(rows, document):
    config = document["config"]
    assert len(rows) == len(config["losses"]) * len(config["ranks"]) * config["seeds"]
    runs = {(one["loss"], one["rank"]): one for one in document["runs"]}
    for row in rows:
        one, place = runs[row["loss"], int(row["rank"])], int(row["seed"]) - config["first_seed"]
        for field in ("entropy", "top5", "bottom_half", "tvd", "forward_kl", "reverse_kl"):
            assert float(row[field]) == pytest.approx(one[field][place], rel=SAME, abs=SAME)


def test_the_stored_result_is_that_of_the_command(app, open_page, tmp_path):
    page = opened(open_page, app)
    assert page.locator(".js-plotly-plot").count() == 7
    document = json.loads(printed(shown_command(page)))
    rows = downloaded(page, "Seeds, CSV", tmp_path / "seeds.csv")
    check_against(rows, document)
    for finding in document["findings"][:3]:
        assert page.get_by_text(finding["sentence"], exact=True).is_visible()


def test_a_run_gives_the_numbers_of_its_command(app, open_page, tmp_path):
    page = opened(open_page, app, SMALL)
    page.get_by_text("Still shown: the stored result").wait_for()
    page.get_by_text("8 students over 64 contexts and 200 tokens, 20 steps each.").wait_for()
    run(page)
    document = json.loads(printed(shown_command(page)))
    assert document["config"]["losses"] == ["forward_kl", "akl:mu=0.6"]
    check_against(downloaded(page, "Seeds, CSV", tmp_path / "own.csv"), document)
    again = opened(open_page, app, "?" + page.url.partition("?")[2], fresh=True)
    again.get_by_text("Shown: a run of this server, seeds 3 to 4").wait_for()


def test_a_long_run_shows_progress_and_can_be_stopped_without_losing_what_was_there(app, open_page):
    page = opened(open_page, app, "?result=own&ranks=2.32.64&seeds=20&steps=3000")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_test_id("stProgress").get_by_text("20 seeds at once").wait_for(timeout=PATIENCE_MS)
    assert page.locator(".js-plotly-plot").count() == 7
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Run", exact=True).wait_for(timeout=PATIENCE_MS)
    page.get_by_text("Still shown: the stored result").wait_for()


def test_a_setting_changed_during_a_run_says_that_the_run_was_stopped(app, open_page):
    page = opened(open_page, app, "?result=own&ranks=2.32.64&seeds=20&steps=3000")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Stop").wait_for(timeout=PATIENCE_MS)
    box = page.get_by_role("spinbutton", name="First seed")
    box.fill("1")
    box.press("Enter")
    page.get_by_text("The run was stopped, as its settings were changed").wait_for(timeout=PATIENCE_MS)
    assert page.get_by_text("Still shown: the stored result").is_visible()
    assert page.get_by_role("button", name="Run", exact=True).is_visible()
    assert page.get_by_role("button", name="Stop").count() == 0


def test_a_number_out_of_range_is_a_sentence_and_nothing_is_lost(app, open_page):
    page = opened(open_page, app, SMALL)
    box = page.get_by_role("spinbutton", name="Adam steps")
    box.fill("100000")
    box.press("Enter")
    page.get_by_text("The number of Adam steps must be from 1 to 3,000, not 100,000.").wait_for(timeout=PATIENCE_MS)
    assert page.get_by_text("Still shown: ").is_visible()
    assert page.locator(".js-plotly-plot").count() == 7


def test_the_rank_of_the_sentences_can_be_chosen_by_keyboard(app, open_page):
    page = opened(open_page, app)
    choice = page.get_by_role("radiogroup", name="Seed by seed, at rank").or_(
        page.get_by_role("group", name="Seed by seed, at rank")
    )
    button = choice.get_by_text("16", exact=True)
    button.focus() if button.evaluate("node => node.tabIndex >= 0") else button.locator(
        "xpath=ancestor::button"
    ).focus()
    page.keyboard.press("Enter")
    page.get_by_text("At rank 16, the student of KL(T‖S)").wait_for(timeout=PATIENCE_MS)


def test_the_address_holds_the_rank_and_the_points_too(app, open_page):
    page = opened(open_page, app)
    page.get_by_role("radio", name="8", exact=True).click()
    page.get_by_text("Every seed as a point").click()
    page.wait_for_url("**points=every*", timeout=PATIENCE_MS)
    page.wait_for_url("**rank=8*", timeout=PATIENCE_MS)
    again = opened(open_page, app, "?" + page.url.partition("?")[2], fresh=True)
    assert again.get_by_text("At rank 8, the student of KL(T‖S)").is_visible()
    assert again.get_by_role("switch", name="Every seed as a point").is_checked()


def test_a_loss_that_cannot_run_is_one_sentence_and_nothing_is_lost(app, open_page):
    page = opened(open_page, app, "?result=own&losses=akl:alpha=7&ranks=2&steps=5&seeds=1")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_test_id("stAlert").get_by_text("alpha").wait_for(timeout=PATIENCE_MS)
    assert page.locator(".js-plotly-plot").count() == 7


def test_a_hostile_address_opens_the_stored_result(app, open_page):
    page = opened(open_page, app, "?result=%3Cb%3E&losses=%3Cscript%3E&ranks=-1.1e9&seeds=inf&steps=0")
    page.get_by_text("Shown: the stored result").wait_for()
    (alert,) = page.get_by_test_id("stAlert").all()
    assert alert.inner_text().endswith("so below are the usual ones: result, losses, ranks, seeds, steps.")
