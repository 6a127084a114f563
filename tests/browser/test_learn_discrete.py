"""The free student: its numbers are the command's, its controls change it, its address restores it."""

import csv
import json
import statistics
from urllib.parse import urlsplit

import pytest

from tests.browser.discrete import (
    FIELDS,
    FLOAT32,
    PATIENCE_MS,
    SMALL,
    check_against,
    choose_teacher,
    finished,
    opened,
    picture,
    query_of,
    scrub_to,
    shown,
    step_of,
)
from tests.browser.shown_command import printed, shown_command
from tests.browser_fixtures import saved

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_default_is_the_golden_table_and_the_command(app, open_page):
    page = opened(open_page, app)
    assert step_of(page) == 5
    assert shown(page, "tail_gap", 0) == pytest.approx(0.318, abs=5e-4)
    assert shown(page, "tail_gap", 1) == pytest.approx(0.602, abs=5e-4)
    words = shown_command(page)
    assert words == ["toy", "discrete", "--preset", "paper-longtail", "--json"]
    document = json.loads(printed(words))
    for step in (5, 20, 300):
        scrub_to(page, step)
        check_against(page, document, step)


def test_seeds_draw_bands_and_the_sentences_are_the_command_s(app, open_page):
    page = opened(open_page, app, SMALL)
    assert page.locator("path.band").count() == 2 * 2
    assert page.get_by_text("median of 6 seeds; band: middle 90% of them").is_visible()
    document = json.loads(printed(shown_command(page)))
    assert len(document["runs"]) == 2 * 6
    sentences = [one["sentence"] for one in document["first"]]
    assert len(sentences) == 2
    for sentence in sentences:
        assert "of 6 seeds" in sentence
        assert page.get_by_text(sentence, exact=True).is_visible()
    check_against(page, document, step_of(page))


def test_the_seed_of_the_animation_can_be_chosen_and_the_table_can_show_medians(app, open_page):
    page = opened(open_page, app, SMALL + "&seed=4")
    document = json.loads(printed(shown_command(page)))
    page.get_by_text("seed 4, one of 6").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("columnheader", name="loss, seed 4").wait_for()
    at_four = picture(page)
    check_against(page, document, 5, seed=4)
    page.get_by_text("Start, steps, seeds, head and tail").click()
    box = page.get_by_role("spinbutton", name="Seed of the animation")
    box.fill("2")
    box.press("Enter")
    page.get_by_text("seed 2, one of 6").wait_for(timeout=PATIENCE_MS)
    finished(page)
    check_against(page, document, 5, seed=2)
    assert picture(page) != at_four
    assert query_of(page)["seed"] == "2"
    page.get_by_role("group", name="Numbers of").get_by_role("button", name="median of 6 seeds").click()
    page.get_by_role("columnheader", name="loss, median of 6 seeds").wait_for()
    for place, loss in enumerate(("forward_kl", "reverse_kl")):
        gaps = [run["head_gap"][5] for run in document["runs"] if run["loss"] == loss]
        assert shown(page, "head_gap", place) == pytest.approx(statistics.median(gaps), rel=FLOAT32)
    page.wait_for_url("**table=median*", timeout=PATIENCE_MS)
    again = opened(open_page, app, "?" + urlsplit(page.url).query, fresh=True)
    again.get_by_role("columnheader", name="loss, median of 6 seeds").wait_for()


def test_controls_change_the_experiment_and_its_address_restores_it(app, open_page):
    page = opened(open_page, app)
    page.get_by_text("Start, steps, seeds, head and tail").click()
    steps = page.get_by_role("spinbutton", name="Steps", exact=True)
    steps.fill("60")
    steps.press("Enter")
    page.get_by_text("step 5 of 60").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("radio", name="far region").or_(page.get_by_role("button", name="far region")).first.click()
    page.get_by_text("tail: far region, tokens from 46 on").wait_for(timeout=PATIENCE_MS)
    scrub_to(page, 33)
    page.wait_for_url("**step=33*")
    finished(page)
    numbers = [shown(page, field, loss) for field in FIELDS for loss in range(4)]
    assert query_of(page) == {"steps": "60", "tail": "far", "step": "33"}
    again = opened(open_page, page.url.partition("/discrete")[0], "?" + urlsplit(page.url).query, fresh=True)
    assert step_of(again) == 33
    assert [shown(again, field, loss) for field in FIELDS for loss in range(4)] == numbers


def test_every_choice_of_boundary_and_tail_is_in_sight_on_a_phone(app, open_page):
    page = opened(open_page, app, size=(360, 800))
    page.get_by_text("Start, steps, seeds, head and tail").click()
    groups = page.get_by_test_id("stButtonGroup")
    groups.nth(1).get_by_text("bottom k").wait_for(timeout=PATIENCE_MS)
    hidden = (
        "node => Math.max(...[node, ...node.querySelectorAll('*')].map((one) => one.scrollWidth - one.clientWidth))"
    )
    for place in range(2):
        edge = groups.nth(place).bounding_box()
        last = groups.nth(place).locator("button").last.bounding_box()
        assert last["x"] + last["width"] <= edge["x"] + edge["width"] + 1
        assert last["x"] + last["width"] <= 360
        assert groups.nth(place).evaluate(hidden) <= 1


def test_a_preset_brings_its_optimiser_start_and_steps(app, open_page):
    page = opened(open_page, app)
    choose_teacher(page, "Zipf, a warmed-up student")
    page.get_by_text("step 5 of 100").wait_for(timeout=PATIENCE_MS)
    finished(page)
    assert query_of(page)["preset"] == "zipf"
    assert page.get_by_text("Under sgd lr 1 from a warmed-up start").first.is_visible()


