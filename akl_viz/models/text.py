"""From a text to tokens that know which stretch of it they stand for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from akl_viz.errors import InvalidInput
from akl_viz.models.token_labels import bytes_shown, split_utf8, token_bytes, token_label, visible
from akl_viz.records import Cut

FEWEST_TOKENS = 2
"""A token is scored from its prefix, so one token alone has nothing to score."""

_SHOWING = 64
"""Tokens of a text that surely show where it begins."""

_LOCK = threading.Lock()


@dataclass(frozen=True)
class Parts:
    """A text in stretches that are read apart, so that no token lies in two of them: a prompt and its response."""

    texts: tuple[str, ...]
    rendered: bool = False
    """Whether a chat template wrote it, with all special tokens that belong there."""
    ends: bool = False
    """Whether the end token follows."""


@dataclass(frozen=True)
class Begin:
    """What stands before the tokens of a text, decided here for everything that reads one."""

    ids: tuple[int, ...] = ()
    note: str = ""
    """What a reader should know: the text brings its own begin token, or its template writes none."""


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
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.ids)


def begin(tokenizer: Any, ids: Sequence[int], *, rendered: bool = False) -> Begin:
    """The tokens to put before those of a text: never the begin token twice, never none where it belongs.

    It belongs before a plain text where the tokenizer puts it there by itself, or is set to do so, unless the text
    has it already. A chat template writes it or leaves it out by itself.

    Args:
        tokenizer: a fast tokenizer.
        ids: of the text, without special tokens put around it.
        rendered: whether a chat template wrote the text.
    """
    own = _own(tokenizer, ids)
    first = tokenizer.bos_token_id
    if not own and first is not None and getattr(tokenizer, "add_bos_token", False) is True:
        own = (first,)
    if not own:
        return Begin()
    token = token_label(tokenizer, own[0])
    if ids and ids[0] in own:
        note = "" if rendered else f"The text already begins with the begin token {token}, so none is put before it."
        return Begin(note=note)
    if rendered:
        return Begin(note=f"The chat template writes no begin token {token}, so the chat is read without one.")
    return Begin(own)


def _own(tokenizer: Any, ids: Sequence[int]) -> tuple[int, ...]:
    """What a tokenizer puts before a text by itself, as its own mask of special tokens says."""
    # A vocabulary without the letter gives it no token; the text itself has some.
    for letter in ("a", ""):
        shown = letter or tokenizer.decode(list(ids[:_SHOWING]))
        with _LOCK:
            batch = tokenizer(shown, return_special_tokens_mask=True, verbose=False)
        around, mask = list(batch["input_ids"]), list(batch["special_tokens_mask"])
        if 0 in mask:
            return tuple(around[: mask.index(0)])
    return ()


def part_ids(tokenizer: Any, parts: Parts) -> tuple[list[list[int]], str]:
    """Token ids of each stretch, the begin token with the first and the end token with the last, and a note.

    These are the ids that `encode` gives for the same parts.
    """
    with _LOCK:
        found = [
            list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]) if text else []
            for text in parts.texts
        ]
    before = begin(tokenizer, next((ids for ids in found if ids), []), rendered=parts.rendered)
    found[0] = [*before.ids, *found[0]]
    if parts.ends and tokenizer.eos_token_id is not None:
        found[-1].append(tokenizer.eos_token_id)
    return found, before.note


def encode(tokenizer: Any, text: str | Parts, limit: int) -> Encoded:
    """Cut a text into tokens, with the special tokens that belong around it; see `begin`.

    Each piece runs from where the pieces before it ended to where its own token ends, so whitespace that a
    tokenizer leaves out of its offsets goes to the token after it. Of several tokens that share a character the
    first gets it. A text beyond the limit ends at the last token that completes a character.

    Args:
        tokenizer: a fast tokenizer.
        text: any text, or one in stretches that are read apart.
        limit: most tokens to keep: the smaller context of the two models.

    Raises:
        InvalidInput: the text is empty, is no valid Unicode, or gives fewer than two tokens.
    """
    parts = Parts((text,)) if isinstance(text, str) else text
    whole, text = isinstance(text, str), "".join(parts.texts)
    if not text:
        raise InvalidInput("The text is empty: give a text of at least two tokens.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"The text holds half a character (a lone surrogate) at position {error.start}: remove it."
        ) from error
    tokens, note = _whole(tokenizer, text) if whole else _apart(tokenizer, parts)
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
    return Encoded(text, tokens.ids[:kept], pieces, labels, tokens.leading, cut, (note,) if note else ())


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

    @property
    def leading(self) -> int:
        """Number of tokens that the tokenizer put in front."""
        return next((place for place, special in enumerate(self.added) if not special), len(self.ids))

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


def _tokenize(tokenizer: Any, text: str, *, special: bool = True) -> _Tokens:
    """Run the tokenizer; it keeps state while it runs, so threads take turns."""
    with _LOCK:
        batch = tokenizer(
            text,
            add_special_tokens=special,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            truncation=False,
            verbose=False,
        )
    spans = tuple((int(start), int(end)) for start, end in batch["offset_mapping"])
    return _tokens(tuple(batch["input_ids"]), spans, tuple(bool(flag) for flag in batch["special_tokens_mask"]))


def _tokens(ids: tuple[int, ...], spans: tuple[tuple[int, int], ...], added: tuple[bool, ...]) -> _Tokens:
    return _Tokens(ids, spans, added, tuple(accumulate((end for _, end in spans), max)))


def _whole(tokenizer: Any, text: str) -> tuple[_Tokens, str]:
    """A plain text with what the tokenizer puts around it, and a note."""
    tokens = _tokenize(tokenizer, text)
    lead = tokens.leading
    before = begin(tokenizer, tokens.ids[lead:])
    put = len(before.ids)
    return (
        _tokens(
            before.ids + tokens.ids[lead:],
            ((0, 0),) * put + tokens.spans[lead:],
            (True,) * put + tokens.added[lead:],
        ),
        before.note,
    )


def _apart(tokenizer: Any, parts: Parts) -> tuple[_Tokens, str]:
    """A text in stretches, with what belongs around it, and a note."""
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    offset = 0
    for text in parts.texts:
        tokens = _tokenize(tokenizer, text, special=False) if text else _tokens((), (), ())
        ids += tokens.ids
        spans += [(start + offset, end + offset) for start, end in tokens.spans]
        offset += len(text)
    before = begin(tokenizer, ids, rendered=parts.rendered)
    end = (tokenizer.eos_token_id,) if parts.ends and tokenizer.eos_token_id is not None else ()
    put = len(before.ids)
    return (
        _tokens(
            (*before.ids, *ids, *end),
            (*((0, 0),) * put, *spans, *((offset, offset),) * len(end)),
            (True,) * put + (False,) * len(ids) + (True,) * len(end),
        ),
        before.note,
    )


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
