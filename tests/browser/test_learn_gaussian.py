"""A mixture dragged by hand: the target follows at once, and the fits become those of the command."""

import csv
import json

import pytest

from tests.browser.gaussian import PATIENCE_MS, SAME, answered, check_against, drag, grip, opened, query_parts, shown
from tests.browser.shown_command import printed, shown_commands
from tests.browser_fixtures import SLOW, saved

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NO_FIT = "?parts=0_20_1_100_20_1"
"""A target on which no start ends at a minimum on the paper's grid."""


def test_dragging_mean_and_sd_gives_what_the_command_gives(app, open_page):
    page = opened(open_page, app)
    before = shown(page, "value.reverse_kl.0")
    drag(page, grip(page, 0, "mean"), 60)
    drag(page, grip(page, 1, "sd"), 25)
    page.locator("[data-box='weight.0']").fill("0.6")
    page.keyboard.press("Tab")
    answered(page)
    assert shown(page, "value.reverse_kl.0") != before
    first, second = shown_commands(page)
    documents = [json.loads(printed(first)), json.loads(printed(second))]
    assert [document["grid"] for document in documents] == ["paper", "wide"]
    target = documents[0]["target"]
    assert target["means"][0][0] > 27
    assert target["sds"][1][0] > 9
    assert target["weights"][0] == pytest.approx(0.6 / 1.225)
    check_against(page, documents[0])
    assert shown(page, "meanerror.forward_kl") < 1e-5
    assert shown(page, "seconderror.forward_kl") < 1e-5


MOVED = """
([node, above]) => Math.abs(node.getBoundingClientRect().top - above) > 20
"""
CLOCK = "(by) => { const now = performance.now.bind(performance); performance.now = () => now() + by }"
"""Sets the clock on by which the page dates what it draws; presses are dated by the browser."""


@pytest.mark.parametrize(("drawn_ms", "taken"), [(60_000, True), (-60_000, False)], ids=["just now", "long ago"])
def test_a_grip_that_an_answer_has_just_moved_is_taken_where_it_was(app, open_page, drawn_ms, taken):
    page = opened(open_page, app)
    handle = grip(page, 1, "mean")
    box = handle.locator(".knobshape").bounding_box()
    page.evaluate(CLOCK, drawn_ms)
    # A peak twice as high, and so another scale.
    page.locator("[data-box='sd.0']").fill("3")
    page.keyboard.press("Tab")
    page.wait_for_function(MOVED, arg=[handle.locator(".knobshape").element_handle(), box["y"]], timeout=PATIENCE_MS)
    before = float(handle.get_attribute("aria-valuenow"))
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y)
    page.mouse.up()
    assert (float(handle.get_attribute("aria-valuenow")) < before - 5) == taken
    answered(page)


def test_two_quick_drags_both_count_on_a_slow_machine(app, open_page):
    page = opened(open_page, app, slower=SLOW)
    first, second = (
        float(grip(page, part, kind).get_attribute("aria-valuenow")) for part, kind in ((0, "mean"), (1, "sd"))
    )
    drag(page, grip(page, 0, "mean"), 60)
    drag(page, grip(page, 1, "sd"), 25)
    answered(page)
    (mean, _, _), (_, sd, _) = ([float(word) for word in part] for part in query_parts(page))
    assert mean > first + 2
    assert sd > second + 1


def test_the_target_follows_the_pointer_without_the_server(app, open_page):
    page = opened(open_page, app)
    page.evaluate("WebSocket.prototype.send = () => {}")
    line, handle = page.locator(".main .targetline"), grip(page, 1, "mean")
    before, at = line.get_attribute("d"), float(handle.get_attribute("aria-valuenow"))
    drag(page, handle, -80)
    assert line.get_attribute("d") != before
    assert float(handle.get_attribute("aria-valuenow")) < at - 5


