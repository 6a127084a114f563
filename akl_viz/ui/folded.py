"""Parts of a page that are made when somebody opens them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st


@contextmanager
def folded(label: str, key: str) -> Iterator[bool]:
    """An expander, and whether it is open: what is drawn only then is neither computed nor sent nor loaded before.

    A closed expander of Streamlit's is filled all the same, and the first paint waits for what its content needs.
    """
    box = st.expander(label, key=key, on_change="rerun")
    with box:
        yield bool(box.open)
