"""Take the screenshots of docs/screenshots: every page, or those named, light and dark, wide and at phone width."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from akl_viz.ui.catalog import PAGES  # noqa: E402
from benchmarks.browser import FLAGS, find_chromium, server  # noqa: E402

OUT = Path(__file__).with_name("screenshots")
WIDTHS = {"": 1440, "-phone": 360}


def take(browser: Browser, url: str, scheme: str, width: int, path: Path) -> None:
    """One page in one theme at one width, as high as its content."""
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url)
    page.locator(".akl, .js-plotly-plot").first.wait_for(timeout=90_000)
    page.wait_for_timeout(3_000)
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(int(height) + 20, 5_000)})
    page.wait_for_timeout(1_500)
    page.screenshot(path=path)
    context.close()


def main() -> None:
    """Start the app, photograph it, stop it."""
    OUT.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as runs,
        server(environment={"AKL_VIZ_RUNS": runs}) as app,
        sync_playwright() as playwright,
    ):
        app.wait()
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        wanted = set(sys.argv[1:]) or {row.key for row in PAGES}
        for row in (row for row in PAGES if row.key in wanted):
            for scheme in ("light", "dark"):
                for suffix, width in WIDTHS.items():
                    address = f"{app.address}/{'' if row.default else row.url_path}"
                    take(browser, address, scheme, width, OUT / f"{row.url_path}-{scheme}{suffix}.png")
        browser.close()


if __name__ == "__main__":
    main()
