"""How the tests drive the mixture of learn/gaussian and read its fits."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser_fixtures import settled

PATIENCE_MS = 90_000
"""The first fit of a server imports torch; the machine may be busy."""
SAME = 1e-9
"""Relative: the page and the command compute the same thing in two processes."""


def opened(open_page, app, query="", **options):
    page = open_page(f"{app}/gaussian{query}", **options)
    page.locator("[data-field='value.reverse_kl.0']").wait_for(timeout=PATIENCE_MS)
    settled(page)
    return page


def answered(page):
    """Wait until nothing is on its way: the fits are those of the parts, and the script has run."""
    page.locator(".gaussian:not([data-waiting])").wait_for(timeout=PATIENCE_MS)
    settled(page)


def shown(page, field):
    return float(page.locator(f"[data-field='{field}']").get_attribute("data-value"))


def grip(page, part, kind):
    return page.locator(f".grip[data-part='{part}'][data-kind='{kind}']")


def drag(page, handle, right, up=0):
    box = handle.locator(".knobshape").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(x + right * step / 5, y - up * step / 5)
    page.mouse.up()


def query_parts(page):
    """The parts in the address, three words each."""
    words = parse_qs(urlsplit(page.url).query)["parts"][0].split("_")
    return [words[start : start + 3] for start in range(0, len(words), 3)]


def check_against(page, document):
    for run in document["runs"]:
        for one in run["optima"]:
            name = f"{run['loss']}.{one['rank'] - 1}"
            assert shown(page, f"value.{name}") == pytest.approx(one["value"], rel=SAME, abs=1e-12)
            assert shown(page, f"mean.{name}") == pytest.approx(one["mean"][0], rel=SAME)
            assert shown(page, f"sd.{name}") == pytest.approx(one["sd"][0], rel=SAME)
            assert shown(page, f"starts.{name}") == one["starts"]
        assert page.locator(f"[data-optimum^='{run['loss']}.']").count() == len(run["optima"])
