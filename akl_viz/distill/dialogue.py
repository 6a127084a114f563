"""A row as it is read: its prompt and responses as tokens, plain or in the tokenizer's chat template."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from akl_viz.distill.files import Example
from akl_viz.distill.messages import WEIGHT, Message, is_learnt, weighs_nothing
from akl_viz.models.templates import ChatTemplate
from akl_viz.models.text import Parts, part_ids

_SHOWN = 1_000
"""Characters that show where in a text another one begins, but for texts that repeat themselves."""
_STEPS = 1 << 16
"""Characters after which it is asked whether to give up."""
_NO_TEXT = {"role", "id", "tool_call_id", "type", "index"}
"""Fields that templates use without writing them out."""


@dataclass(frozen=True)
class Written:
    """A row as a text."""

    parts: Parts
    responses: tuple[int, ...]
    """Which of the parts the assistant says."""
    learnt: tuple[int, ...]
    """Those of them that say something to learn."""


@dataclass(frozen=True)
class Encoded:
    """A row as tokens."""

    text: str
    ids: list[int]
    prompt: int
    """Tokens before the last response that is chosen."""
    responses: tuple[tuple[int, int], ...]
    """First token of each response that counts, and the token after it."""
    learnt: bool
    """Whether some response says something to learn."""


class Dialogue:
    """Reads rows, the same way for everything that reads one; a context, since a chat template needs a process."""

    def __init__(
        self, tokenizer: Any, *, chat: bool, every: bool | None = None, check: Callable[[], None] | None = None
    ) -> None:
        """A reader of rows.

        Args:
            tokenizer: of both models.
            chat: whether to use the tokenizer's chat template; messages always do.
            every: whether every message of the assistant counts as a response, or the last one alone; None where the
                whole text counts, and nothing is to be said.
            check: called while a template works; raises to give up.
        """
        self._tokenizer = tokenizer
        self._chat = chat
        self._every = every
        self._check = check or (lambda: None)
        self._template = ChatTemplate(tokenizer, check)
        self.chats = False
        """Whether some row was written by the chat template."""
        self._rows = 0
        self._several: Counter[str] = Counter()
        self._unsaid: Counter[str] = Counter()
        self._begins: Counter[str] = Counter()

    def __enter__(self) -> Dialogue:
        """The template's process starts with the first row that needs it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the template's process."""
        self._template.close()

    def write(self, example: Example) -> Written:
        """A row as its text. Without a chat template a line break ends the prompt and the end token the response.

        Raises:
            InvalidInput: the tokenizer has no chat template, or its template refuses the messages or takes too long.
        """
        self._rows += 1
        if self._chat or example.messages:
            return self._templated(example)
        before = example.prompt if example.prompt[-1:].isspace() or not example.response else f"{example.prompt}\n"
        return Written(Parts((before, example.response), ends=True), (1,), (1,) if example.response.strip() else ())

    def encode(self, example: Example) -> Encoded:
        """A row as tokens; prompt and responses are tokenised apart, so that each boundary falls between two tokens.

        Raises:
            InvalidInput: as `write` does.
        """
        written = self.write(example)
        parts, note = part_ids(self._tokenizer, written.parts)
        if note:
            self._begins[note] += 1
        starts = [0]
        for ids in parts:
            starts.append(starts[-1] + len(ids))
        told = written.learnt if self._every is not None else written.responses
        counted = told if self._every else told[-1:]
        spans = tuple((starts[place], starts[place + 1]) for place in counted)
        return Encoded(
            "".join(written.parts.texts),
            [token for ids in parts for token in ids],
            spans[-1][0] if spans else starts[written.responses[-1]],
            spans,
            bool(written.learnt),
        )

    def notes(self) -> tuple[str, ...]:
        """What is worth saying about the rows read so far."""
        told = [f"In {count} of {self._rows} rows: {note}" for note, count in self._begins.items()]
        told += [
            f"The chat template leaves out or changes {what} in {count} of {self._rows} rows."
            for what, count in sorted(self._unsaid.items())
        ]
        told += [f"{note}: {count} of {self._rows} rows." for note, count in self._several.items()]
        return tuple(told)

    def _templated(self, example: Example) -> Written:
        """A row in the chat template, cut where the assistant begins and ends."""
        self.chats = True
        messages = example.chat()
        asked = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
        learnt = [is_learnt(messages[place]) for place in asked]
        self._template.begin(messages, example.tools)
        whole = self._template.text(len(messages))
        last = (_shared(self._before(asked[-1]), whole), len(whole))
        # Whichever of them count, every row is cut at all its responses, so that its tokens are the same.
        earlier = self._earlier(messages, asked[:-1], whole)
        spans = [*(earlier or ()), last]
        if earlier is None or (earlier and last[0] < earlier[-1][1]):
            spans = [last]
            if self._every is not None:
                note = "Only the last response counts, since the chat template writes earlier ones otherwise later on"
                self._several[note] += 1
        elif sum(learnt) > 1 and self._every is not None:
            which = "Every response of a chat counts" if self._every else "Only the last response of a chat counts"
            self._several[f"{which}, where there are several"] += 1
        if self._every is not None and any(map(weighs_nothing, messages)):
            self._several["Responses of weight 0 do not count"] += 1
        self._unsaid.update(_unsaid(messages, example.tools, whole))
        return _cut(whole, spans, learnt[-len(spans) :])

    def _before(self, place: int) -> str:
        """The chat up to a message of the assistant, which it begins."""
        return self._template.text(place, opened=True) if place else ""

    def _earlier(self, messages: list[Message], asked: list[int], whole: str) -> list[tuple[int, int]] | None:
        """Where the responses before the last one stand; None where the template writes one otherwise later on."""
        found: list[tuple[int, int]] = []
        for place in asked:
            # Two texts show where a response stands: the chat up to it, and the chat with it.
            before, upto = self._before(place), self._template.text(place + 1)
            start, tail = _shared(before, whole), upto[_shared(before, upto) :]
            end = start + _overlap(tail, whole[start : start + len(tail)], self._check)
            written = end > start and str(messages[place]["content"]).strip() in whole[start:end]
            if not written or (found and start < found[-1][1]):
                return None
            found.append((start, end))
        return found


def encode_example(example: Example, tokenizer: Any, *, chat: bool) -> tuple[list[int], int]:
    """The tokens of one row and how many are its prompt, for a program that reads no other; see `Dialogue.encode`."""
    with Dialogue(tokenizer, chat=chat) as dialogue:
        row = dialogue.encode(example)
    return row.ids, row.prompt


def _overlap(tail: str, rest: str, check: Callable[[], None]) -> int:
    """The most characters with which one text ends and another begins; in time that grows with their length alone."""
    shown = rest[:_SHOWN]
    place = tail.find(shown)
    if place >= 0 and rest.startswith(tail[place:]):
        return len(tail) - place
    if place < 0:
        # No longer beginning of the other stands in it.
        tail, rest = tail[-len(shown) :], shown
    return _by_borders(tail, rest, check)


def _by_borders(tail: str, rest: str, check: Callable[[], None]) -> int:
    """The same for any texts: how much of the other's beginning ends at each character (Knuth, Morris and Pratt)."""
    borders = array("q", [0])
    length = 0
    for place in range(1, len(rest)):
        while length and rest[place] != rest[length]:
            length = borders[length - 1]
        length += rest[place] == rest[length]
        borders.append(length)
        if not place % _STEPS:
            check()
    length = 0
    for place, character in enumerate(tail):
        while length and (length == len(rest) or character != rest[length]):
            length = borders[length - 1]
        length += bool(rest) and character == rest[length]
        if not place % _STEPS:
            check()
    return length


