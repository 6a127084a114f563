"""The pages of the app. Add a page: one script, one prose file, one row in PAGES."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

from akl_viz.paths import CONTENT, ROOT

START = ""
"""Section of the default page: it stands above the named sections."""


@dataclass(frozen=True)
class PageRow:
    """One page: where its script is, how it is named and which question it answers."""

    key: str
    """Section and name, e.g. "inspect/tokens": the script below pages/, the prose below content/."""
    title: str
    section: str
    question: str
    """The page's lead: one sentence."""
    icon: str
    default: bool = False

    @property
    def script(self) -> Path:
        """The page's script."""
        return ROOT / "pages" / f"{self.key}.py"

    @property
    def prose(self) -> Path:
        """The page's prose."""
        return CONTENT / f"{self.key}.md"

    @property
    def url_path(self) -> str:
        """Stable address below the root (Streamlit allows no slash in it); the default page is the root itself."""
        return self.key.rpartition("/")[2]


PAGES: tuple[PageRow, ...] = (
    PageRow(
        key="start/overview",
        title="Overview",
        section=START,
        question="Where does a small student of a language model differ from its teacher?",
        icon=":material/home:",
        default=True,
    ),
    PageRow(
        key="learn/divergences",
        title="Divergences",
        section="Learn",
        question="What does each divergence punish, and which way does it push a student?",
        icon=":material/balance:",
    ),
    PageRow(
        key="learn/gaussian",
        title="Gaussian student",
        section="Learn",
        question="When does a student that cannot equal its teacher seek the mean, and when a mode?",
        icon=":material/area_chart:",
    ),
    PageRow(
        key="learn/discrete",
        title="Free student",
        section="Learn",
        question="A student free in every logit: which loss closes which gap first, and does it matter in the end?",
        icon=":material/show_chart:",
    ),
    PageRow(
        key="learn/capacity",
        title="Small student",
        section="Learn",
        question="What comes back when the student is too small for its teacher?",
        icon=":material/compress:",
    ),
    PageRow(
        key="learn/proof",
        title="Shared optimum",
        section="Learn",
        question="Why do both losses share one optimum, and what does that proof leave out?",
        icon=":material/join_inner:",
    ),
    PageRow(
        key="inspect/tokens",
        title="Token inspector",
        section="Inspect",
        question="Where does this student differ from this teacher, and what would each loss do about it?",
        icon=":material/segment:",
    ),
    PageRow(
        key="distill/race",
        title="Race of losses",
        section="Distill",
        question="What do the losses do to a real student, live?",
        icon=":material/flag:",
    ),
)


def page(key: str) -> PageRow:
    """The row with that key. Raises KeyError where there is none."""
    return next(row for row in PAGES if row.key == key)


def streamlit_page(row: PageRow) -> Page:
    """The row as Streamlit's page object."""
    return st.Page(row.script, title=row.title, icon=row.icon, url_path=row.url_path, default=row.default)


def navigation() -> dict[str, list[Page]]:
    """Section -> pages, in the order of PAGES."""
    sections: dict[str, list[Page]] = {}
    for row in PAGES:
        sections.setdefault(row.section, []).append(streamlit_page(row))
    return sections
