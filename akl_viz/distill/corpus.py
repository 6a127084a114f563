"""The text of a run as sequences: what is learnt on, and the held-out part that is measured."""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from akl_viz.distill.config import BUNDLED_TEXT, DataConfig
from akl_viz.distill.content import read_text
from akl_viz.distill.dialogue import Dialogue
from akl_viz.distill.files import Rows, read_rows
from akl_viz.distill.messages import answers, weighs_nothing
from akl_viz.distill.sequences import TokenSequence, Windows
from akl_viz.distill.tables import is_table
from akl_viz.errors import CheckpointUnavailable, InvalidInput
from akl_viz.models.text import begin
from akl_viz.paths import DATA

HELD_OUT_SHARE = 0.05
LEAST_TOKENS = 2
"""Of a text: a token is learnt from the one before it."""
_PIECE = 200_000
"""Characters that are tokenised at a time, so that a long text can be given up halfway."""

Check = Callable[[], None]
Scored = Callable[[str, Sequence[int]], None]
"""Called with every text that is used and its tokens; raises where the models cannot score them."""


@dataclass(frozen=True)
class Corpus:
    """What a run learns on and is measured on."""

    train: Sequence[TokenSequence]
    held_out: tuple[TokenSequence, ...]
    notes: tuple[str, ...] = ()
    """What is worth saying: the text was too short to hold a part out, columns or rows are not used."""
    chats: bool = False
    """Whether a chat template wrote some of it."""


@dataclass(frozen=True)
class _Reader:
    """What reads a text."""

    tokenizer: Any
    check: Check
    scored: Scored


def _anything(text: str, ids: Sequence[int]) -> None:
    """Every text can be scored."""


def load_corpus(
    data: DataConfig, tokenizer: Any, context: int, windows: int, check: Check, scored: Scored | None = None
) -> Corpus:
    """The sequences of a run.

    A text is one stream of tokens, cut into windows; rows of a table without a response are joined to such a stream by
    the end token. Rows with a response are sequences of their own, cut at the window. The last 5 % are held out.

    Args:
        data: which text, and how long a sequence may be.
        tokenizer: what the text is read with; see `reading_of`.
        context: most tokens both models take.
        windows: most held-out sequences.
        check: called between pieces of work; raises to give up.
        scored: called with every text and its tokens.

    Raises:
        InvalidInput: the file is missing, empty, too large, broken, or holds nothing of two tokens or more.
    """
    found = _corpus(data, _Reader(tokenizer, check, scored or _anything), min(data.window, context), windows)
    sequences = (found.train[0],) if isinstance(found.train, Windows) else found.train
    if context < data.window and any(len(one.ids) == context for one in sequences):
        note = f"Sequences end at {context:,} tokens, not at the window of {data.window:,}: the models take no more."
        found = replace(found, notes=(note, *found.notes))
    return found


def _corpus(data: DataConfig, reader: _Reader, length: int, windows: int) -> Corpus:
    """The sequences of at most that length."""
    prompt = min(data.prompt_tokens, length - 1) if data.source != "text" else 1
    if data.text == BUNDLED_TEXT:
        train, held_out = _bundled_streams(reader)
        return Corpus(Windows(train, length, prompt), spaced(held_out, length, windows))
    path = Path(data.text).expanduser()
    if not is_table(path):
        return from_stream(_stream(reader, [read_text(path)], ends=False)[0], length, prompt, windows, path.name)
    rows = read_rows(path, data.column, data.response, reader.check)
    if any(example.response or example.messages for example in rows.examples):
        found = _from_rows(rows, data, reader, length, windows)
    elif data.response_only:
        raise InvalidInput(f"{path.name} has no column of responses: name it, or let the loss count on the whole text.")
    else:
        texts = (example.prompt for example in rows.examples)
        stream, left_out = _stream(reader, texts, ends=True)
        found = from_stream(stream, length, prompt, windows, path.name)
        told = [f"{left_out} texts of fewer than two tokens are left out."] if left_out else []
        told += [f"{path.name} has no responses, so the chat template is not applied."] if data.chat else []
        found = replace(found, notes=(*found.notes, *told))
    return replace(found, notes=(*rows.notes, *found.notes))


