"""Text of others inside Streamlit's Markdown."""

from __future__ import annotations

import re

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """The text so that Markdown shows it as it is: no link, image, colour or icon can come out of it.

    A model's name comes from an address, and an image in it would make the browser ask another host.
    """
    return _PUNCTUATION.sub(r"\\\1", text)
