"""Dragging bars over a small vocabulary: they follow at once, and the numbers become those of the command."""

import csv
import json
import math

import pytest

from akl_viz.divergences import DIVERGENCES
from tests.browser.shown_command import printed, shown_commands
from tests.browser.small_vocabulary import PATIENCE_MS, answered, opened, pull, shown, slider
from tests.browser_fixtures import saved

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SAME = 1e-12
"""Relative, and absolute for zeros: the page and the command compute the same thing in two processes."""


def check_against(page, document, key):
    size = len(document["teacher"])
    for side in ("teacher", "student"):
        assert [shown(page, f"{side}.{i}") for i in range(size)] == pytest.approx(document[side], rel=SAME, abs=SAME)
    row = next(row for row in document["losses"] if row["key"] == key)
    assert [shown(page, f"term.{i}") for i in range(size)] == pytest.approx(row["terms"], rel=SAME, abs=SAME)
    assert [shown(page, f"step.{i}") for i in range(size)] == pytest.approx(row["step"], rel=SAME, abs=SAME)
    for boundary, head in document["heads"].items():
        for name, field in (("head_gap", "head_gap"), ("tail_gap", "tail_gap"), ("weight_forward", "weight")):
            assert shown(page, f"head.{boundary}.{field}") == pytest.approx(head[name], rel=SAME, abs=SAME)


def test_dragging_a_bar_changes_the_numbers_to_what_the_command_gives(app, open_page):
    page = opened(open_page, app)
    before = shown(page, "value.forward_kl")
    pull(page, "student", 1, 0.9)
    pull(page, "teacher", 6, 0.7)
    assert shown(page, "value.forward_kl") != before
    ((*words,),) = shown_commands(page)
    document = json.loads(printed(words))
    assert [row["key"] for row in document["losses"]] == list(DIVERGENCES)
    for row in document["losses"]:
        assert shown(page, f"value.{row['key']}") == pytest.approx(float(row["value"]), rel=SAME, abs=SAME)
    check_against(page, document, "forward_kl")


def test_head_rule_temperature_and_parameters_reach_the_command(app, open_page):
    page = opened(open_page, app, "?preset=zipf&size=12&mu=0.8&boundary=reach&temperature=2&loss=jsd:beta=0.2&target=3")
    every, chosen = (json.loads(printed(words)) for words in shown_commands(page))
    assert (every["mu"], every["boundary"], every["temperature"], every["target"]) == (0.8, "reach", 2.0, 3)
    (row,) = chosen["losses"]
    assert row["params"]["beta"] == 0.2
    assert shown(page, "value.jsd") == pytest.approx(row["value"], rel=SAME)
    assert shown(page, "shown.value") == pytest.approx(row["value"], rel=SAME)
    check_against(page, chosen, "jsd")


def test_bars_follow_the_pointer_without_the_server(app, open_page):
    page = opened(open_page, app)
    page.evaluate("WebSocket.prototype.send = () => {}")
    width = "node => parseFloat(node.firstChild.style.width)"
    box = slider(page, "student", 0).bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 1, y)
    page.mouse.down()
    for share in (0.3, 0.6, 0.9):
        page.mouse.move(box["x"] + share * box["width"], y)
        assert slider(page, "student", 0).evaluate(width) == pytest.approx(100 * share, abs=2)
    others = [float(slider(page, "student", i).get_attribute("aria-valuenow")) for i in range(1, 10)]
    page.mouse.move(box["x"] + 0.45 * box["width"], y)
    moved = [float(slider(page, "student", i).get_attribute("aria-valuenow")) for i in range(1, 10)]
    growth = [b / a for a, b in zip(others, moved, strict=True)]
    assert min(growth) > 1
    assert growth == pytest.approx([growth[0]] * 9, rel=2e-3)
    page.mouse.up()


def test_numbers_follow_while_the_button_is_still_down(app, open_page):
    page = opened(open_page, app)
    pull(page, "student", 2, 0.2)
    before = shown(page, "value.reverse_kl")
    box = slider(page, "student", 2).bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], y)
    page.wait_for_function(
        """before => {
          const hosts = [...document.querySelectorAll('*')].filter((node) => node.shadowRoot);
          const find = (node) => node.shadowRoot.querySelector("[data-field='value.reverse_kl']");
          const cell = hosts.map(find).find(Boolean);
          return Number(cell.dataset.value) !== before;
        }""",
        arg=before,
        timeout=PATIENCE_MS,
    )
    page.mouse.up()


