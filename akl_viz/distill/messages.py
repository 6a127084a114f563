"""The messages of a chat as datasets write them, in the one form chat templates read. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from akl_viz.errors import InvalidInput

Message = dict[str, Any]
"""role, content, and every other field the row has: reasoning_content, tool_calls, name."""

_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
}
"""Who speaks in the ShareGPT form -> its role."""


_TEXTS = ("text", "input_text", "output_text")
"""Kinds of parts of a content that are texts."""
WEIGHT = "weight"
"""Of a message of the assistant, as OpenAI writes it: 0 for one that is not learnt, or 1."""
_ABOUT = {"role", "name", "id", "type", "index", WEIGHT}
"""Fields that say something about a message, and nothing of what it says."""


def messages_of(where: str, name: str, values: Sequence[Any], lost: set[str]) -> tuple[Message, ...]:
    """The messages of a column: role and content, or from and value as in ShareGPT.

    A content in parts is joined where all of them are texts. A field without a value is left out.

    Args:
        where: the row, in words.
        name: the column.
        values: what it holds.
        lost: gets the name of every field that says something and is not used.

    Raises:
        InvalidInput: a message lacks its role or its content, its speaker is unknown, or it holds an image.
    """
    return tuple(_message(where, name, value, lost) for value in values)


def _message(where: str, name: str, value: Any, lost: set[str]) -> Message:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{where} holds in {name} a message without role and content: write both as texts.")
    fields = {str(key): inner for key, inner in value.items() if inner is not None}
    if "role" not in fields and "from" in fields:
        fields = _spoken(where, name, fields, lost)
    if isinstance(fields.get("content"), list):
        fields["content"] = _joined(where, name, fields["content"], lost)
    if fields.get("content") is None and fields.get("tool_calls"):
        fields["content"] = ""
    if not all(isinstance(fields.get(key), str) for key in ("role", "content")):
        raise InvalidInput(f"{where} holds in {name} a message without role and content: write both as texts.")
    return fields


def _spoken(where: str, name: str, fields: Message, lost: set[str]) -> Message:
    """A message in the ShareGPT form as one with role and content."""
    speaker, role = fields.pop("from"), None
    if isinstance(speaker, str):
        role = _ROLES.get(speaker)
    if role is None:
        raise InvalidInput(f"{where} holds in {name} a message from {speaker!r:.40}: use {', '.join(_ROLES)}.")
    content = fields.pop("content", None)
    if "value" in fields:
        if not says_nothing(content):
            lost.add(f"{name}.content")
        content = fields.pop("value")
    return {"role": role, "content": content, **fields}


def _joined(where: str, name: str, parts: list[Any], lost: set[str]) -> str:
    """The text of a content that is written in parts."""
    texts = []
    for part in parts:
        kind = part.get("type", "text") if isinstance(part, Mapping) else "text"
        text = part.get("text") if isinstance(part, Mapping) else part
        if kind not in _TEXTS or not isinstance(text, str):
            what = "a part" if kind in _TEXTS else f"{kind!s:.40}"
            raise InvalidInput(
                f"{where} holds in {name} a content with {what} that is no text: only texts are read here."
            )
        texts.append(text)
        if isinstance(part, Mapping):
            beside = {key for key, inner in part.items() if key not in ("type", "text") and not says_nothing(inner)}
            lost.update(f"{name}.content.{key}" for key in beside)
    return "".join(texts)


def says_nothing(value: Any) -> bool:
    """Whether a value is empty: absent, a blank text, an empty list or object."""
    return value is None or (not value.strip() if isinstance(value, str) else value in ([], {}))


def answers(message: Message) -> bool:
    """Whether a message of the assistant says something, by its content, reasoning or calls."""
    return any(not says_nothing(value) for name, value in message.items() if name not in _ABOUT)


def weighs_nothing(message: Message) -> bool:
    """Whether a message of the assistant is marked as one that is not learnt."""
    return message["role"] == "assistant" and message.get(WEIGHT) == 0


def is_learnt(message: Message) -> bool:
    """Whether a message of the assistant is to be learnt where only responses are."""
    return answers(message) and not weighs_nothing(message)


def ends_with_assistant(where: str, name: str, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages, if the last one is a response. Raises InvalidInput where there is none to learn."""
    if not messages or messages[-1]["role"] != "assistant":
        raise InvalidInput(
            f"{where} holds in {name} a chat that does not end with the assistant's message: "
            "add its response, or a column completion with it."
        )
    return messages
