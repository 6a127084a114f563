"""The vocabulary gate: two models are compared only when their ids mean the same tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from akl_viz.errors import VocabularyMismatch
from akl_viz.models.checkpoint import Checkpoint
from akl_viz.models.loading import build_plan, load_tokenizer
from akl_viz.models.locate import locate
from akl_viz.models.memory import is_out_of_memory
from akl_viz.models.quiet import quiet
from akl_viz.models.reference import Policy, Reference
from akl_viz.models.source import Source
from akl_viz.records import SharedVocabulary

_ENDLESS = 2**62
_NAMED = 3
"""How many differing tokens a refusal names."""


def match_vocabularies(teacher: Checkpoint, student: Checkpoint) -> SharedVocabulary:
    """Find the rows both models score, or refuse the pair.

    Both tokenizers must give the same id to the same token, and treat the same ones as added tokens. Rows that one
    side alone has at the end are cut: padding of an embedding, and added tokens that only one tokenizer has (a pad
    token, say), which then must not occur in what is scored (`check_scored`).

    Args:
        teacher: the loaded teacher.
        student: the loaded student.

    Returns:
        The number of shared rows, and how many each model loses. The mass on lost rows is measured with the logits.

    Raises:
        VocabularyMismatch: names the first ids that differ, with both tokens.
    """
    pair = ((teacher.tokenizer, teacher.info.vocab_size), (student.tokenizer, student.info.vocab_size))
    return _shared(*pair)


def compare_tokenizers(teacher: Reference, student: Reference, policy: Policy) -> None:
    """Refuse a pair by its tokenizers and headers, before any weights are read.

    What else may be wrong with a model, or one that is not on this machine yet, is left to the loader.

    Raises:
        VocabularyMismatch: as `match_vocabularies`.
    """
    try:
        with quiet(offline=True):
            pair = [_read(locate(one, policy, download=False)) for one in (teacher, student)]
    except Exception as error:  # whatever the files hold, the loader says what is wrong with them
        if is_out_of_memory(error):
            raise
        return
    _shared(*pair)


def check_scored(teacher: Checkpoint, student: Checkpoint, size: int, text: str, ids: Sequence[int]) -> None:
    """Refuse a text with a token that only one of the two models has.

    Args:
        teacher: the model whose tokenizer cut the text.
        student: the other.
        size: the rows that both have.
        text: the text that is scored.
        ids: its tokens.

    Raises:
        VocabularyMismatch: names the token.
    """
    lone = [
        token for one in (teacher, student) for token, id_ in one.tokenizer.get_added_vocab().items() if id_ >= size
    ]
    beyond = next((id_ for id_ in ids if id_ >= size), None)
    token = next((token for token in lone if token in text), None)
    if beyond is not None and token is None:
        token = teacher.tokenizer.convert_ids_to_tokens(beyond)
    if token is not None:
        raise VocabularyMismatch(
            f"The text holds {_shown(token)}, a token that only one of teacher and student has: "
            "leave it out, or choose a student that was trained with the teacher's tokenizer."
        )


def _read(source: Source) -> tuple[Any, int]:
    """The tokenizer of a model's files, and the rows of its output embedding by its configuration and headers."""
    tokenizer = load_tokenizer(source)
    root = source.base or source
    config = build_plan(root)[0]
    if config is None:
        return tokenizer, len(tokenizer)
    rows = int(config.get_text_config().vocab_size)
    ends = ("embed_tokens.weight", "lm_head.weight", "wte.weight", "embed_in.weight", "embed_out.weight")
    own = [tensor.shape[0] for name, tensor in source.tensors.items() if source.base and name.endswith(ends)]
    return tokenizer, max(own, default=rows)


def _shared(ours: tuple[Any, int], theirs: tuple[Any, int]) -> SharedVocabulary:
    """The rows that two tokenizers, each with a number of rows, share; see `match_vocabularies`."""
    first, second = _tokens(ours[0]), _tokens(theirs[0])
    added = _added(ours[0]), _added(theirs[0])
    size = min(ours[1], theirs[1], _first_lone(first, second, *added))
    _refuse_differing({id_: first.get(id_) for id_ in first.keys() | second.keys()}, second, size, *added)
    for side, (tokens, own, rows) in {
        "teacher": (first, added[0], ours[1]),
        "student": (second, added[1], theirs[1]),
    }.items():
        beyond = [id_ for id_ in tokens if id_ >= rows and id_ not in own]
        if beyond:
            raise VocabularyMismatch(
                f"The {side} scores {rows} tokens, but its tokenizer has {_shown(tokens[max(beyond)])} at id "
                f"{max(beyond)}: use the tokenizer that was saved with the weights."
            )
    return SharedVocabulary(size, teacher_dropped_rows=ours[1] - size, student_dropped_rows=theirs[1] - size)


def _first_lone(first: dict[int, str], second: dict[int, str], ours: set[int], theirs: set[int]) -> int:
    """The lowest id of the added tokens at the end that the two do not share; beyond all ids where there are none."""
    end = max((*first, *second), default=-1) + 1
    lone = end
    for id_ in range(end - 1, -1, -1):
        if (id_ in first and id_ not in ours) or (id_ in second and id_ not in theirs):
            break
        if first.get(id_) != second.get(id_):
            lone = id_
    return lone if lone < end else _ENDLESS


def _refuse_differing(
    first: dict[int, str | None], second: dict[int, str], size: int, ours: set[int], theirs: set[int]
) -> None:
    """Refuse two vocabularies that differ within the shared rows."""
    differing = sorted(id_ for id_ in first if id_ < size and first[id_] != second.get(id_))
    differing += sorted(
        id_ for id_ in first if id_ >= size and first[id_] != second.get(id_) and id_ not in ours | theirs
    )
    if differing:
        named = "; ".join(
            f"id {id_}: {_shown(first[id_])} against {_shown(second.get(id_))}" for id_ in differing[:_NAMED]
        )
        more = f" and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
        raise VocabularyMismatch(
            f"Teacher and student number their tokens differently ({named}{more}): "
            "choose a student that was trained with the teacher's tokenizer."
        )
    added = sorted(id_ for id_ in ours ^ theirs if id_ < size)
    if added:
        raise VocabularyMismatch(
            f"Only one of teacher and student treats id {added[0]}, {_shown(first[added[0]])}, as an added token: "
            "choose a student that was trained with the teacher's tokenizer."
        )


def _tokens(tokenizer: Any) -> dict[int, str]:
    """The vocabulary, added tokens included, by id."""
    return {id_: token for token, id_ in tokenizer.get_vocab().items()}


def _added(tokenizer: Any) -> set[int]:
    """The ids of the added tokens."""
    return set(tokenizer.get_added_vocab().values())


def _shown(token: str | None) -> str:
    """A token in quotes with everything invisible escaped, or "nothing"."""
    return "nothing" if token is None else repr(token)
