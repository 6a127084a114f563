"""What every page shares: the window's title, the frame around a page, and warming torch up behind it."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import streamlit as st

from akl_viz.models.warm import import_libraries
from akl_viz.ui import catalog, moved
from akl_viz.ui.catalog import PageRow

ICON = Path(__file__).with_name("icon.svg")


def configure() -> None:
    """Set up the window. The first call of every run.

    The icon is a file of ours: Streamlit's named icons would make the browser fetch one from another host.
    """
    st.set_page_config(page_icon=ICON, layout="wide")
    st.html(
        "<style>.stMainBlockContainer{padding-top:3.2rem;max-width:1500px}"
        "@media(min-width:900px) and (max-width:1500px){.stMainBlockContainer{padding-left:3rem;padding-right:3rem}}"
        "</style>"
    )
    # Streamlit writes chosen values in white on the accent, which is too light for that in the dark theme.
    st.html(
        "<style>[data-testid=stMultiSelectTagsContainer] :is([data-tag],[data-tag] *){background:none;color:inherit}"
        "[data-tag]{box-shadow:inset 0 0 0 1px color-mix(in srgb,currentColor 40%,transparent)}</style>"
    )
    # The box by which a page learns what the browser has; see `filled`.
    st.html("<style>[class*=st-key-][class*=-heard]{display:none}</style>")
    # And cuts the label of a link short, where a phone has room below.
    st.html("<style>[data-testid=stPageLink] :is(a,a *){white-space:normal;height:auto}</style>")


def navigate() -> None:
    """Draw the navigation by section and run the page that was asked for.

    The links are ours: Streamlit's own list puts sections into it in a way that screen readers cannot follow.
    """
    sections = catalog.navigation()
    page = st.navigation(sections, position="hidden")
    st.set_page_config(page_title=f"{page.title} · AKL Viz")
    with st.sidebar:
        st.markdown("**AKL Viz**")
        for section, pages in sections.items():
            if section:
                st.caption(section)
            for one in pages:
                st.page_link(one, label=one.title, icon=one.icon)
    _run_again_on_the_next_server()
    moved.enter(page.url_path)
    page.run()


@st.fragment(run_every=timedelta(days=1))
def _run_again_on_the_next_server() -> None:
    """Nothing, once a day.

    Where a page has something to do by itself, Streamlit runs it whole once it is connected again. Else the session
    that a new server has made for it stays empty and knows no fragment the page asks for.
    """


def lead(row: PageRow) -> None:
    """The page's title and the one question it answers."""
    st.title(row.title, anchor=False)
    st.markdown(f":gray[{row.question}]")


def prose(row: PageRow) -> None:
    """The page's explanation, kept as prose in content/."""
    st.markdown(row.prose.read_text(encoding="utf-8"))


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Import torch and transformers once, behind the first page, so that the first computation need not wait."""
    thread = threading.Thread(target=import_libraries, name="warm-up", daemon=True)
    thread.start()
    return thread