MISTAKES = (
    (
        ("textbox", "Your teacher: probabilities, divided by their sum", "Control+Enter", "target"),
        ("0.5 <img src=x> 0.2", "is not a number: type probabilities such as 0.5 0.3 0.2.", "0.6 0.3 0.1"),
    ),
    (
        ("spinbutton", "Learning rate", "Enter", "lr"),
        ("1e5", "The learning rate must be from 1e-06 to 1,000, not 100,000.", "0.25"),
    ),
)
"""A field, the key that sends it, its name in the address; what is wrong in it, what is said of that, what is right."""


@pytest.mark.parametrize(("field", "typed"), MISTAKES, ids=["teacher", "learning rate"])
def test_a_mistake_is_a_sentence_and_loses_nothing(app, open_page, field, typed):
    (role, name, sends, parameter), (wrong, sentence, right) = field, typed
    page = opened(open_page, app, SMALL)
    before = shown(page, "head_gap", 0)
    box = page.get_by_role(role, name=name)
    box.fill(wrong)
    box.press(sends)
    page.get_by_text(sentence).wait_for(timeout=PATIENCE_MS)
    assert page.get_by_text("Still shown: own, forward_kl, reverse_kl, sgd lr 0.5").is_visible()
    assert shown(page, "head_gap", 0) == before
    assert page.get_by_test_id("stException").count() == 0
    box.fill(right)
    box.press(sends)
    finished(page)
    assert shown(page, "head_gap", 0) != before
    assert query_of(page)[parameter] == right


def test_the_seed_of_the_animation_stays_among_the_seeds(app, open_page):
    page = opened(open_page, app, SMALL + "&seed=4")
    page.get_by_text("Start, steps, seeds, head and tail").click()
    # Each answer is waited for by what it alone says: a box is drawn anew when its bounds change.
    for name, value, said in (("First seed", "10", "seed 10, one of"), ("Seeds", "2", "seed 10, one of 2")):
        box = page.get_by_role("spinbutton", name=name, exact=True)
        box.fill(value)
        box.press("Enter")
        page.get_by_text(said, exact=name == "Seeds").wait_for(timeout=PATIENCE_MS)
        finished(page)
    drawn = page.get_by_role("spinbutton", name="Seed of the animation")
    assert drawn.input_value() == "10"
    drawn.fill("12")
    drawn.press("Enter")
    page.get_by_text("The seed of the animation must be from 10 to 11, not 12.").wait_for(timeout=PATIENCE_MS)


def test_an_address_that_holds_nonsense_says_so_until_something_is_chosen(app, open_page):
    page = opened(open_page, app, "?lr=-1&preset=x&steps=60")
    sentence = page.get_by_text("so below are the usual ones: preset, lr.")
    assert sentence.is_visible()
    assert page.get_by_text("step 5 of 60").is_visible()
    box = page.get_by_role("spinbutton", name="Learning rate")
    for value in ("0.3", "0.2"):
        box.fill(value)
        box.press("Enter")
        sentence.wait_for(state="detached", timeout=PATIENCE_MS)
        finished(page)
    # The choices are again those the address left, but nobody asks for them with it any more.
    assert sentence.count() == 0


def test_a_long_run_shows_progress_and_can_be_stopped(app, open_page):
    page = open_page(f"{app}/discrete?seeds=100&steps=5000")
    page.get_by_text("5,000 steps of 400 students").wait_for(timeout=PATIENCE_MS)
    page.get_by_text("Still shown: paper-longtail").wait_for(timeout=PATIENCE_MS)
    scrub_to(page, 40)
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("The experiment was stopped.").wait_for(timeout=PATIENCE_MS)
    assert page.get_by_role("button", name="Run it again").is_visible()
    page.locator("[data-field='head_gap.0']").wait_for(timeout=PATIENCE_MS)
    assert step_of(page) == 40


def test_a_hostile_address_opens_the_default(app, open_page):
    hostile = "?preset=%3Cimg%20src=x%3E&losses=__import__;%3Cb%3E&lr=nan&steps=1e9&seeds=-4&mu=9&tail=x&step=-1"
    page = opened(open_page, app, hostile)
    assert step_of(page) == 5
    assert page.locator(".readout tbody tr").count() == 4
    assert page.get_by_text("step 5 of 800").is_visible()


def test_the_curves_come_as_csv(app, open_page, tmp_path):
    page = opened(open_page, app, SMALL)
    saved(page, page.get_by_role("button", name="Curves, CSV"), tmp_path / "shown.csv")
    words = [word for word in shown_command(page) if word != "--json"]
    printed([*words, "--csv", str(tmp_path / "out.csv")])
    ours, theirs = (
        list(csv.DictReader(path.read_text("utf-8").splitlines()))
        for path in (tmp_path / "shown.csv", tmp_path / "out.csv")
    )
    assert len(ours) == 2 * 6 * 41
    assert [row["loss"] for row in ours] == [row["loss"] for row in theirs]
    for name in ("step", "seed", *FIELDS):
        assert [float(row[name]) for row in ours] == pytest.approx([float(row[name]) for row in theirs], rel=1e-9)


def test_leaving_and_coming_back_keeps_the_choices(app, open_page):
    page = opened(open_page, app, SMALL)
    page.get_by_role("link", name="Divergences").first.click()
    page.locator("[data-field='shown.value']").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("link", name="Free student").first.click()
    page.get_by_text("of 40").first.wait_for(timeout=PATIENCE_MS)
    finished(page)
    assert query_of(page)["preset"] == "own"
