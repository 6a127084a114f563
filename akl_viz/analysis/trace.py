"""A text under a pair of models: the token trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from akl_viz.analysis.measure import Block, measure, position_table
from akl_viz.errors import OutOfMemory
from akl_viz.models import (
    Checkpoint,
    LogitBlocks,
    Parts,
    Reading,
    check_scored,
    encode,
    is_out_of_memory,
    logit_blocks,
    match_vocabularies,
    reading_of,
    token_label,
)
from akl_viz.records import TOKEN_FIELDS, FloatArray, PositionTable, Settings, TokenTrace

Progress = Callable[[float, str], None]
"""Told the share done (0 to 1) and the stage; may raise to stop the work."""


def token_trace(
    teacher: Checkpoint,
    student: Checkpoint,
    text: str | Parts,
    settings: Settings | None = None,
    *,
    progress: Progress | None = None,
) -> TokenTrace:
    """Compare two models on every token of a text.

    The models run over the text once, in blocks of positions, so that memory does not grow with length times
    vocabulary; text beyond the shorter context is cut, and the trace says where.

    Args:
        teacher: the model p.
        student: the model q, over the same vocabulary.
        text: at least two tokens of it, as one text or in parts that are read apart.
        settings: mu, boundary, temperature; the defaults if not given.
        progress: called after every block.

    Returns:
        The trace; nats; NaN where a token has no prefix.

    Raises:
        VocabularyMismatch: the models do not number the same tokens alike.
        InvalidInput: the text gives fewer than two tokens, or a model's logits are not finite.
        OutOfMemory: memory ended on the way.
    """
    try:
        return _trace(teacher, student, text, settings or Settings(), progress)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Outside the handler: the failed allocation's frames hold logits and caches, and this error must not hold them.
    raise OutOfMemory(
        f"Memory ended while {teacher.info.reference} and {student.info.reference} scored the text on "
        f"{teacher.info.device}: choose a shorter text, a smaller model or dtype, or the device cpu."
    )


def _trace(
    teacher: Checkpoint, student: Checkpoint, text: str | Parts, settings: Settings, progress: Progress | None
) -> TokenTrace:
    """See `token_trace`."""
    shared = match_vocabularies(teacher, student)
    reading = reading_of(teacher, student)
    encoded = encode(reading.tokenizer, text, min(teacher.info.context, student.info.context))
    # First the model whose tokenizer cut the text.
    check_scored(student, teacher, shared.size, encoded.text, encoded.ids)
    streams = (
        logit_blocks(teacher, encoded.ids, rows=shared.size, side="teacher"),
        logit_blocks(student, encoded.ids, rows=shared.size, side="student"),
    )
    seconds = {"models": 0.0, "analysis": 0.0}
    blocks = list(_measured(streams, torch.tensor(encoded.ids), settings, seconds, progress))
    columns, table = _assemble(blocks, len(encoded))
    drawn = (int(token) for token in np.unique(table.ids) if token >= 0)
    return TokenTrace(
        text=encoded.text,
        teacher=teacher.info,
        student=student.info,
        settings=settings,
        ids=np.asarray(encoded.ids, dtype=np.int64),
        pieces=encoded.pieces,
        labels=encoded.labels,
        scored=np.arange(len(encoded)) > 0,
        columns=columns,
        table=table,
        vocabulary={token: token_label(reading.tokenizer, token) for token in drawn},
        shared=replace(
            shared, teacher_dropped_mass=streams[0].dropped_mass, student_dropped_mass=streams[1].dropped_mass
        ),
        cut=encoded.cut,
        seconds=seconds,
        notes=(*_differences(reading, text), *encoded.notes),
    )


def _differences(reading: Reading, text: str | Parts) -> tuple[str, ...]:
    """What the two tokenizers would do otherwise with such a text."""
    parts = Parts((text,)) if isinstance(text, str) else text
    return reading.notes(texts=not parts.rendered, ended=parts.ends, chats=parts.rendered)


def _measured(
    streams: tuple[LogitBlocks, LogitBlocks],
    ids: Tensor,
    settings: Settings,
    seconds: dict[str, float],
    progress: Progress | None,
) -> Iterator[Block]:
    """Statistics of every scored position, in order; both models advance block by block."""
    total, done = len(ids) - 1, 0
    while done < total:
        started = time.process_time()
        teacher, student = (next(stream) for stream in streams)
        measuring = time.process_time()
        rows = len(teacher)
        yield from measure(teacher, student.to(teacher.device), ids[done + 1 :][:rows].to(teacher.device), settings)
        done += rows
        seconds["models"] += measuring - started
        seconds["analysis"] += time.process_time() - measuring
        if progress:
            progress(done / total, f"Scored {done} of {total} positions")


def _assemble(blocks: list[Block], length: int) -> tuple[dict[str, FloatArray], PositionTable]:
    """Columns and table over all tokens; the first token has no prefix and stays NaN."""
    columns = {}
    for name in TOKEN_FIELDS:
        column = np.full(length, np.nan)
        column[1:] = np.concatenate([block.columns[name] for block in blocks])
        columns[name] = column
    return columns, position_table(blocks, length, first=1)
