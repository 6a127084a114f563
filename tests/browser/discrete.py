"""How the tests drive the animation of learn/discrete and read its numbers."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser_fixtures import settled

PATIENCE_MS = 90_000
FIELDS = ("head_gap", "tail_gap", "forward_kl", "reverse_kl")
FLOAT32 = 2e-7
SMALL = "?preset=own&target=0.5+0.3+0.15+0.05&losses=forward_kl;reverse_kl&optimiser=sgd&lr=0.5&steps=40&seeds=6"


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


def choose_teacher(page, name):
    page.get_by_role("combobox", name="Teacher").click()
    page.get_by_role("option", name=name).click()


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


def query_of(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def check_against(page, document, step, seed=1):
    """The read-out equals the command's numbers of the seed."""
    losses = list(dict.fromkeys(run["loss"] for run in document["runs"]))
    assert page.locator(".readout tbody tr").count() == len(losses)
    for place, loss in enumerate(losses):
        run = next(run for run in document["runs"] if (run["loss"], run["seed"]) == (loss, seed))
        at = run["steps"].index(step)
        for field in FIELDS:
            assert shown(page, field, place) == pytest.approx(run[field][at], rel=FLOAT32, abs=1e-30), (loss, field)