def test_the_words_turn_with_the_sd_and_with_the_spacing(app, open_page):
    page = opened(open_page, app)
    paper, wide = page.locator("[data-verdict='paper']"), page.locator("[data-verdict='wide']")
    assert "sits on one mode" in paper.inner_text()
    page.locator("[data-control='sd']").fill("10")
    answered(page)
    assert "global optimum of KL(S‖T) spans both" in paper.inner_text()
    assert "global optimum of KL(S‖T) sits on one mode" in wide.inner_text()
    assert shown(page, "value.reverse_kl.0") == pytest.approx(0.290, abs=5e-4)
    page.locator("[data-control='reset']").click()
    answered(page)
    assert "sits on one mode" in paper.inner_text()
    page.locator("[data-control='spacing']").fill("35")
    answered(page)
    assert "spans both" in paper.inner_text()
    document = json.loads(printed(shown_commands(page)[0]))
    (left,), (right,) = document["target"]["means"]
    assert right - left == 35
    check_against(page, document)


def test_the_keyboard_moves_the_grips(app, open_page):
    page = opened(open_page, app)
    for kind, now in (("mean", 25.5), ("sd", 8.5)):
        grip(page, 0, kind).focus()
        page.keyboard.press("ArrowRight")
        assert float(grip(page, 0, kind).get_attribute("aria-valuenow")) == now
    page.keyboard.press("Shift+ArrowLeft")
    assert float(grip(page, 0, "sd").get_attribute("aria-valuenow")) == 3.5
    answered(page)
    page.wait_for_url("**parts=25.5_3.5_0.375_*")
    assert grip(page, 0, "sd").evaluate("(node) => node.getRootNode().activeElement === node")


def test_back_brings_the_parts_of_the_address_before(app, open_page):
    page = opened(open_page, app)
    grip(page, 0, "mean").focus()
    for moved in ("25.5", "26"):
        page.keyboard.press("ArrowRight")
        page.wait_for_url(f"**parts={moved}_*", timeout=PATIENCE_MS)
        answered(page)
    for moved in ("25.5", "25"):
        page.go_back()
        page.wait_for_function(
            "([node, value]) => node.getAttribute('aria-valuenow') === value",
            arg=[grip(page, 0, "mean").element_handle(), moved],
            timeout=PATIENCE_MS,
        )
        answered(page)
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**parts=24.5_*", timeout=PATIENCE_MS)


def test_moving_a_grip_changes_nothing_but_what_it_moves(app, open_page):
    page = opened(open_page, app, "?parts=25_8.25_0.375_75.125_8.25_0.625")
    grip(page, 0, "mean").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**parts=25.5_8.25_0.375_75.125_8.25_0.625*")
    drag(page, grip(page, 1, "sd"), 40)
    answered(page)
    first, second = query_parts(page)
    assert (first, second[0], second[2]) == (["25.5", "8.25", "0.375"], "75.125", "0.625")
    assert second[1] != "8.25"


def test_the_fits_play_pause_and_scrub(app, open_page):
    page = opened(open_page, app, motion=True)
    scrub, best = page.get_by_role("slider", name="Step"), shown(page, "best.reverse_kl")
    ways = page.locator(".way.reverse_kl")
    assert ways.count() == 24
    last, end = ways.first.get_attribute("d"), scrub.input_value()
    scrub.fill("0")
    assert ways.first.get_attribute("d") != last
    assert shown(page, "best.reverse_kl") >= best
    scrub.fill(end)
    assert ways.first.get_attribute("d") == last
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").click()
    halted = scrub.input_value()
    page.wait_for_timeout(600)
    assert scrub.input_value() == halted != end


def test_the_address_opens_the_same_view_for_somebody_else(app, open_page):
    page = opened(open_page, app)
    page.locator("[data-control='preset']").select_option("three")
    page.locator("[data-choice='wide']").click()
    drag(page, grip(page, 2, "mean"), -40)
    answered(page)
    page.wait_for_url("**grid=wide*")
    fresh = opened(open_page, app, page.url.partition("/gaussian")[2], fresh=True)
    assert fresh.locator("[data-control='preset']").input_value() == "three"
    assert fresh.locator("[data-choice='wide']").get_attribute("aria-pressed") == "true"
    for field in ("value.reverse_kl.0", "sd.forward_kl.0"):
        assert shown(fresh, field) == shown(page, field)


