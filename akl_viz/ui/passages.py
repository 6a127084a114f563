"""The texts a person can pick instead of typing one."""

from __future__ import annotations

import json
from dataclasses import dataclass

import streamlit as st

from akl_viz.paths import DATA

GROUPS = {
    "dialogue": "Dialogue",
    "narration": "Narration",
    "letter": "Letter",
    "description": "Description",
    "training": "In the training text",
    "own": "Own prompts, out of domain",
}
"""Group -> how it is called in the picker, in its order."""


@dataclass(frozen=True)
class Passage:
    """One text with its name and group."""

    id: str
    group: str
    title: str
    text: str

    @property
    def label(self) -> str:
        """Group and title, as the picker shows them."""
        return f"{GROUPS[self.group]}: {self.title}"


@st.cache_resource(show_spinner=False)
def passages() -> dict[str, Passage]:
    """Id -> passage: the measured Austen passages by group, then our own prompts with their responses."""
    found = [Passage(row["id"], row["group"], row["title"], row["text"]) for row in _rows("passages.jsonl")]
    for row in _rows("own.jsonl"):
        parts = (row["prompt"], row.get("context") or "", row["response"])
        title = f"{row['category'].replace('_', ' ')}, {row['id']}"
        found.append(Passage(row["id"], "own", title, "\n\n".join(part for part in parts if part)))
    order = list(GROUPS)
    return {passage.id: passage for passage in sorted(found, key=lambda passage: order.index(passage.group))}


def _rows(name: str) -> list[dict[str, str]]:
    lines = (DATA / "prompts" / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]
