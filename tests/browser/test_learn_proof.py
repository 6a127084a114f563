"""Handles follow at once and paths become the command's; sliders, playing, address, keyboard."""

import csv
import json
import re
import shlex

import pytest

from tests.browser.shown_command import printed
from tests.browser_fixtures import saved, settled
from tests.tolerances import PUBLISHED_3_DIGITS, PUBLISHED_6_DIGITS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 90_000
SAME = 1e-10
"""Relative: the page keeps twelve significant digits."""


def opened(open_page, app, query="", **options):
    page = open_page(f"{app}/proof{query}", **options)
    page.locator(".simplex [data-field='forward_kl.tvd']").wait_for(timeout=PATIENCE_MS)
    page.locator(".st-key-proof-chart-hessian .js-plotly-plot").wait_for(timeout=PATIENCE_MS)
    settled(page)
    return page


def handle(page, side):
    return page.locator(f"[data-handle='{side}']")


def answered(page):
    """Wait until nothing is on its way: the paths are those of the handles, and the script has run."""
    page.locator(".simplex:not([data-waiting])").wait_for(timeout=PATIENCE_MS)
    assert page.locator(".simplex .stale").count() == 0
    settled(page)


def shown(page, field):
    return float(page.locator(f"[data-field='{field}']").get_attribute("data-value"))


def commands(page, place):
    page.get_by_text("Show the command").nth(place).click()
    code = page.get_by_test_id("stCode")
    code.wait_for()
    found = [shlex.split(line)[1:] for line in code.inner_text().strip().splitlines()]
    page.get_by_text("Show the command").nth(place).click()
    code.wait_for(state="detached")
    return found


def scrub_to(page, step):
    page.get_by_role("slider", name="Step").evaluate(
        "(node, step) => { node.value = step; node.dispatchEvent(new Event('input', { bubbles: true })); }", step
    )


def dragged(page, side, by):
    page.locator(".simplex svg.plane").scroll_into_view_if_needed()
    box = handle(page, side).locator(".dot").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for share in (0.25, 0.5, 1.0):
        page.mouse.move(x + share * by[0], y + share * by[1])
    page.mouse.up()
    answered(page)


def test_dragging_teacher_and_start_gives_the_paths_of_the_command(app, open_page):
    page = opened(open_page, app)
    before = shown(page, "akl.tvd")
    dragged(page, "teacher", (90, -40))
    dragged(page, "start", (-30, 60))
    assert shown(page, "akl.tvd") != before
    (words,) = commands(page, 1)
    runs = json.loads(printed(words))["runs"]
    assert [run["loss"] for run in runs] == ["forward_kl", "reverse_kl", "akl", "mixed_kl"]
    for step in (0, 5, 200):
        scrub_to(page, step)
        for run in runs:
            drawn = [shown(page, f"{run['loss']}.{token}") for token in range(3)]
            assert drawn == pytest.approx(run["path"][step], rel=SAME)


def test_a_drag_is_one_step_of_the_history(app, open_page):
    page = opened(open_page, app)
    before = page.evaluate("history.length")
    page.locator(".simplex svg.plane").scroll_into_view_if_needed()
    box = handle(page, "teacher").locator(".dot").bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(box["x"] + 8 + 6 * step, box["y"] + 8 - 4 * step)
        page.wait_for_timeout(250)
    page.mouse.up()
    answered(page)
    page.wait_for_url("**p=*", timeout=PATIENCE_MS)
    assert page.evaluate("history.length") - before == 1


@pytest.mark.parametrize("pause", [20, 60, 120, 200])
def test_a_choice_taken_back_at_once_leaves_its_address(app, open_page, pause):
    page = opened(open_page, app)
    for _ in range(2):
        page.get_by_role("radio", name="two modes").click()
        page.wait_for_timeout(pause)
        page.get_by_role("radio", name="long tail").click()
        settled(page)
    page.wait_for_function("() => !location.search.includes('target')", timeout=PATIENCE_MS)
    assert page.get_by_role("radio", name="long tail").is_checked()


