"""Remarks in small type."""

from __future__ import annotations

import streamlit as st


def remark(text: str) -> None:
    """A remark in small type, as Markdown; the grey of Streamlit's captions is too pale to read on white (4.4 to 1)."""
    st.markdown(f":small[{text}]")