def from_stream(stream: Tensor, length: int, prompt: int, windows: int, name: str) -> Corpus:
    """A corpus from one stream of tokens (N,), its end held out."""
    if len(stream) < 2:
        raise InvalidInput(f"{name} holds no text of two tokens or more: a token is learnt from the one before it.")
    kept = max(int(len(stream) * HELD_OUT_SHARE), min(length, len(stream) // 4))
    if kept < 2 or len(stream) - kept < 2:
        note = f"{name} is too short to hold a part out, so students are measured on the text they learn on."
        return Corpus(Windows(stream, length, prompt), spaced(stream, length, windows), (note,))
    return Corpus(Windows(stream[:-kept], length, prompt), spaced(stream[-kept:], length, windows))


def spaced(stream: Tensor, length: int, count: int) -> tuple[TokenSequence, ...]:
    """At most `count` windows of a stream, evenly spaced over all of it."""
    length = min(length, len(stream))
    count = max(1, min(count, len(stream) // length))
    starts = torch.linspace(0, len(stream) - length, count).long().tolist()
    return tuple(TokenSequence(stream[start : start + length]) for start in starts)


def _bundled_streams(reader: _Reader) -> tuple[Tensor, Tensor]:
    """(train, held out): the novels joined by the end token, the last 5 % of each held out."""
    parts: tuple[list[str], list[str]] = ([], [])
    files = sorted((DATA / "corpus").glob("*.txt.xz"))
    if not files:
        raise CheckpointUnavailable(f"The bundled text is not in {DATA / 'corpus'}: run `make data` to build it.")
    for file in files:
        text = lzma.decompress(file.read_bytes()).decode("utf-8")
        cut = text.find("\n\n", int(len(text) * (1 - HELD_OUT_SHARE)))
        parts[0].append(text[:cut])
        parts[1].append(text[cut:].lstrip("\n"))
    train, held_out = (_stream(reader, texts, ends=True)[0] for texts in parts)
    return train, held_out


def _stream(reader: _Reader, texts: Iterable[str], *, ends: bool) -> tuple[Tensor, int]:
    """The tokens of all texts in a row, each with the begin token where it belongs, and how many texts are left out.

    With `ends` the end token follows each, and texts below two tokens are left out.
    """
    tokenizer = reader.tokenizer
    end = tokenizer.eos_token_id
    parts, left_out = [], 0
    for text in texts:
        ids = [id_ for piece in _pieces(text) for id_ in plain_ids(tokenizer, piece, reader.check)]
        if ends and len(ids) < LEAST_TOKENS:
            left_out += 1
            continue
        reader.scored(text, ids)
        ids = [*begin(tokenizer, ids).ids, *ids]
        parts.append(torch.tensor([*ids, *([end] if ends and end is not None else [])], dtype=torch.int64))
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int64), left_out


def plain_ids(tokenizer: Any, text: str, check: Check) -> list[int]:
    """Token ids without special tokens; `check` is called first."""
    check()
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return list(ids)


def _pieces(text: str) -> Iterator[str]:
    """A text cut at line breaks into pieces of about _PIECE characters."""
    start = 0
    while len(text) - start > _PIECE:
        cut = text.find("\n", start + _PIECE)
        if cut < 0:
            break
        yield text[start:cut]
        start = cut
    if start < len(text):
        yield text[start:]


def _from_rows(table: Rows, data: DataConfig, reader: _Reader, length: int, windows: int) -> Corpus:
    """A corpus whose sequences are the rows of a table, each with its prompt."""
    name = Path(data.text).name
    every = data.responses == "all" if data.response_only and data.source == "text" else None
    rows, cut, silent, weighed = [], 0, 0, 0
    with Dialogue(reader.tokenizer, chat=data.chat, every=every, check=reader.check) as dialogue:
        for example in table.examples:
            reader.check()
            row = dialogue.encode(example)
            silent += not (row.learnt if data.response_only else any(map(answers, example.responses())))
            weighed += any(map(weighs_nothing, example.messages))
            if data.response_only and not row.learnt:
                # All that would be learnt is to end the text.
                continue
            first = row.responses[0][0] if data.response_only or data.source != "text" else 1
            if max(2, first + 1) > min(len(row.ids), length):
                continue
            cut += len(row.ids) > length
            reader.scored(
                row.text if len(row.ids) <= length else reader.tokenizer.decode(row.ids[:length]), row.ids[:length]
            )
            ids = torch.tensor(row.ids[:length])
            rows.append(TokenSequence(ids, max(min(row.prompt, len(ids) - 1), 1), data.response_only, row.responses))
        notes, chats = dialogue.notes(), dialogue.chats
    told = _unlearnt(silent, weighed, len(table.examples), data)
    if not rows and silent == len(table.examples):
        raise InvalidInput(
            f"{name} holds no response to learn, since all are empty or of weight 0: name another column, or let the "
            "loss count on the whole text."
        )
    if not rows:
        raise InvalidInput(
            f"{name} holds no row with two tokens or more, of which one is to be learnt, within the "
            f"window of {length} tokens: use longer texts, or a longer window."
        )
    left_out = len(table.examples) - len(rows) - silent * data.response_only
    notes += told + _lost(left_out, cut, len(table.examples), length)
    kept = max(1, int(len(rows) * HELD_OUT_SHARE))
    if len(rows) < 2:
        note = f"{name} has a single usable row, so students are measured on the row they learn on."
        return Corpus(rows, tuple(rows), (*notes, note), chats)
    return Corpus(rows[:-kept], tuple(rows[-kept:][:windows]), notes, chats)


def _unlearnt(silent: int, weighed: int, total: int, data: DataConfig) -> tuple[str, ...]:
    """What becomes of rows without a response among others that have one, and of responses of weight 0."""
    if data.response_only:
        return (f"{silent} of {total} rows are left out: they have no response to learn.",) * bool(silent)
    if data.source != "text":
        return ()
    alone = f"{silent} of {total} rows have no response, so their prompt is learnt alone."
    too = f"{weighed} of {total} rows hold responses of weight 0, which are learnt too where the whole text is."
    return (*[alone] * bool(silent), *[too] * bool(weighed))


def _lost(left_out: int, cut: int, total: int, length: int) -> tuple[str, ...]:
    """What the window takes away."""
    told = []
    if left_out:
        told.append(f"{left_out} of {total} rows are left out: within {length} tokens they hold nothing to learn.")
    if cut:
        told.append(f"{cut} of {total} rows are cut at the window of {length} tokens.")
    return tuple(told)
