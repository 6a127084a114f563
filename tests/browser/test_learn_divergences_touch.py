"""Bars under a finger: a swipe along one drags it, a swipe across scrolls the page and changes nothing."""

import pytest

from tests.browser.small_vocabulary import answered, opened, shown, slider

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHONE = (360, 740)
MOVES = 8


def swipe(page, node, by=(0, 0), at=0.5):
    """A finger that goes down on a bar, at a share of its width, moves and leaves; without a way it taps."""
    box = node.bounding_box()
    x, y = box["x"] + at * box["width"], box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)

    def touch(kind, *points):
        fingers = [{"x": px, "y": py} for px, py in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    touch("touchStart", (x, y))
    for step in range(1, MOVES + 1 if any(by) else 1):
        touch("touchMove", (x + by[0] * step / MOVES, y + by[1] * step / MOVES))
        page.wait_for_timeout(30)
    touch("touchEnd")


def on_phone(open_page, app):
    page = opened(open_page, app, size=PHONE)
    page.context.new_cdp_session(page).send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    slider(page, "student", 4).scroll_into_view_if_needed()
    return page


def test_scrolling_over_the_bars_changes_nothing(app, open_page):
    page = on_phone(open_page, app)
    before = [shown(page, f"student.{token}") for token in range(10)]
    top = slider(page, "student", 4).bounding_box()["y"]
    swipe(page, slider(page, "student", 4), (3, -240))
    page.wait_for_function(
        "([node, top]) => Math.abs(node.getBoundingClientRect().y - top) > 50",
        arg=[slider(page, "student", 4).element_handle(), top],
    )
    answered(page)
    assert [shown(page, f"student.{token}") for token in range(10)] == before
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_a_finger_along_a_bar_drags_it_and_a_tap_sets_it(app, open_page):
    page = on_phone(open_page, app)
    before = shown(page, "student.4")
    swipe(page, slider(page, "student", 4), (40, 1))
    answered(page)
    dragged = shown(page, "student.4")
    assert dragged > before
    swipe(page, slider(page, "student", 4), at=0.2)
    answered(page)
    assert shown(page, "student.4") < dragged
    page.get_by_role("button", name="Undo").click()
    answered(page)
    assert shown(page, "student.4") == pytest.approx(dragged, rel=1e-12)
