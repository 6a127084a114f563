"""Which tokenizer a pair's text is read with, and what the other one would do otherwise."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from akl_viz.models.checkpoint import Checkpoint
from akl_viz.models.text import begin
from akl_viz.models.token_labels import token_label

_SOME = 64
"""Ordinary tokens that show what a tokenizer puts before a text."""


@dataclass(frozen=True)
class Reading:
    """How both models of a pair are given a text."""

    tokenizer: Any
    """What text and rows are read with."""
    begins: str = ""
    """A note where the two begin a text differently."""
    ends: str = ""
    """A note where the two end a text differently."""
    writes: str = ""
    """A note where the two write a chat differently."""

    def notes(self, *, texts: bool, ended: bool, chats: bool) -> tuple[str, ...]:
        """What is worth saying.

        Args:
            texts: whether something is read that no chat template wrote.
            ended: whether an end token is put after some text.
            chats: whether a chat template wrote something.
        """
        told = ((texts, self.begins), (ended, self.ends), (chats, self.writes))
        return tuple(note for matters, note in told if matters and note)


def reading_of(teacher: Checkpoint, student: Checkpoint) -> Reading:
    """How a pair reads a text: as the student does, which is the one that is trained and used afterwards.

    Its chats are written by its own template; by the teacher's, where it has none.
    """
    ours, theirs = teacher.tokenizer, student.tokenizer
    first = [begin(one, _ordinary(one)).ids for one in (ours, theirs)]
    last = [() if one.eos_token_id is None else (one.eos_token_id,) for one in (ours, theirs)]
    templates = [getattr(one, "chat_template", None) for one in (ours, theirs)]
    reader = theirs
    if templates[0] and not templates[1]:
        reader = copy.copy(theirs)
        reader.chat_template = templates[0]
    return Reading(
        reader,
        _differs("begins", _shown(ours, first[0]), _shown(theirs, first[1])) if first[0] != first[1] else "",
        _differs("ends", _shown(ours, last[0]), _shown(theirs, last[1])) if last[0] != last[1] else "",
        _writes(*templates) if templates[0] != templates[1] else "",
    )


def _differs(how: str, teacher: str, student: str) -> str:
    """With what the two begin or end a text."""
    return (
        f"The teacher's tokenizer {how} a text with {teacher} and the student's with {student}, "
        f"so it {how} as the student's does."
    )


def _writes(teacher: Any, student: Any) -> str:
    """Whose chat template is used, of two that differ."""
    if not student:
        return "The student's tokenizer has no chat template, so chats are written in the teacher's."
    if not teacher:
        return "The teacher's tokenizer has no chat template, so chats are written in the student's."
    return "Teacher and student have different chat templates, so chats are written in the student's."


def _ordinary(tokenizer: Any) -> list[int]:
    """Some tokens of a text."""
    special = set(tokenizer.all_special_ids)
    return [id_ for id_ in range(min(len(tokenizer), 2 * _SOME + len(special))) if id_ not in special][:_SOME]


def _shown(tokenizer: Any, ids: tuple[int, ...]) -> str:
    """Tokens as they are shown, or "nothing"."""
    return " ".join(token_label(tokenizer, id_) for id_ in ids) or "nothing"
