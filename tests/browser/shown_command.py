"""Running a command that a page shows."""

import contextlib
import io

from akl_viz.cli import main


def printed(words: list[str]) -> str:
    """What the command prints. It runs in this process, which is not the page's server and has torch imported."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(words) == 0
    return out.getvalue()