def test_a_handle_follows_the_pointer_without_the_server(app, open_page):
    page = opened(open_page, app)
    page.evaluate("WebSocket.prototype.send = () => {}")
    before = handle(page, "teacher").get_attribute("transform")
    page.locator(".simplex svg.plane").scroll_into_view_if_needed()
    box = handle(page, "teacher").locator(".dot").bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] - 40)
    assert handle(page, "teacher").get_attribute("transform") != before
    assert page.locator(".simplex .stale").count() > 0
    page.mouse.up()


def test_arrow_keys_move_a_handle_and_the_address_keeps_it(app, open_page):
    page = opened(open_page, app)
    handle(page, "start").focus()
    label = handle(page, "start").get_attribute("aria-label")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("ArrowRight")
    assert handle(page, "start").get_attribute("aria-label") != label
    answered(page)
    page.wait_for_url("**q=*")
    again = opened(open_page, app, "?" + page.url.partition("?")[2], fresh=True)
    assert handle(again, "start").get_attribute("aria-label") == handle(page, "start").get_attribute("aria-label")
    assert shown(again, "reverse_kl.tvd") == shown(page, "reverse_kl.tvd")


def test_the_last_block_follows_the_teacher_it_shares_with_the_triangle(app, open_page):
    page = opened(open_page, app, "?target=three")
    told = page.get_by_text("as the logit error shrinks from 4 to 0.01")
    before = told.inner_text()
    dragged(page, "teacher", (60, -60))
    page.wait_for_function("text => !document.body.innerText.includes(text)", arg=before, timeout=PATIENCE_MS)
    settled(page)
    (words,) = commands(page, 3)
    document = json.loads(printed(words))
    far, near = (float(number) for number in re.search(r"goes from ([\d.]+) to ([\d.]+)", told.inner_text()).groups())
    assert far == pytest.approx(document["cosine"][0], abs=PUBLISHED_3_DIGITS["atol"])
    assert near == pytest.approx(document["cosine"][-1], abs=PUBLISHED_6_DIGITS["atol"])


def test_the_address_holds_the_arrows_and_the_step(app, open_page):
    page = opened(open_page, app)
    page.locator(".simplex [data-choice='akl']").click()
    page.wait_for_url("**arrows=akl*", timeout=PATIENCE_MS)
    step = page.get_by_role("slider", name="Step")
    step.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**step=6*", timeout=PATIENCE_MS)
    again = opened(open_page, app, "?arrows=akl&step=6", fresh=True)
    assert again.get_by_role("slider", name="Step").input_value() == "6"
    assert again.locator(".simplex [data-choice='akl']").get_attribute("aria-pressed") == "true"
    for field in ("akl.tvd", "forward_kl.tvd"):
        assert shown(again, field) == shown(page, field)


def test_outside_the_triangle_a_handle_stays_at_the_nearest_place(app, open_page):
    page = opened(open_page, app)
    box = page.locator(".simplex svg.plane").bounding_box()
    # Far below the side from t1 to t2, a quarter of the way along: no mass on t3, the rest as the place has it.
    at = handle(page, "teacher").locator(".dot").bounding_box()
    dragged(page, "teacher", (box["x"] + 0.29 * box["width"] - at["x"], box["y"] + box["height"] + 20 - at["y"]))
    first, second, third = map(float, re.findall(r"t\d (\d\.\d+)", handle(page, "teacher").get_attribute("aria-label")))
    assert (third, first + second) == pytest.approx((0.001, 0.999), abs=2e-3)
    assert first == pytest.approx(0.75, abs=0.04)


def test_after_another_page_the_first_move_counts(app, open_page):
    page = opened(open_page, app)
    links, places = page.get_by_test_id("stSidebar"), []
    for visit in range(2):
        if visit:
            links.get_by_role("link", name="Overview").click()
            page.locator(".strip .t").first.wait_for(timeout=PATIENCE_MS)
            links.get_by_role("link", name="Shared optimum").click()
            page.locator(".simplex [data-field='forward_kl.tvd']").wait_for(timeout=PATIENCE_MS)
            answered(page)
        handle(page, "teacher").focus()
        page.keyboard.press("ArrowRight")
        answered(page)
        places.append(handle(page, "teacher").get_attribute("aria-label"))
    assert places[0] != places[1]


