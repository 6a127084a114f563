"""The free student animated: it plays, pauses and scrubs; its numbers are the command's; its address restores it."""

import csv
import json
import shlex
import statistics
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser_fixtures import settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 90_000
FIELDS = ("head_gap", "tail_gap", "forward_kl", "reverse_kl")
FLOAT32 = 2e-7
SMALL = "?preset=own&target=0.5+0.3+0.15+0.05&losses=forward_kl;reverse_kl&optimiser=sgd&lr=0.5&steps=40&seeds=6"
INTERVALS = """
async (root) => {
  const seen = [], times = [];
  for (let k = 0; k < 90; k++) {
    times.push(await new Promise(requestAnimationFrame));
    seen.push(Number(root.dataset.step));
  }
  return [times.slice(1).map((time, k) => time - times[k]), seen];
}
"""


def opened(open_page, app, query="", **options):
    page = open_page(f"{app}/discrete{query}", **options)
    page.locator("[data-field='head_gap.0'][data-value]").wait_for(timeout=PATIENCE_MS)
    finished(page)
    return page


def finished(page):
    """Wait until what is shown answers the controls."""
    settled(page)
    page.get_by_text("Still shown:").wait_for(state="detached", timeout=PATIENCE_MS)
    settled(page)


def root(page):
    return page.locator(".discrete").first


def step_of(page):
    return int(root(page).get_attribute("data-step"))


def shown(page, field, loss):
    return float(page.locator(f"[data-field='{field}.{loss}']").get_attribute("data-value"))


def scrub_to(page, frame):
    page.get_by_role("slider", name="Step").evaluate(
        "(node, frame) => { node.value = frame; node.dispatchEvent(new Event('input', { bubbles: true }));"
        " node.dispatchEvent(new Event('change', { bubbles: true })); }",
        frame,
    )


def picture(page):
    return page.locator(".discrete canvas").evaluate("node => node.toDataURL()")


def is_drawn(page):
    return page.locator(".discrete canvas").evaluate(
        "node => node.getContext('2d').getImageData(0, 0, node.width, node.height).data.some((value) => value > 0)"
    )


def shown_command(page):
    page.get_by_text("Show the command").click()
    code = page.get_by_test_id("stCode").first
    code.wait_for()
    program, *words = shlex.split(code.inner_text())
    assert program == "akl-viz"
    return words