def _shared(one: str, other: str) -> int:
    """Number of characters that two texts begin with alike."""
    if other.startswith(one):
        return len(one)
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(whole: str, spans: list[tuple[int, int]], learnt: list[bool]) -> Written:
    """A text in parts, by the places of its responses, of which some are learnt."""
    texts, done = [], 0
    for start, end in spans:
        texts += [whole[done:start], whole[start:end]]
        done = end
    rest = [whole[done:]] if done < len(whole) else []
    responses = tuple(range(1, len(texts), 2))
    kept = tuple(place for place, one in zip(responses, learnt, strict=True) if one)
    return Written(Parts((*texts, *rest), rendered=True), responses, kept)


def _unsaid(messages: list[Message], tools: tuple[Any, ...], whole: str) -> set[str]:
    """What of the messages and tools does not stand in the text, by field and role."""
    found = {
        f"{name} of {message['role']}"
        for message in messages
        for name, value in message.items()
        if name not in _NO_TEXT and not (name == WEIGHT and message["role"] == "assistant" and value in (0, 1))
        for said in _values(value)
        if not _stands(said, whole)
    }
    named = (tool.get("function", tool) for tool in tools)
    names = [one["name"] for one in named if isinstance(one, dict) and isinstance(one.get("name"), str)]
    return found | ({"tools"} if any(name not in whole for name in names) else set())


def _values(value: Any) -> Iterator[Any]:
    """Every text, number and truth value inside a value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in _NO_TEXT:
                yield from _values(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _values(inner)
    elif value is not None:
        yield value


def _stands(value: Any, whole: str) -> bool:
    """Whether a value stands in a text, as it is or as JSON writes it."""
    kept = str(value).strip()
    if not isinstance(value, str):
        return kept in whole or json.dumps(value, default=str) in whole
    return kept in whole or any(json.dumps(kept, ensure_ascii=ascii_)[1:-1] in whole for ascii_ in (False, True))