def test_the_keyboard_moves_a_bar_and_undo_takes_it_back(app, open_page):
    page = opened(open_page, app)
    bar = slider(page, "student", 4)
    bar.focus()
    start = float(bar.get_attribute("aria-valuenow"))
    for key, change in (("ArrowRight", 0.01), ("ArrowUp", 0.01), ("PageUp", 0.1), ("ArrowLeft", -0.01)):
        before = float(bar.get_attribute("aria-valuenow"))
        page.keyboard.press(key)
        assert float(bar.get_attribute("aria-valuenow")) == pytest.approx(before + change, abs=2e-4)
    assert bar.get_attribute("role") == "slider"
    assert "student" in bar.get_attribute("aria-valuetext")
    page.keyboard.press("Home")
    answered(page)
    assert (shown(page, "student.4"), shown(page, "value.forward_kl")) == (0.0, float("inf"))
    page.keyboard.press("Control+z")
    answered(page)
    assert shown(page, "student.4") == pytest.approx(start, rel=SAME)
    outline = bar.evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline == "solid"


def test_the_buttons_do_what_they_say(app, open_page):
    page = opened(open_page, app)
    forward, reverse = (shown(page, f"value.{key}") for key in ("forward_kl", "reverse_kl"))
    page.get_by_role("button", name="Swap").click()
    answered(page)
    assert shown(page, "value.forward_kl") == pytest.approx(reverse, rel=SAME)
    assert shown(page, "value.reverse_kl") == pytest.approx(forward, rel=SAME)
    page.get_by_role("button", name="Student = teacher").click()
    answered(page)
    assert [shown(page, f"value.{key}") for key in DIVERGENCES] == pytest.approx([0.0] * len(DIVERGENCES), abs=SAME)
    for _ in range(2):
        page.get_by_role("button", name="Undo").click()
    answered(page)
    assert shown(page, "value.forward_kl") == pytest.approx(forward, rel=SAME)
    pull(page, "student", 0, 0.9)
    page.get_by_role("button", name="Reset student").click()
    answered(page)
    assert shown(page, "value.forward_kl") == pytest.approx(forward, rel=SAME)


def test_pointing_at_a_divergence_shows_it_and_leaving_brings_the_chosen_one_back(app, open_page):
    page = opened(open_page, app)
    kept = shown(page, "step.0")
    page.locator("tr[data-loss='reverse_kl']").hover()
    assert shown(page, "shown.value") == shown(page, "value.reverse_kl")
    assert shown(page, "step.0") != kept
    page.mouse.move(2, 2)
    assert (shown(page, "shown.value"), shown(page, "step.0")) == (shown(page, "value.forward_kl"), kept)
    page.locator("tr[data-loss='reverse_kl'] button").click()
    page.mouse.move(2, 2)
    answered(page)
    assert shown(page, "shown.value") == shown(page, "value.reverse_kl")
    page.wait_for_url("**loss=reverse_kl*")


def test_the_address_opens_the_same_view_for_somebody_else(app, open_page):
    page = opened(open_page, app, "?preset=real&size=9&loss=akl")
    pull(page, "student", 1, 0.6)
    page.locator("[data-control='mu']").fill("0.3")
    page.locator("[data-choice='reach']").click()
    page.locator("[data-choice='log']").click()
    answered(page)
    page.wait_for_url("**boundary=reach*")
    fresh = opened(open_page, app, page.url.partition("/divergences")[2], fresh=True)
    assert fresh.locator("[data-choice='log']").get_attribute("aria-pressed") == "true"
    assert fresh.locator(".vbody .tok").all_inner_texts() == page.locator(".vbody .tok").all_inner_texts()
    for field in ("student.1", "value.akl", "head.reach.weight", "step.2"):
        assert shown(fresh, field) == shown(page, field)


def test_a_spoiled_address_opens_the_default_view(app, open_page):
    page = opened(
        open_page, app, "?preset=nope&size=-4&p=0_0&q=1_x&mu=7&boundary=x&loss=__class__&temperature=nan&target=99"
    )
    assert page.locator("[data-control='preset']").input_value() == "bimodal"
    assert page.locator(".vbody .vrow").count() == 10
    assert shown(page, "shown.value") == shown(page, "value.forward_kl")
    names = page.get_by_test_id("stAlert").inner_text().rpartition(": ")[2].rstrip(".")
    assert set(names.split(", ")) == {"preset", "size", "p", "q", "mu", "boundary", "loss", "temperature", "target"}


