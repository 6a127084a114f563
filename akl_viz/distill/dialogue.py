"""A prompt and its response as tokens, plain or in the tokenizer's chat template."""

from __future__ import annotations

from typing import Any

from akl_viz.distill.files import Example
from akl_viz.errors import InvalidInput


def encode_example(example: Example, tokenizer: Any, *, chat: bool) -> tuple[list[int], int]:
    """The token ids of an example and how many of them are its prompt.

    Prompt and response are tokenised apart, so that the boundary falls between two tokens. Without a chat template a
    line break separates them and the end token follows.

    Args:
        example: prompt and response, or messages.
        tokenizer: of both models.
        chat: whether to use the tokenizer's chat template; messages always do.

    Raises:
        InvalidInput: the tokenizer has no chat template, or its template refuses the messages.
    """
    if chat or example.messages:
        before, after = _templated(example, tokenizer)
    else:
        before = example.prompt if example.prompt[-1:].isspace() or not example.response else f"{example.prompt}\n"
        after = example.response
    ids = [token_ids(tokenizer, part) for part in (before, after)]
    end = tokenizer.eos_token_id
    if end is not None and not (chat or example.messages):
        ids[1].append(end)
    return ids[0] + ids[1], len(ids[0])


def _templated(example: Example, tokenizer: Any) -> tuple[str, str]:
    """Prompt and response as the chat template writes them."""
    if not getattr(tokenizer, "chat_template", None):
        raise InvalidInput("The models' tokenizer has no chat template: switch the chat template off.")
    messages = list(example.messages) or [
        {"role": "user", "content": example.prompt},
        {"role": "assistant", "content": example.response},
    ]
    try:
        whole: str = tokenizer.apply_chat_template(messages, tokenize=False)
        before: str = tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
    except Exception as error:
        raise InvalidInput(
            f"The tokenizer's chat template refuses a row of the text ({type(error).__name__}): "
            "check the order of its roles, or switch the chat template off."
        ) from error
    if not whole.startswith(before):
        place = next((i for i, (a, b) in enumerate(zip(before, whole, strict=False)) if a != b), len(whole))
        before = whole[:place]
    return before, whole[len(before) :]


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """Token ids without special tokens."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return list(ids)
