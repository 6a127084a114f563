"""The free student animated: it plays, pauses and scrubs, by pointer, by keyboard and with reduced motion."""

import statistics

import pytest

from benchmarks.learn_pages import FRAME_BY_FRAME
from tests.browser.discrete import PATIENCE_MS, is_drawn, opened, picture, root, scrub_to, shown, step_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FRAMES = 90


def test_scrubbing_moves_picture_numbers_and_cursors_without_the_server(app, open_page):
    page = opened(open_page, app)
    page.evaluate("WebSocket.prototype.send = () => {}")
    assert is_drawn(page)
    before = picture(page), shown(page, "head_gap", 1), page.locator(".cursor").first.get_attribute("x1")
    slider = page.get_by_role("slider", name="Step")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert step_of(page) == 6
    assert slider.get_attribute("aria-valuetext") == "step 6 of 800"
    page.keyboard.press("End")
    after = picture(page), shown(page, "head_gap", 1), page.locator(".cursor").first.get_attribute("x1")
    assert step_of(page) == 800
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert after[1] < 1e-3
    assert "Step 800" in page.locator("[aria-live=polite].unseen").inner_text()


def test_it_plays_and_pauses_and_the_frame_interval_is_measured(app, open_page, record_property):
    page = opened(open_page, app, motion=True)
    page.get_by_role("button", name="Play").click()
    intervals, steps = root(page).evaluate(FRAME_BY_FRAME, FRAMES)
    assert steps == sorted(steps)
    assert len(set(steps)) > 5
    # Frames follow the clock, on a slow machine too: 60 steps a second, give or take a frame at either end.
    due = min(800 - steps[0], 60 * sum(intervals) / 1000)
    assert steps[-1] - steps[0] == pytest.approx(due, abs=2 + 60 * max(intervals) / 1000)
    page.get_by_role("button", name="Pause").click()
    stopped, still = step_of(page), picture(page)
    page.wait_for_timeout(300)
    assert (step_of(page), picture(page)) == (stopped, still)
    assert stopped > 5
    words = f"median {statistics.median(intervals):.1f} ms, worst {max(intervals):.1f} ms, n {len(intervals)}"
    words += f"; {len(set(steps))} different steps drawn"
    record_property("frame_interval", words)
    print(f"\nframe interval: {words}")  # noqa: T201


def test_it_plays_to_the_end_and_starts_again(app, open_page):
    page = opened(open_page, app, motion=True)
    page.get_by_label("Steps per second").select_option("240")
    scrub_to(page, 700)
    page.get_by_role("button", name="Play").click()
    page.locator(".discrete[data-step='800']").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("node => Number(node.dataset.step) < 700", arg=root(page).element_handle())
    page.get_by_role("button", name="Pause").click()


def test_with_reduced_motion_it_steps_from_picture_to_picture(app, open_page):
    page = opened(open_page, app)
    page.get_by_role("button", name="Play").click()
    seen = [step_of(page)]
    while len(seen) < 4:
        page.wait_for_function(
            "([node, step]) => Number(node.dataset.step) !== step",
            arg=[root(page).element_handle(), seen[-1]],
            timeout=PATIENCE_MS,
        )
        seen.append(step_of(page))
    page.get_by_role("button", name="Pause").click()
    assert seen == [5, 10, 20, 50]


def test_a_click_into_a_curve_moves_the_frame(app, open_page):
    page = opened(open_page, app)
    for place in (0, 1):
        box = page.locator("svg.gap").nth(place).bounding_box()
        page.mouse.click(box["x"] + box["width"] - 13, box["y"] + 60)
        assert step_of(page) > 700
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 45, box["y"] + 60, steps=4)
        page.mouse.up()
        assert step_of(page) == 0
    assert "share left at step 0: forward_kl 1" in page.locator("svg.gap").first.get_attribute("aria-label")


def test_a_loss_can_be_hidden_and_scales_changed(app, open_page):
    page = opened(open_page, app)
    before = picture(page)
    page.locator(".discrete").get_by_role("button", name="akl:direction=reversed").click()
    assert picture(page) != before
    assert page.locator("path.curve").count() == 2 * 3
    linear = picture(page)
    page.get_by_role("group", name="Scale of the probabilities").get_by_role("button", name="log").click()
    assert picture(page) != linear
    page.get_by_role("group", name="Scale of the gaps").get_by_role("button", name="log").click()
    assert page.locator("svg.gap").first.get_by_text("0.01", exact=True).is_visible()