def query_of(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def check_against(page, document, step):
    """The read-out equals the command's numbers of the first seed."""
    losses = list(dict.fromkeys(run["loss"] for run in document["runs"]))
    assert page.locator(".readout tbody tr").count() == len(losses)
    for place, loss in enumerate(losses):
        run = next(run for run in document["runs"] if run["loss"] == loss)
        at = run["steps"].index(step)
        for field in FIELDS:
            assert shown(page, field, place) == pytest.approx(run[field][at], rel=FLOAT32, abs=1e-30), (loss, field)


def test_the_default_is_the_golden_table_and_the_command(app, open_page, command):
    page = opened(open_page, app)
    assert step_of(page) == 5
    assert shown(page, "tail_gap", 0) == pytest.approx(0.318, abs=5e-4)
    assert shown(page, "tail_gap", 1) == pytest.approx(0.602, abs=5e-4)
    words = shown_command(page)
    assert words == ["toy", "discrete", "--preset", "paper-longtail", "--json"]
    document = json.loads(command(words))
    for step in (5, 20, 300):
        scrub_to(page, step)
        check_against(page, document, step)


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
    page = opened(open_page, app)
    page.get_by_role("button", name="Play").click()
    intervals, steps = root(page).evaluate(INTERVALS)
    assert steps == sorted(steps)
    assert len(set(steps)) > 5
    page.get_by_role("button", name="Pause").click()
    stopped, still = step_of(page), picture(page)
    page.wait_for_timeout(300)
    assert (step_of(page), picture(page)) == (stopped, still)
    assert stopped > 5
    words = f"median {statistics.median(intervals):.1f} ms, worst {max(intervals):.1f} ms, n {len(intervals)}"
    words += f"; {len(set(steps))} different steps drawn"
    record_property("frame_interval", words)
    print(f"\nframe interval: {words}")  # noqa: T201
    assert statistics.median(intervals) < 1_000


def test_it_plays_to_the_end_and_starts_again(app, open_page):
    page = opened(open_page, app)
    page.get_by_label("Steps per second").select_option("240")
    scrub_to(page, 700)
    page.get_by_role("button", name="Play").click()
    page.locator(".discrete[data-step='800']").wait_for(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("node => Number(node.dataset.step) < 700", arg=root(page).element_handle())
    page.get_by_role("button", name="Pause").click()


def test_with_reduced_motion_it_steps_from_picture_to_picture(app, open_page):
    page = opened(open_page, app)
    page.emulate_media(reduced_motion="reduce")
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


def test_seeds_draw_bands_and_the_sentences_are_the_command_s(app, open_page, command):
    page = opened(open_page, app, SMALL)
    assert page.locator("path.band").count() == 2 * 2
    assert page.get_by_text("median of 6 seeds; band: middle 90% of them").is_visible()
    document = json.loads(command(shown_command(page)))
    assert len(document["runs"]) == 2 * 6
    sentences = [one["sentence"] for one in document["first"]]
    assert len(sentences) == 2
    for sentence in sentences:
        assert "of 6 seeds" in sentence
        assert page.get_by_text(sentence, exact=True).is_visible()
    check_against(page, document, step_of(page))


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


def test_a_preset_brings_its_optimiser_start_and_steps(app, open_page):
    page = opened(open_page, app)
    page.get_by_role("combobox", name="Teacher").click()
    page.get_by_role("option", name="Zipf, a warmed-up student").click()
    page.get_by_text("step 5 of 100").wait_for(timeout=PATIENCE_MS)
    finished(page)
    assert query_of(page)["preset"] == "zipf"
    assert page.get_by_text("Under sgd lr 1 from a warmed-up start").first.is_visible()


def test_a_mistake_is_a_sentence_and_loses_nothing(app, open_page):
    page = opened(open_page, app, SMALL)
    before = shown(page, "head_gap", 0)
    box = page.get_by_role("textbox", name="Your teacher: probabilities, divided by their sum")
    box.fill("0.5 <img src=x> 0.2")
    box.press("Control+Enter")
    page.get_by_text("is not a number: type probabilities such as 0.5 0.3 0.2.").wait_for(timeout=PATIENCE_MS)
    assert page.get_by_text("Still shown:").is_visible()
    assert shown(page, "head_gap", 0) == before
    assert page.get_by_test_id("stException").count() == 0
    box.fill("0.6 0.3 0.1")
    box.press("Control+Enter")
    finished(page)
    assert shown(page, "head_gap", 0) != before


def test_a_hostile_address_opens_the_default(app, open_page):
    hostile = "?preset=%3Cimg%20src=x%3E&losses=__import__;%3Cb%3E&lr=nan&steps=1e9&seeds=-4&mu=9&tail=x&step=-1"
    page = opened(open_page, app, hostile)
    assert step_of(page) == 5
    assert page.locator(".readout tbody tr").count() == 4
    assert page.get_by_text("step 5 of 800").is_visible()


def test_the_curves_come_as_csv(app, open_page, command, tmp_path):
    page = opened(open_page, app, SMALL)
    with page.expect_download() as download:
        page.get_by_role("button", name="Curves, CSV").click()
    words = [word for word in shown_command(page) if word != "--json"]
    command([*words, "--csv", str(tmp_path / "out.csv")])
    ours, theirs = (
        list(csv.DictReader(path.read_text("utf-8").splitlines()))
        for path in (download.value.path(), tmp_path / "out.csv")
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