def test_a_spoiled_address_opens_the_default_view(app, open_page):
    page = opened(open_page, app, "?preset=__class__&grid=<b>&parts=nan_8_1_1e999_x")
    assert page.locator("[data-control='preset']").input_value() == "modes"
    assert page.locator("[data-box='mean.0']").input_value() == "25"
    assert page.get_by_test_id("stAlert").inner_text().endswith("so below are the usual ones: preset, grid, parts.")


def test_the_plane_is_dragged_too_and_fits_a_phone(app, open_page):
    page = opened(open_page, app, "?preset=plane", size=(360, 900))
    drag(page, grip(page, 0, "mean"), 12, up=10)
    grip(page, 1, "sdy").focus()
    page.keyboard.press("ArrowUp")
    answered(page)
    (words,) = shown_commands(page)
    document = json.loads(printed(words))
    assert document["target"]["sds"][1][1] == 8.5
    assert document["target"]["means"][0][1] > 30
    check_against(page, document)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_parts_are_added_and_removed_and_the_file_holds_both_grids(app, open_page, tmp_path):
    page = opened(open_page, app)
    page.locator("[data-control='add']").click()
    answered(page)
    assert page.locator(".grip.mean").count() == 3
    page.get_by_role("button", name="Remove part 1").click()
    answered(page)
    assert page.locator(".grip.mean").count() == 2
    saved(page, page.get_by_role("button", name="Optima, CSV"), tmp_path / "optima.csv")
    with (tmp_path / "optima.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["grid"] for row in rows} == {"paper", "wide"}
    first = next(row for row in rows if row["grid"] == "paper" and row["loss"] == "reverse_kl")
    assert float(first["value"]) == pytest.approx(shown(page, "value.reverse_kl.0"), rel=SAME)


def test_starts_that_fail_are_counted_and_the_other_optima_shown(app, open_page):
    page = opened(open_page, app, "?parts=100_2_1_0_3.259_0.01")
    assert shown(page, "failed.forward_kl") == 24
    assert "24 of 24 of KL(T‖S)" in page.locator("[data-verdict='paper']").inner_text()
    assert page.locator(".way.forward_kl.failed").count() == 24
    assert page.locator(".way.reverse_kl.failed").count() == 0
    assert page.locator("[data-optimum^='forward_kl']").count() == 0
    assert shown(page, "best.forward_kl") > shown(page, "best.reverse_kl") > 0
    drawing = page.locator(".chart.main").bounding_box()
    for kind in ("mean", "sd"):
        box = grip(page, 0, kind).locator(".knobshape").bounding_box()
        assert drawing["x"] <= box["x"] + box["width"] / 2 <= drawing["x"] + drawing["width"]
    page.locator("[data-control='reset']").click()
    answered(page)
    assert "sits on one mode" in page.locator("[data-verdict='paper']").inner_text()
    assert page.locator("[data-field^='failed']").count() == 0


def test_where_the_papers_grid_gives_no_fit_the_wide_one_is_drawn_and_the_page_says_so(app, open_page):
    page = opened(open_page, app, NO_FIT)
    assert "Every start ran off" in page.locator("[data-verdict='paper']").inner_text()
    assert "global optimum" in page.locator("[data-verdict='wide']").inner_text()


def test_an_address_that_holds_nonsense_says_so_until_something_is_moved(app, open_page):
    page = opened(open_page, app, "?preset=near&grid=x&parts=1_2")
    told = page.get_by_text("so below are the usual ones: grid, parts.")
    assert told.is_visible()
    grip(page, 0, "mean").press("ArrowRight")
    told.wait_for(state="detached", timeout=PATIENCE_MS)
    answered(page)
