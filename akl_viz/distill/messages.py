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


_ABOUT = {"role", "name", "id", "type", "index"}
"""Fields that say something about a message, and nothing of what it says."""


def messages_of(where: str, name: str, values: Sequence[Any]) -> tuple[Message, ...]:
    """The messages of a column: role and content, or from and value as in ShareGPT.

    A content in parts is joined where all of them are texts. A field without a value is left out.

    Raises:
        InvalidInput: a message lacks its role or its content, its speaker is unknown, or it holds an image.
    """
    return tuple(_message(where, name, value) for value in values)


def _message(where: str, name: str, value: Any) -> Message:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{where} holds in {name} a message without role and content: write both as texts.")
    fields = {str(key): inner for key, inner in value.items() if inner is not None}
    if "role" not in fields and "from" in fields:
        speaker = fields.pop("from")
        if speaker not in _ROLES:
            raise InvalidInput(f"{where} holds in {name} a message from {speaker!r}: use {', '.join(_ROLES)}.")
        fields = {"role": _ROLES[speaker], "content": fields.pop("value", fields.pop("content", None)), **fields}
    if isinstance(fields.get("content"), list):
        fields["content"] = _joined(where, name, fields["content"])
    if fields.get("content") is None and fields.get("tool_calls"):
        fields["content"] = ""
    if not all(isinstance(fields.get(key), str) for key in ("role", "content")):
        raise InvalidInput(f"{where} holds in {name} a message without role and content: write both as texts.")
    return fields


def _joined(where: str, name: str, parts: list[Any]) -> str:
    """The text of a content that is written in parts."""
    texts = [part if isinstance(part, str) else part.get("text") for part in parts if isinstance(part, str | Mapping)]
    if len(texts) < len(parts) or not all(isinstance(text, str) for text in texts):
        kinds = [str(part.get("type", "part")) for part in parts if isinstance(part, Mapping) and "text" not in part]
        raise InvalidInput(
            f"{where} holds in {name} a content with {kinds[0] if kinds else 'a part'} that is no text: "
            "only texts are read here."
        )
    return "".join(map(str, texts))


def is_learnt(message: Message) -> bool:
    """Whether a message of the assistant says something that can be learnt, by its content, reasoning or calls."""
    return any(
        value.strip() if isinstance(value, str) else value for name, value in message.items() if name not in _ABOUT
    )


def ends_with_assistant(where: str, name: str, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages, if the last one is a response. Raises InvalidInput where there is none to learn."""
    if not messages or messages[-1]["role"] != "assistant":
        raise InvalidInput(
            f"{where} holds in {name} a chat that does not end with the assistant's message: "
            "add its response, or a column completion with it."
        )
    return messages
