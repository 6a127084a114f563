"""How the tests drive the inspector and read it."""

from tests.browser_fixtures import settled


def opened(open_page, address, **options):
    page = open_page(address, **options)
    page.wait_for_selector(".strip .t", timeout=45_000)
    settled(page)
    return page


def opened_alone(open_page, path):
    """The inspector as a file of its own, which needs no server."""
    page = open_page(path.as_uri())
    page.wait_for_selector(".strip .t", timeout=45_000)
    return page


def token(page, i):
    return page.locator(f".strip .t[data-i='{i}']")


def away(page):
    page.mouse.move(2, 2)


def value(scope, name):
    return float(scope.locator(f"[data-field='{name}']").first.get_attribute("data-value"))


def runs(page):
    return page.locator(".st-key-runs").inner_text()


def state(page, text):
    page.locator(".st-key-state", has_text=text).wait_for()
