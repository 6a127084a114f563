"""The free student's address holds the whole view, and the browser's Back brings the one before."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.discrete import (
    PATIENCE_MS,
    SMALL,
    choose_teacher,
    finished,
    opened,
    query_of,
    scrub_to,
    shown,
    step_of,
)
from tests.browser_fixtures import SLOW, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_address_holds_scales_and_hidden_losses_and_back_restores_them(app, open_page):
    page = opened(open_page, app)
    page.get_by_role("group", name="Losses drawn").get_by_role("button", name="akl", exact=True).click()
    page.wait_for_url("**hidden=akl*", timeout=PATIENCE_MS)
    page.get_by_role("group", name="Scale of the probabilities").get_by_role("button", name="log").click()
    page.wait_for_url("**scale=log*", timeout=PATIENCE_MS)
    scrub_to(page, 40)
    page.wait_for_url("**step=40*", timeout=PATIENCE_MS)
    assert query_of(page) == {"hidden": "akl", "scale": "log", "step": "40"}
    again = opened(open_page, app, "?" + urlsplit(page.url).query, fresh=True)
    shown_look(again, 40, "log", "false")
    page.go_back()
    page.locator(".discrete[data-step='5']").wait_for(timeout=PATIENCE_MS)
    shown_look(page, 5, "log", "false")
    page.go_back()
    page.locator("[aria-label='Scale of the probabilities'] [aria-pressed=true]", has_text="linear").wait_for()
    shown_look(page, 5, "linear", "false")


def shown_look(page, step, scale, drawn):
    assert step_of(page) == step
    pressed = page.locator("[aria-label='Scale of the probabilities'] [aria-pressed=true]")
    assert pressed.inner_text() == scale
    legend = page.get_by_role("group", name="Losses drawn")
    assert legend.get_by_role("button", name="akl", exact=True).get_attribute("aria-pressed") == drawn


def test_back_brings_the_choices_of_the_address_before(app, open_page):
    page = opened(open_page, app, SMALL)
    first = shown(page, "forward_kl", 0)
    rate = page.get_by_role("spinbutton", name="Learning rate")
    rate.fill("0.25")
    rate.press("Enter")
    page.wait_for_url("**lr=0.25*", timeout=PATIENCE_MS)
    finished(page)
    assert shown(page, "forward_kl", 0) != first
    page.go_back()
    # The browser has the address at once; the page follows when the server has answered.
    expect(rate).to_have_value("0.5", timeout=PATIENCE_MS)
    finished(page)
    assert (rate.input_value(), shown(page, "forward_kl", 0)) == ("0.5", first)


def test_a_preset_is_one_step_of_the_history_and_its_numbers_stay(app, open_page):
    page = opened(open_page, app)
    before = page.evaluate("history.length")
    choose_teacher(page, "Zipf, a warmed-up student")
    # At once: what the preset brings must not be lost to a click that comes before the address has changed.
    page.get_by_text("Start, steps, seeds, head and tail").click()
    page.get_by_text("step 5 of 100").wait_for(timeout=PATIENCE_MS)
    finished(page)
    assert page.get_by_role("spinbutton", name="Learning rate").input_value() == "1"
    assert query_of(page) == {"preset": "zipf"}
    assert page.evaluate("history.length") - before == 1
    # With a thousand tokens the axes are logarithmic by themselves.
    assert page.locator("[aria-label='Scale of the probabilities'] [aria-pressed=true]").inner_text() == "log"


@pytest.mark.parametrize("typed", ["akl", "tvd"])
def test_what_is_typed_into_the_losses_is_the_one_that_is_added(app, open_page, typed):
    page = opened(open_page, app, SMALL)
    box = page.get_by_role("combobox", name="Losses side by side")
    box.click()
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{typed}*", timeout=PATIENCE_MS)
    finished(page)
    assert query_of(page)["losses"].split(";") == ["forward_kl", "reverse_kl", typed]


def test_the_pointer_shows_values_on_the_picture_and_on_the_curves(app, open_page):
    page = opened(open_page, app)
    stage, curve = page.locator(".stage"), page.locator("svg.gap").first
    for node in (stage, curve):
        box = node.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
        tip = page.locator(".tip:not([hidden])")
        tip.wait_for()
        assert tip.locator("span > span:first-of-type").first.is_visible()
        assert "forward_kl" in tip.inner_text()
        page.mouse.move(5, 5)
        page.locator(".tip:not([hidden])").wait_for(state="detached")
    assert step_of(page) == 5


def test_too_long_a_target_is_a_sentence(app, open_page):
    page = opened(open_page, app, SMALL)
    area = page.get_by_role("textbox", name="Your teacher")
    area.fill("0.123456789 " * 400)
    area.press("Control+Enter")
    page.get_by_text("Your teacher has 4,800 characters, and an address at most 4,000").wait_for(timeout=PATIENCE_MS)
    assert page.get_by_text("Still shown:").is_visible()


def test_the_value_before_a_preset_may_be_chosen_again_at_once(app, open_page):
    page = opened(open_page, app)
    choose_teacher(page, "Zipf, a warmed-up student")
    page.get_by_text("step 5 of 100").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("combobox", name="Optimiser").click()
    page.get_by_role("option", name="adam", exact=True).click()
    page.wait_for_url("**optimiser=adam*", timeout=PATIENCE_MS)
    finished(page)
    assert query_of(page) == {"preset": "zipf", "optimiser": "adam", "lr": "0.2"}
    assert page.get_by_role("spinbutton", name="Learning rate").input_value() == "0.2"


def test_playing_from_an_address_goes_on_when_something_else_is_clicked(app, open_page):
    page = opened(open_page, app, "?step=30")
    page.get_by_role("button", name="Play").click()
    page.locator("button", has_text="Pause").wait_for()
    page.locator(".discrete:not([data-step='30'])").wait_for(timeout=PATIENCE_MS)
    before = step_of(page)
    assert before > 30
    page.get_by_text("Show the command").click()
    page.get_by_test_id("stCode").wait_for(timeout=PATIENCE_MS)
    settled(page)
    page.locator(f".discrete:not([data-step='{before}'])").wait_for(timeout=PATIENCE_MS)
    assert step_of(page) > before
    assert page.get_by_role("button", name="Pause").is_visible()


@pytest.mark.parametrize("slower", [1, SLOW])
def test_back_is_followed_from_a_choice_that_is_refused(app, open_page, slower):
    page = opened(open_page, app, SMALL, slower=slower)
    rate = page.get_by_role("spinbutton", name="Learning rate")
    rate.fill("0.25")
    rate.press("Enter")
    page.wait_for_url("**lr=0.25*", timeout=PATIENCE_MS)
    rate.fill("-1")
    rate.press("Enter")
    page.get_by_text("The learning rate must be").wait_for(timeout=PATIENCE_MS)
    page.go_back()
    page.wait_for_url("**lr=0.5*", timeout=PATIENCE_MS)
    page.get_by_text("The learning rate must be").wait_for(state="detached", timeout=PATIENCE_MS)
    finished(page)
    assert (rate.input_value(), query_of(page)["lr"]) == ("0.5", "0.5")


@pytest.mark.parametrize("slower", [1, SLOW])
def test_back_and_forward_are_followed_as_soon_as_the_address_has_changed(app, open_page, slower):
    page = opened(open_page, app, SMALL, slower=slower)
    rate = page.get_by_role("spinbutton", name="Learning rate")
    for typed in ("0.25", "0.125"):
        rate.fill(typed)
        rate.press("Enter")
        page.wait_for_url(f"**lr={typed}*", timeout=PATIENCE_MS)
    for go, told in (
        (page.go_back, "0.25"),
        (page.go_back, "0.5"),
        (page.go_forward, "0.25"),
        (page.go_forward, "0.125"),
    ):
        go()
        page.wait_for_function(
            "([box, value]) => box.value === value", arg=[rate.element_handle(), told], timeout=PATIENCE_MS
        )
        finished(page)
        assert query_of(page)["lr"] == told


def test_the_pages_own_link_keeps_what_it_shows_and_says_so(app, open_page):
    page = opened(open_page, app, SMALL)
    rate = page.get_by_role("spinbutton", name="Learning rate")
    rate.fill("0.25")
    rate.press("Enter")
    page.wait_for_url("**lr=0.25*", timeout=PATIENCE_MS)
    finished(page)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Free student").click()
    finished(page)
    assert (rate.input_value(), query_of(page)["lr"]) == ("0.25", "0.25")