def test_every_preset_opens(app, open_page):
    page = opened(open_page, app)
    seen = set()
    for preset in ("peaked", "flat", "zipf", "real", "bimodal"):
        page.locator("[data-control='preset']").select_option(preset)
        answered(page)
        bars = [shown(page, f"teacher.{i}") for i in range(10)]
        assert sum(bars) == pytest.approx(1, abs=1e-9), preset
        seen.add(tuple(bars))
        assert (page.locator(".vbody .tok", has_text="all").count() == 1) == (preset == "real")
    assert len(seen) == 5


def test_the_tables_hold_what_the_command_prints(app, open_page, tmp_path):
    page = opened(open_page, app, "?preset=peaked&size=6")
    ((*words,),) = shown_commands(page)
    document = json.loads(printed(words))
    tables = {}
    for name in ("Divergences, CSV", "Tokens, CSV"):
        target = tmp_path / "table.csv"
        saved(page, page.get_by_role("button", name=name), target)
        with target.open(encoding="utf-8", newline="") as file:
            tables[name] = list(csv.DictReader(file))
    for row, expected in zip(tables["Divergences, CSV"], document["losses"], strict=True):
        assert row["loss"] == expected["loss"]
        assert float(row["value"]) == pytest.approx(expected["value"], rel=SAME)
    for expected in document["losses"]:
        steps = [float(row[f"step {expected['loss']}"]) for row in tables["Tokens, CSV"]]
        assert steps == pytest.approx(expected["step"], rel=SAME, abs=SAME)


def test_where_a_value_is_infinite_a_dash_stands_for_the_step(app, open_page):
    page = opened(open_page, app)
    slider(page, "student", 2).press("Home")
    answered(page)
    cell = page.locator("[data-field='step.2']")
    assert (shown(page, "shown.value"), cell.inner_text()) == (math.inf, "–")
    assert page.get_by_text("A logit of −∞ cannot be moved").is_visible()
    slider(page, "student", 2).press("PageUp")
    answered(page)
    assert cell.inner_text() != "–"
    assert page.get_by_text("A logit of −∞ cannot be moved").count() == 0


def test_the_formula_follows_the_parameters(app, open_page):
    page = opened(open_page, app, "?loss=akl")
    law = page.locator(".law")
    assert law.inner_text().endswith("w = head gap / (head gap + tail gap)")
    weight = page.locator("[data-param='weight']")
    assert weight.count() == 0
    page.locator("[data-param='direction']").select_option("fixed")
    answered(page)
    assert law.inner_text().endswith("w = weight")
    weight.fill("0.9")
    weight.press("Enter")
    answered(page)
    (_, (*words,)) = shown_commands(page)
    (row,) = json.loads(printed(words))["losses"]
    assert row["params"]["weight"] == 0.9
    assert shown(page, "shown.value") == pytest.approx(row["value"], rel=SAME)
    assert page.get_by_text("AKL as published; the one chosen above has direction = fixed, weight = 0.9.").is_visible()


def test_back_and_forward_bring_the_bars_of_each_address(app, open_page):
    page = opened(open_page, app)
    values = [shown(page, "student.3")]
    for share in (0.6, 0.9):
        pull(page, "student", 3, share)
        values.append(shown(page, "student.3"))
    assert len(set(values)) == 3

    def comes(value):
        page.wait_for_function(
            "([node, value]) => Number(node.dataset.value) === value",
            arg=[page.locator("[data-field='student.3']").element_handle(), value],
            timeout=PATIENCE_MS,
        )
        answered(page)

    for go, value in ((page.go_back, values[1]), (page.go_back, values[0]), (page.go_forward, values[1])):
        go()
        comes(value)
    pull(page, "student", 3, 0.3)
    assert shown(page, "student.3") not in values


def test_leaving_and_coming_back_keeps_the_bars(app, open_page):
    page = opened(open_page, app)
    pull(page, "student", 3, 0.8)
    kept = shown(page, "student.3")
    links = page.get_by_test_id("stSidebar")
    links.get_by_role("link", name="Overview").click()
    page.get_by_role("heading", level=1, name="Overview").wait_for()
    links.get_by_role("link", name="Divergences").click()
    page.locator("[data-field='student.3']").wait_for(timeout=PATIENCE_MS)
    answered(page)
    assert shown(page, "student.3") == kept


def test_an_address_that_holds_nonsense_says_so_until_something_is_moved(app, open_page):
    page = opened(open_page, app, "?mu=9&size=8&p=1_2_3&loss=nonsense")
    told = page.get_by_text("so below are the usual ones: mu, loss, p.")
    assert told.is_visible()
    slider(page, "student", 2).press("ArrowRight")
    told.wait_for(state="detached", timeout=PATIENCE_MS)
    answered(page)