def test_playing_moves_the_students_and_pausing_stops_them(app, open_page):
    page = opened(open_page, app, motion=True)
    start = shown(page, "forward_kl.tvd")
    page.get_by_role("button", name="Play").click()
    gap = page.locator("[data-field='forward_kl.tvd']")
    first = gap.get_attribute("data-value")
    page.locator(f"[data-field='forward_kl.tvd']:not([data-value='{first}'])").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Pause").click()
    assert shown(page, "forward_kl.tvd") < start
    kept = page.get_by_role("slider", name="Step").input_value()
    page.wait_for_timeout(300)
    assert page.get_by_role("slider", name="Step").input_value() == kept


def test_without_motion_the_steps_come_one_still_picture_after_the_other(app, open_page):
    page = opened(open_page, app)
    scrub_to(page, 3)
    page.get_by_role("button", name="Play").click()
    scrub = page.get_by_role("slider", name="Step")
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].some((node) => node.shadowRoot?.querySelector('.simplex')"
        " && Number(node.shadowRoot.querySelector('input[type=range]').value) > 3)"
    )
    page.get_by_role("button", name="Pause").click()
    assert int(scrub.input_value()) in {5, 10, 20, 50, 100}


def test_the_arrows_are_those_of_the_chosen_loss(app, open_page):
    page = opened(open_page, app)
    before = page.locator(".simplex .arrow").get_attribute("d")
    page.locator(".simplex [data-choice='reverse_kl']").click()
    assert page.locator(".simplex .arrow").get_attribute("d") != before


def test_the_depth_and_the_weight_change_the_sentences(app, open_page, tmp_path):
    page = opened(open_page, app)
    page.get_by_text("KL(T‖S) took 534 steps and KL(S‖T) more than 20,000 steps").wait_for()
    depth = page.get_by_role("slider", name="Depth G")
    depth.focus()
    for _ in range(7):
        page.keyboard.press("ArrowLeft")
    page.get_by_text("from depth 3,").wait_for(timeout=PATIENCE_MS)
    settled(page)
    for words in commands(page, 2):
        document = json.loads(printed(words))
        steps = {run["loss"]: run["steps"] for run in document["runs"]}
        counts = f"KL(T‖S) took {steps['forward_kl']:,} steps and KL(S‖T) {steps['reverse_kl']:,} steps"
        told = f"under {document['optimizer']}, {counts}"
        assert page.get_by_text(told).count() == 1
    weight = page.get_by_role("slider", name="w, weight of KL(T‖S)")
    weight.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text("for w = 0.55, φ rises at every point drawn").wait_for(timeout=PATIENCE_MS)
    page.wait_for_url("**w=0.55*")
    saved(page, page.get_by_role("button", name="CSV").first, tmp_path / "phi.csv")
    with (tmp_path / "phi.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    (words,) = commands(page, 0)
    document = json.loads(printed(words))
    assert [float(row["r"]) for row in rows] == pytest.approx(document["ratios"], rel=SAME)
    assert [float(row["phi"]) for row in rows] == pytest.approx(document["runs"][0]["phi"], rel=SAME, abs=SAME)


def test_a_hostile_address_opens_the_default_view(app, open_page):
    page = opened(open_page, app, "?w=nan&p=0_0_0&q=%3Cscript%3E&optimiser=x&depth=-1&target=..&seed=1e9")
    page.get_by_text("for w = 0.5,").wait_for()
    page.get_by_text("from depth 10,").wait_for()
    assert "t1 0.600" in handle(page, "teacher").get_attribute("aria-label")
    told = page.get_by_test_id("stAlert").inner_text()
    assert told.endswith("so below are the usual ones: w, p, q, optimiser, depth, target, seed.")
    for choice, query in (("adam, lr 0.1", "?optimiser=adam"), ("sgd, lr 1", "")):
        page.get_by_text(choice, exact=True).first.click()
        # At once, while the page still runs without its warning: the second click must not be lost.
        page.wait_for_function("query => location.search === query", arg=query, timeout=PATIENCE_MS)
    page.get_by_test_id("stAlert").wait_for(state="detached", timeout=PATIENCE_MS)
    # The view is again the one the address left, but nobody asks for it with that address any more.
    settled(page)
    assert page.get_by_test_id("stAlert").count() == 0
