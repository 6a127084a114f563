"""Reading a command that a page shows, and running it."""

import contextlib
import io
import shlex

from playwright.sync_api import Page

from akl_viz.cli import main


def shown_command(page: Page) -> list[str]:
    """The arguments of the command under "Show the command"."""
    program, *words = shlex.split(_shown(page))
    assert program == "akl-viz"
    return words


def shown_commands(page: Page) -> list[list[str]]:
    """The arguments of every command there, one to a line."""
    return [shlex.split(line)[1:] for line in _shown(page).strip().splitlines()]


def _shown(page: Page) -> str:
    page.get_by_text("Show the command").click()
    code = page.get_by_test_id("stCode").first
    code.wait_for()
    return code.inner_text()


def printed(words: list[str]) -> str:
    """What the command prints. It runs in this process, which is not the page's server and has torch imported."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(words) == 0
    return out.getvalue()
