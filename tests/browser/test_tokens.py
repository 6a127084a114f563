"""The token inspector as a person uses it; its numbers are the command's."""

import csv
import json

import pytest

from akl_viz.analysis.export import cell_text
from akl_viz.ui.permalink import pack_text
from tests.browser.shown_command import printed, shown_command
from tests.browser_fixtures import saved, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 90_000
"""The first comparison of a server imports torch; the machine may be busy."""
CARD_FIELDS = ("forward_kl", "reverse_kl", "jsd", "tvd", "akl", "head_gap", "tail_gap", "weight_forward", "head_size")
HOSTILE = "A caf\u00e9 \U0001f600 \u4f60\u597d\tand <img src=x onerror=alert(1)>\nthe end of it."


def opened(open_page, app, query="", **options):
    page = open_page(f"{app}/tokens{query}", **options)
    page.wait_for_selector(".strip .t", timeout=PATIENCE_MS)
    settled(page)
    return page


def token(page, index):
    return page.locator(f".strip .t[data-i='{index}']")


def sidebar(page):
    return page.get_by_test_id("stSidebar")


def card(page, index):
    return page.locator(f".card[data-index='{index}'][data-pinned=true]")


def shown(scope, field):
    return float(scope.locator(f"[data-field='{field}']").first.get_attribute("data-value"))


def box(page):
    page.get_by_text("Text, head rule, temperature, device").click()
    area = page.get_by_role("textbox", name="Text to score")
    area.wait_for()
    return area


def type_text(page, text):
    area = box(page)
    area.fill(text)
    area.press("Control+Enter")


def test_the_cards_numbers_are_the_commands(app, open_page):
    page = opened(open_page, app, "?mu=0.9&boundary=reach&temperature=2.0&student=bundled:reverse_kl-80")
    words = shown_command(page)
    trace = json.loads(printed(words))
    assert (trace["mu"], trace["boundary"], trace["temperature"]) == (0.9, "reach", 2.0)
    assert trace["student"]["reference"] == "bundled:reverse_kl-80"
    for index in (5, 40):
        token(page, index).click()
        card(page, index).wait_for()
        for field in CARD_FIELDS:
            assert shown(card(page, index), field) == pytest.approx(trace["tokens"][index][field], rel=1e-5, abs=1e-7)


def test_pointing_at_tokens_sends_nothing_and_runs_nothing(app, open_page):
    page = open_page(f"{app}/tokens")
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.reload()
    page.wait_for_selector(".strip .t", timeout=PATIENCE_MS)
    settled(page)
    page.wait_for_timeout(500)
    before = len(sent)
    assert before > 0
    for index in range(2, 12):
        token(page, index).hover()
        page.wait_for_timeout(40)
    assert page.locator(".readout [data-field='forward_kl']").count() == 1
    page.wait_for_timeout(500)
    assert len(sent) == before


def test_the_keyboard_moves_pins_and_clears(app, open_page):
    page = opened(open_page, app)
    token(page, 3).click()
    card(page, 3).wait_for()
    page.mouse.move(2, 2)
    settled(page)
    token(page, 3).focus()
    page.keyboard.press("ArrowRight")
    page.locator(".strip .t[data-i='4'][tabindex='0']").wait_for()
    page.keyboard.press("Enter")
    card(page, 4).wait_for()
    page.keyboard.press("Escape")
    page.locator(".card[data-pinned=true]").wait_for(state="detached")
    page.wait_for_url("**pins=none")


def test_a_text_that_looks_like_html_stays_text(app, open_page):
    page = opened(open_page, app)
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    type_text(page, HOSTILE)
    page.wait_for_url("**text=*", timeout=PATIENCE_MS)
    page.locator(".strip", has_text="onerror").wait_for(timeout=PATIENCE_MS)
    settled(page)
    assert page.locator(".strip img").count() == 0
    assert dialogs == []


def test_the_address_opens_the_same_view_for_somebody_else(app, open_page):
    page = opened(open_page, app, "?student=bundled:forward_kl-400")
    type_text(page, "Emma was not at all sorry to be pressed, and the letter was read aloud.")
    page.wait_for_url("**text=*", timeout=PATIENCE_MS)
    page.locator(".strip", has_text="sorry").wait_for(timeout=PATIENCE_MS)
    settled(page)
    page.get_by_label("Colour by").select_option("akl")
    token(page, 6).click()
    card(page, 6).wait_for()
    page.wait_for_url("**metric=akl*")
    page.wait_for_url("**pins=*6*")
    settled(page)
    fresh = open_page(page.url, fresh=True)
    fresh.locator(".strip", has_text="sorry").wait_for(timeout=PATIENCE_MS)
    settled(fresh)
    assert fresh.get_by_label("Colour by").input_value() == "akl"
    card(fresh, 6).wait_for()
    assert shown(card(fresh, 6), "akl") == shown(card(page, 6), "akl")
    assert fresh.locator("input[aria-label*='Student']").first.input_value() == "bundled:forward_kl-400"


def pinned(page):
    return [int(card.get_attribute("data-index")) for card in page.locator(".card[data-pinned=true]").all()]


