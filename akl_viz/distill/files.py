"""Rows of a table as examples: a text, a prompt with its response, or a chat; nothing of a row goes unsaid.

Loads no torch.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from akl_viz.distill.messages import Message, ends_with_assistant, messages_of, says_nothing
from akl_viz.distill.tables import Row, rows_of
from akl_viz.errors import InvalidInput

TEXT_NAMES = ("text", "content", "document", "story")
PROMPT_NAMES = ("prompt", "instruction", "question", "query")
RESPONSE_NAMES = ("response", "output", "answer", "completion")
MESSAGE_NAMES = ("messages", "conversation", "conversations")
SYSTEM_NAMES = ("system", "system_prompt")
INPUT_NAMES = ("input", "context")
"""What the prompt is about: Alpaca's input, Dolly's context."""
TOOLS = "tools"
_NAMED = 12


@dataclass(frozen=True)
class Example:
    """One row: a text alone (as the prompt), a prompt with a response, or the messages of a chat."""

    prompt: str = ""
    """All that is given: the system's text, the prompt, its input or context, with a blank line between them."""
    response: str = ""
    messages: tuple[Message, ...] = ()
    system: str = ""
    """The part of the prompt that is the system's: a message of its own in a chat template."""
    tools: tuple[Any, ...] = ()
    """What the model may call, for a chat template that says so."""

    def chat(self) -> list[Message]:
        """The row as the messages of a chat."""
        if self.messages:
            return list(self.messages)
        asked = self.prompt.removeprefix(f"{self.system}\n\n") if self.system else self.prompt
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": asked}, {"role": "assistant", "content": self.response}]

    def responses(self) -> list[Message]:
        """What the assistant says in it."""
        return [message for message in self.chat() if message["role"] == "assistant"]


@dataclass(frozen=True)
class Rows:
    """The examples of a file, and what is worth saying about how they were read."""

    examples: list[Example]
    notes: tuple[str, ...] = ()


@dataclass
class _Reading:
    """One row while it is read: which of its columns are used."""

    where: str
    row: Row
    used: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    """Fields inside its messages that are not used."""

    def take(self, name: str) -> Any:
        """The value of a column, which thereby is used."""
        self.used.add(name)
        return self.row[name]

    def text(self, name: str) -> str:
        """A column's text, empty for null. Raises InvalidInput where it holds another thing."""
        value = self.take(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise InvalidInput(f"{self.where} holds no text in the column {name}: choose a column of texts.")
        return value

    def unused(self) -> list[str]:
        """The columns, and the fields of messages, that hold something which is not used."""
        columns = [name for name, value in self.row.items() if name not in self.used and not says_nothing(value)]
        return columns + sorted(self.lost)

    def usual(self, *names: str) -> str:
        """The first of the names under which the row says something, else the first that is there, or an empty one."""
        there = [name for name in names if name in self.row]
        return next((name for name in there if not says_nothing(self.row[name])), there[0] if there else "")

    def parts(self, names: tuple[str, ...]) -> list[str]:
        """The texts of those of the columns that hold one, which empty ones do not."""
        return [text for name in names if self.row.get(name) is not None and (text := self.text(name)).strip()]


def read_examples(path: Path, column: str = "", response: str = "") -> list[Example]:
    """The examples of a file; see `read_rows`."""
    return read_rows(path, column, response).examples


def read_rows(path: Path, column: str = "", response: str = "", check: Callable[[], None] | None = None) -> Rows:
    """The rows of a .jsonl, .csv or .parquet file.

    A column found by its usual name takes what belongs to it along: the system's text before it and Alpaca's `input`
    or Dolly's `context` after it. A column that is named stands alone. What a row holds and is not used is named in
    the notes, and in how many rows.

    Args:
        path: the file.
        column: name of the column with the text or the prompt; empty: the first of the usual names.
        response: name of the column with the response; empty: the first of the usual names, if there is one.
        check: called for every row; raises to give up.

    Raises:
        InvalidInput: the file is missing, empty, larger than 200 MB or broken (a line is named by its number), or has
            no such column.
    """
    examples: list[Example] = []
    # Row by row: a column that another row uses may be lost in this one.
    unused: Counter[str] = Counter()
    for where, row in rows_of(path):
        if check is not None:
            check()
        reading = _Reading(where, row)
        examples.append(_example(reading, column, response))
        unused.update(reading.unused())
    if not examples:
        raise InvalidInput(f"{path.name} has no rows: choose a file with text.")
    return Rows(examples, _lost(path.name, unused, len(examples)))


def _lost(name: str, unused: Counter[str], rows: int) -> tuple[str, ...]:
    """A note about what is not used, with the number of rows where that is not all of them."""
    if not unused:
        return ()
    named = [column if count == rows else f"{column} (in {count} of {rows} rows)" for column, count in unused.items()]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return (f"{name}: not used of its columns: {', '.join(named[:_NAMED])}{more}.",)


def _example(reading: _Reading, column: str, response: str) -> Example:
    """One row from its columns."""
    first = column or reading.usual(*MESSAGE_NAMES, *TEXT_NAMES, *PROMPT_NAMES)
    second = response or (reading.usual(*RESPONSE_NAMES) if first in PROMPT_NAMES or column else "")
    missing = next((name for name in (first, response) if name and name not in reading.row), None)
    if not first or missing:
        found = ", ".join(map(str, list(reading.row)[:8])) or "none"
        raise InvalidInput(f"{reading.where} has no column {missing or 'with a usual name'}: choose one of {found}.")
    values = [reading.row[name] for name in (first, second) if name]
    if any(isinstance(value, list) for value in values):
        return _chat(reading, first, second)
    system, before = "", []
    if not column and first in PROMPT_NAMES:
        system = "\n\n".join(reading.parts(SYSTEM_NAMES))
        before = [system] if system else []
    asked = [reading.text(first)]
    if not column and first in PROMPT_NAMES:
        asked += reading.parts(INPUT_NAMES)
    answer = reading.text(second) if second else ""
    return Example("\n\n".join([*before, *asked]), answer, system=system)


def _chat(reading: _Reading, first: str, second: str) -> Example:
    """A row whose prompt or response is a list of messages."""
    messages = _turns(reading, first, "user")
    if second and first not in MESSAGE_NAMES:
        messages += _turns(reading, second, "assistant")
    systems = reading.parts(SYSTEM_NAMES)
    if systems:
        if messages and messages[0]["role"] == "system":
            raise InvalidInput(f"{reading.where} has a system's text in a column and in {first}: keep one of them.")
        messages = ({"role": "system", "content": "\n\n".join(systems)}, *messages)
    return Example(messages=ends_with_assistant(reading.where, first, messages), tools=_tools(reading))


def _turns(reading: _Reading, name: str, role: str) -> tuple[Message, ...]:
    """The messages of a column; a text is one message."""
    if isinstance(reading.row[name], list):
        return messages_of(reading.where, name, reading.take(name), reading.lost)
    return ({"role": role, "content": reading.text(name)},)


def _tools(reading: _Reading) -> tuple[Any, ...]:
    """The tools of a row, which are a list or the JSON of one."""
    value = reading.row.get(TOOLS)
    if not value:
        return ()
    reading.take(TOOLS)
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{reading.where} holds tools that are not valid JSON: mend or remove them.") from error
    if not isinstance(found, list) or not all(isinstance(tool, dict) for tool in found):
        raise InvalidInput(f"{reading.where} holds tools that are no list of objects: mend or remove them.")
    return tuple(found)
