"""The inspector in a real browser: what it shows equals the trace, and what it does stays in the browser."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from akl_viz.metrics import METRICS
from akl_viz.ui.inspector import standalone_html
from akl_viz.ui.view import View
from tests.browser_fixtures import settled
from tests.ui.driving import away, opened, opened_alone, runs, state, token, value
from tests.ui.fabricated import EMOJI, IMAGE, INFINITE_AT, PASSAGE, fabricated, long_text

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TERM_SUM_ABS = 1e-4
"""Rows are float32 (relative 6e-8 each), the total is float64; the feature list asks for 1e-4."""
CARD_FIELDS = ("forward_kl", "reverse_kl", "jsd", "tvd", "akl", "head_gap", "tail_gap", "weight_forward", "head_size")


@pytest.fixture(scope="module")
def trace():
    return fabricated()


@pytest.fixture(scope="module")
def alone(trace, tmp_path_factory):
    """The trace as a page of its own: what the inspector does without a server needs none to be tested."""
    path = tmp_path_factory.mktemp("alone") / "trace.html"
    path.write_text(standalone_html(trace, title="harness"), encoding="utf-8")
    return path


def test_a_click_pins_a_card_whose_numbers_are_those_of_the_trace(open_page, alone, trace):
    page = opened_alone(open_page, alone)
    token(page, 24).click()
    away(page)
    card = page.locator(".slot .card[data-index='24'][data-pinned='true']")
    card.wait_for()
    for name in CARD_FIELDS:
        assert value(card, name) == trace.columns[name][24]
    for model in ("teacher", "student"):
        assert value(card, f"{model}_probability") == np.exp(trace.columns[f"{model}_logprob"][24])
        assert value(card, f"{model}_rank") == trace.columns[f"{model}_rank"][24]


def test_contributions_on_a_card_sum_to_the_divergence_shown(open_page, alone, trace):
    page = opened_alone(open_page, alone)
    page.locator(".slot [data-choice='terms']").click()
    card = page.locator(".slot .card")
    at = int(card.get_attribute("data-index"))
    for way in ("forward", "reverse"):
        rows = card.locator(f"[data-field^='term.'][data-field$='.{way}']")
        shown = [float(cell.get_attribute("data-value")) for cell in rows.all()]
        assert sum(shown) == pytest.approx(trace.columns[f"{way}_kl"][at], abs=TERM_SUM_ABS)
        assert value(card, f"sum.{way}_kl") == trace.columns[f"{way}_kl"][at]


def test_the_rest_bar_is_what_the_rows_leave_over(open_page, alone):
    page = opened_alone(open_page, alone)
    card = page.locator(".slot .card")
    for model in ("teacher", "student"):
        shown = [
            float(cell.get_attribute("data-value"))
            for cell in card.locator(f"[data-field^='row.'][data-field$='.{model}']").all()
        ]
        assert value(card, f"rest.{model}") == pytest.approx(1 - sum(shown), abs=TERM_SUM_ABS)


def test_hovering_updates_the_readout_and_runs_no_script(open_page, harness, trace):
    page = opened(open_page, harness)
    before = runs(page)
    for i in (10, 30, 52):
        token(page, i).hover()
        assert value(page.locator(".readout"), "forward_kl") == trace.columns["forward_kl"][i]
        assert page.locator(".slot .card.preview").get_attribute("data-index") == str(i)
    page.wait_for_timeout(600)
    assert runs(page) == before


def test_keys_move_pin_and_clear(open_page, harness):
    page = opened(open_page, harness)
    token(page, 0).focus()
    active = "() => Number(document.activeElement.shadowRoot.activeElement.dataset.i)"
    for key, expected in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("Home", 0), ("End", 121)):
        page.keyboard.press(key)
        assert page.evaluate(active) == expected
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    below = page.evaluate(active)
    box, top = token(page, below).bounding_box(), token(page, 0).bounding_box()
    assert box["y"] > top["y"]
    page.keyboard.press("ArrowUp")
    assert token(page, page.evaluate(active)).bounding_box()["y"] == top["y"]
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert token(page, 121).get_attribute("aria-selected") == "true"
    page.keyboard.press("Escape")
    assert page.locator(".strip [aria-selected='true']").count() == 0
    state(page, "pins=[]")


def test_focus_is_visible(open_page, alone):
    page = opened_alone(open_page, alone)
    token(page, 0).focus()
    page.keyboard.press("ArrowRight")
    outline = token(page, 1).evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline == "solid"


def test_copying_the_strip_gives_the_text_back(open_page, harness):
    page = opened(open_page, harness, fresh=True)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """() => {
          const hosts = [...document.querySelectorAll('*')].filter(node => node.shadowRoot);
          const strip = hosts.map(node => node.shadowRoot.querySelector('.strip')).find(Boolean);
          getSelection().setBaseAndExtent(strip, 0, strip, strip.childNodes.length);
        }"""
    )
    page.keyboard.press("Control+c")
    page.wait_for_function("(text) => navigator.clipboard.readText().then((now) => now === text)", arg=PASSAGE)


def test_text_that_looks_like_html_stays_text(open_page, alone, trace):
    page = opened_alone(open_page, alone)
    at = next(i for i, piece in enumerate(trace.pieces) if IMAGE in piece)
    token(page, at).click()
    assert IMAGE in token(page, at).text_content()
    assert page.locator("img[src='x']").count() == 0
    assert page.title() == "harness"


def test_a_split_character_shows_its_bytes_once(open_page, alone):
    page = opened_alone(open_page, alone)
    shown = [item.text_content() for item in page.locator(".strip .t", has_text="⟨").all()]
    assert shown == [f"{EMOJI}⟨F0⟩", "⟨9F⟩", "⟨99⟩", "⟨82⟩"]


def test_an_unscored_token_is_hatched_and_cannot_be_pinned(open_page, alone):
    page = opened_alone(open_page, alone)
    first = token(page, 0)
    assert "un" in first.get_attribute("class").split()
    assert "not scored" in first.get_attribute("aria-label")
    first.click()
    assert first.get_attribute("aria-selected") == "false"


def test_an_infinite_divergence_is_shown_as_infinite(open_page, alone):
    page = opened_alone(open_page, alone)
    token(page, INFINITE_AT).click()
    cell = page.locator(f".slot .card[data-index='{INFINITE_AT}'] .facts [data-field='forward_kl']")
    assert (cell.inner_text(), cell.get_attribute("data-value")) == ("∞", "inf")


def test_a_metric_switch_recolours_2048_tokens_by_the_next_frame_and_builds_none_anew(open_page, harness):
    page = opened(open_page, f"{harness}/?trace=long2048")
    assert page.locator(".strip .t").count() == 2048
    for key in ("akl", "rank_difference", "probability_difference"):
        kept, changed = page.locator("[data-control='metric']").evaluate(
            """async (select, key) => {
              const tokens = () => [...select.getRootNode().querySelectorAll('.strip .t')];
              const before = tokens(), classes = before.map(token => token.className);
              select.value = key;
              select.dispatchEvent(new Event('change'));
              await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
              const after = tokens();
              return [after.every((token, i) => token === before[i]),
                      after.filter((token, i) => token.className !== classes[i]).length];
            }""",
            key,
        )
        assert kept
        assert changed > 1000
        state(page, f"metric={key}")
        settled(page)


def test_a_click_shows_its_card_by_the_next_frame_before_the_server_could_answer(open_page, alone):
    page = opened_alone(open_page, alone)
    for i in (10, 30, 50):
        shown = token(page, i).evaluate(
            """async (node, i) => {
              node.click();
              await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
              return node.getRootNode().querySelectorAll(`.card[data-index="${i}"]`).length;
            }""",
            i,
        )
        assert shown == 1


def test_what_a_person_chose_reaches_python_and_survives_reruns(open_page, harness):
    page = opened(open_page, harness)
    token(page, 10).click()
    token(page, 20).click()
    page.locator("[data-control='metric']").select_option("tvd")
    page.locator("[data-switch='fit']").check()
    state(page, "pins=[39, 10, 20] metric=tvd fit=True")
    settled(page)
    away(page)
    assert token(page, 20).get_attribute("aria-selected") == "true"
    assert page.locator("[data-control='metric']").input_value() == "tvd"
    page.locator(".also [data-control='unpin']").first.click()
    state(page, "pins=[39, 20] metric=tvd fit=True")


def test_a_new_trace_opens_with_its_own_pins(open_page, harness):
    page = opened(open_page, harness)
    token(page, 10).click()
    state(page, "pins=[39, 10]")
    page.get_by_role("button", name="other trace").click()
    expected = pins_of_the_other_trace()
    state(page, f"pins={expected}")
    away(page)
    page.locator(f".slot .card[data-index='{expected[-1]}']").wait_for()
    assert token(page, 10).get_attribute("aria-selected") == "false"
    token(page, 12).click()
    state(page, f"pins={[*expected, 12]}")


def pins_of_the_other_trace():
    other = fabricated(mu=0.9)
    return [int(np.where(np.isfinite(other.columns["akl"]), other.columns["akl"], -np.inf).argmax())]


def test_the_chart_and_the_strip_point_at_the_same_token(open_page, alone, trace):
    page = opened_alone(open_page, alone)
    chart = page.locator(".gaps")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    hot = page.locator(".strip .t[data-hot]")
    at = int(hot.get_attribute("data-i"))
    assert 0.4 * len(trace) < at < 0.8 * len(trace)
    assert page.locator(".gaps .cursor").get_attribute("data-index") == str(at)
    page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + 60)
    assert page.locator(f".gaps [data-pin='{at}']").count() == 1
    assert token(page, at).get_attribute("aria-selected") == "true"


def test_the_chart_saves_as_a_picture_that_needs_no_style_sheet(open_page, alone, tmp_path):
    page = opened_alone(open_page, alone)
    with page.expect_download() as download:
        page.locator("[data-control='save-svg']").click()
    path = tmp_path / "gaps.svg"
    download.value.save_as(path)
    root = ET.parse(path).getroot()
    paths = [node for node in root.iter("{http://www.w3.org/2000/svg}path") if "head" in (node.get("class") or "")]
    assert paths
    assert paths[0].get("fill").startswith("rgb")
    assert any("sum of |p − q|" in (node.text or "") for node in root.iter())


def test_a_standalone_file_opens_without_any_request(open_page, trace, tmp_path):
    path = tmp_path / "trace.html"
    path.write_text(standalone_html(trace, View("akl", (12, 24)), title="A <b>title</b>"), encoding="utf-8")
    page = open_page(path.as_uri(), fresh=True)
    page.wait_for_selector(".strip .t")
    assert page.watch.requests == [path.as_uri()]
    assert page.locator("h1").inner_text() == "A <b>title</b>"
    assert value(page.locator(".slot .card[data-index='24']"), "akl") == trace.columns["akl"][24]
    token(page, 30).click()
    assert page.locator(".card[data-pinned='true']").count() == 3


def test_a_text_of_several_pages_turns(open_page, tmp_path):
    long = fabricated(long_text(2100), infinite=False)
    path = tmp_path / "long.html"
    path.write_text(standalone_html(long, View(pins=(2090,))), encoding="utf-8")
    page = open_page(path.as_uri(), fresh=True)
    page.wait_for_selector(".strip .t")
    assert page.locator(".strip .t").count() == 52
    assert token(page, 2090).get_attribute("aria-selected") == "true"
    page.get_by_role("button", name="previous").click()
    away(page)
    assert page.locator(".strip .t").count() == 2048
    assert value(page.locator(".slot .card"), "akl") == long.columns["akl"][2090]


def test_every_metric_of_the_table_can_be_chosen(open_page, alone, trace):
    page = opened_alone(open_page, alone)
    keys = page.locator("[data-control='metric'] option").evaluate_all("options => options.map(o => o.value)")
    assert keys == list(METRICS)
    assert page.get_by_role("combobox", name="Colour by").count() == 1