def test_pins_belong_to_the_text_they_were_set_on(app, open_page):
    page = opened(open_page, app)
    first = pinned(page)
    for index in (5, 6):
        token(page, index).click()
        card(page, index).wait_for()
    page.get_by_label("Colour by").select_option("akl")
    page.wait_for_url("**pins=*5.6*")
    type_text(page, "Emma was not at all sorry to be pressed, and the letter was read aloud.")
    page.locator(".strip", has_text="sorry").wait_for(timeout=PATIENCE_MS)
    settled(page)
    assert len(pinned(page)) == 1
    page.wait_for_url(lambda address: "pins=" not in address)
    assert page.get_by_label("Colour by").input_value() == "akl"
    token(page, 7).click()
    page.wait_for_url("**pins=*.7*")
    fresh = open_page(page.url, fresh=True)
    fresh.locator(".strip", has_text="sorry").wait_for(timeout=PATIENCE_MS)
    settled(fresh)
    assert sorted(pinned(fresh)) == sorted(pinned(page))
    assert len(first) == 1


def test_a_spoiled_address_opens_the_default_view(app, open_page):
    page = opened(
        open_page, app, "?mu=7&boundary=x&metric=__class__&pins=-4.zz.99999&fit=2&passage=nope&dtype=int8&text=!!"
    )
    assert page.get_by_label("Colour by").input_value() == "probability_difference"
    assert page.get_by_test_id("stAlert").count() == 0


MISTAKEN = (
    ("bundled:no-such-model", "no-such-model"),
    ("/etc", "outside the folders this app may read"),
    ("../../etc", "outside the folders this app may read"),
    ("nobody/no-such-model", "nobody/no-such-model"),
    ("/" + "a/" * 3000, "longer than 4096 characters"),
    ("~nobody-of-this-name", "cannot be resolved"),
    ("<img src=x onerror=alert(1)>", "onerror"),
    ("bundled:x ![p](https://example.invalid/p.png) :red[y]", "![p](https://example.invalid/p.png) :red[y]"),
)
"""What a person may type as a model, and what the sentence that answers it holds."""


def test_a_model_that_cannot_be_loaded_gives_one_sentence_and_loses_nothing(app, open_page):
    page = opened(open_page, app)
    field = page.get_by_role("combobox", name="Student")
    for reference, says in MISTAKEN:
        field.click()
        field.fill(reference)
        field.press("Enter")
        page.get_by_test_id("stAlert").filter(has_text=says).wait_for(timeout=PATIENCE_MS)
        settled(page)
        (alert,) = page.get_by_test_id("stAlert").all()
        assert "Traceback" not in alert.inner_text()
        assert page.locator(".strip .t").count() > 50


@pytest.mark.parametrize("text", ["", "&text=AAAA", "&text=eJw"])
def test_a_link_without_its_text_says_so_and_shows_another(app, open_page, text):
    page = opened(open_page, app, f"?passage=own{text}")
    assert "does not hold the text" in page.get_by_test_id("stAlert").inner_text()
    assert page.locator(".strip .t").count() > 50


def test_an_empty_text_is_refused_and_the_last_view_stays(app, open_page):
    page = opened(open_page, app)
    type_text(page, "")
    page.get_by_test_id("stAlert").first.wait_for(timeout=PATIENCE_MS)
    assert "empty" in page.get_by_test_id("stAlert").first.inner_text()
    assert page.locator(".strip .t").count() > 50


def test_another_dtype_loads_another_model(app, open_page):
    page = opened(open_page, app, "?dtype=float64")
    page.get_by_text("float64 on cpu").first.wait_for(timeout=PATIENCE_MS)


def test_a_text_beyond_the_context_is_cut_and_the_page_says_where(app, open_page):
    long = "It was a very fine day, and nobody wished to stay at home. " * 60
    page = open_page(f"{app}/tokens?passage=own&text={pack_text(long)}")
    page.get_by_text("The text was cut after token 512").wait_for(timeout=PATIENCE_MS)
    page.wait_for_selector(".strip .t", timeout=PATIENCE_MS)


def test_the_csv_holds_what_the_command_prints(app, open_page, tmp_path):
    page = opened(open_page, app)
    trace = json.loads(printed(shown_command(page)))
    target = tmp_path / "tokens.csv"
    saved(page, page.get_by_role("button", name="CSV"), target)
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert "".join(cell_text(row["text"]) for row in rows) == "".join(row["text"] for row in trace["tokens"])
    assert [float(row["akl"]) for row in rows[1:]] == pytest.approx(
        [row["akl"] for row in trace["tokens"][1:]], rel=1e-5
    )
    assert rows[0]["akl"] == ""


def test_the_html_export_opens_by_itself(app, open_page, tmp_path):
    page = opened(open_page, app)
    target = tmp_path / "tokens.html"
    saved(page, page.get_by_role("button", name="HTML page"), target)
    alone = open_page(target.as_uri(), fresh=True)
    alone.wait_for_selector(".strip .t")
    assert alone.locator(".strip .t").count() == page.locator(".strip .t").count()


def test_leaving_and_coming_back_keeps_the_view(app, open_page):
    page = opened(open_page, app, "?student=bundled:start")
    token(page, 9).click()
    card(page, 9).wait_for()
    page.wait_for_url("**pins=*9*")
    sidebar(page).get_by_role("link", name="Overview").click()
    page.get_by_role("heading", level=1, name="Overview").wait_for()
    sidebar(page).get_by_role("link", name="Token inspector").click()
    card(page, 9).wait_for(timeout=PATIENCE_MS)
    assert page.locator("input[aria-label*='Student']").first.input_value() == "bundled:start"
