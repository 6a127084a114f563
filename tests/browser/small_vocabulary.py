"""How the tests drive the bars of learn/divergences and read its numbers."""

from tests.browser_fixtures import settled

PATIENCE_MS = 90_000
"""The first drag of a server imports torch; the machine may be busy."""


def opened(open_page, app, query="", **options):
    page = open_page(f"{app}/divergences{query}", **options)
    page.locator("[data-field='shown.value']").wait_for(timeout=PATIENCE_MS)
    settled(page)
    return page


def slider(page, side, token):
    return page.locator(f".slide.{side}[data-token='{token}']")


def shown(page, field):
    return float(page.locator(f"[data-field='{field}']").first.get_attribute("data-value"))


def root(page):
    return page.locator(".akl").first


def answered(page):
    """Wait until nothing is on its way: the numbers are those of the bars, and the script has run."""
    page.locator(".akl:not([data-waiting])").first.wait_for(timeout=PATIENCE_MS)
    settled(page)


def pull(page, side, token, share):
    """Drag a bar in steps to a share of its track's width, and let go."""
    box = slider(page, side, token).bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 2, y)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(box["x"] + box["width"] * share * step / 5, y)
    page.mouse.up()
    answered(page)
