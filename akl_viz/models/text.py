"""From a text to tokens that know which stretch of it they stand for."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from akl_viz.errors import InvalidInput
from akl_viz.models.token_labels import bytes_shown, split_utf8, token_bytes, token_label, visible
from akl_viz.records import Cut

FEWEST_TOKENS = 2
"""A token is scored from its prefix, so one token alone has nothing to score."""

_LOCK = threading.Lock()


@dataclass(frozen=True)
class Encoded:
    """A text as a model reads it; the pieces joined are the text."""

    text: str
    """The text that is kept: all of it, or up to where the context ends."""
    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    """Per token its stretch of the text; "" for added special tokens and later parts of a split character."""
    labels: tuple[str, ...]
    """Per token how it is shown; a part of a split character is the character and its bytes: é⟨C3⟩, é⟨A9⟩."""
    n_prefix: int
    """Number of special tokens the tokenizer put in front."""
    cut: Cut | None = None

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.ids)


def encode(tokenizer: Any, text: str, limit: int) -> Encoded:
    """Cut a text into tokens, with the special tokens the tokenizer adds by itself.

    Each piece runs from where the pieces before it ended to where its own token ends, so whitespace that a
    tokenizer leaves out of its offsets goes to the token after it. Of several tokens that share a character the
    first gets it. A text beyond the limit ends at the last token that completes a character.

    Args:
        tokenizer: a fast tokenizer.
        text: any text.
        limit: most tokens to keep: the smaller context of the two models.

    Raises:
        InvalidInput: the text is empty, is no valid Unicode, or gives fewer than two tokens.
    """
    if not text:
        raise InvalidInput("The text is empty: give a text of at least two tokens.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"The text holds half a character (a lone surrogate) at position {error.start}: remove it."
        ) from error
    tokens = _tokenize(tokenizer, text)
    kept = tokens.kept(limit)
    if kept < FEWEST_TOKENS or all(tokens.added[:kept]):
        where = f"Within a context of {limit} tokens the" if len(tokens.ids) > limit else "The"
        raise InvalidInput(
            f"{where} text has no token with another one before it to score it from: give a longer text."
        )
    cut = None
    if kept < len(tokens.ids):
        text = text[: tokens.ends[kept - 1]]
        cut = Cut(tokens_kept=kept, tokens_dropped=len(tokens.ids) - kept, character=len(text), context=limit)
    pieces = tokens.pieces(text, kept)
    labels = tuple(_label(tokenizer, text, tokens, place, pieces[place]) for place in range(kept))
    n_prefix = next(place for place, special in enumerate(tokens.added) if not special)
    return Encoded(text, tokens.ids[:kept], pieces, labels, n_prefix, cut)


@dataclass(frozen=True)
class _Tokens:
    """What a tokenizer says about a text, before any of it is cut."""

    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    """Per token the characters it touches; several tokens touch one split character."""
    added: tuple[bool, ...]
    """Whether the tokenizer put the token there by itself."""
    ends: tuple[int, ...]
    """Per token where the text that it and all before it touch ends."""

    def shares(self, place: int) -> bool:
        """Whether a token touches a character that the token before it touches too."""
        return 0 < place < len(self.ids) and not self.added[place] and self.spans[place][0] < self.ends[place - 1]

    def kept(self, limit: int) -> int:
        """Number of tokens within the limit that do not end inside a character."""
        if len(self.ids) <= limit:
            return len(self.ids)
        while limit > 0 and self.shares(limit):
            limit -= 1
        return limit

    def pieces(self, text: str, kept: int) -> tuple[str, ...]:
        """The stretch of the text each kept token stands for; what is left at the end goes to the last one."""
        last = max(place for place in range(kept) if not self.added[place])
        stops = [len(text) if place >= last else self.ends[place] for place in range(kept)]
        starts = [0, *stops[:-1]]
        return tuple(text[start:stop] for start, stop in zip(starts, stops, strict=True))


def _tokenize(tokenizer: Any, text: str) -> _Tokens:
    """Run the tokenizer; it keeps state while it runs, so threads take turns."""
    with _LOCK:
        batch = tokenizer(
            text, return_offsets_mapping=True, return_special_tokens_mask=True, truncation=False, verbose=False
        )
    spans = tuple((int(start), int(end)) for start, end in batch["offset_mapping"])
    added = tuple(bool(flag) for flag in batch["special_tokens_mask"])
    ends = tuple(accumulate((end for _, end in spans), max))
    return _Tokens(tuple(batch["input_ids"]), spans, added, ends)


def _label(tokenizer: Any, text: str, tokens: _Tokens, place: int, piece: str) -> str:
    """How a token of the text is shown."""
    token_id = tokens.ids[place]
    if not tokens.added[place] and (tokens.shares(place) or tokens.shares(place + 1)):
        parts = split_utf8(token_bytes(tokenizer, token_id) or b"")
        partial = b"".join(part for part in parts if isinstance(part, bytes))
        start, end = tokens.spans[place]
        if partial:
            return visible(text[start:end]) + bytes_shown(partial)
    return visible(piece) if piece else token_label(tokenizer, token_id)
