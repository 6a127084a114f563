"""The vocabulary gate: two models are compared only when their ids mean the same tokens."""

from __future__ import annotations

from akl_viz.errors import VocabularyMismatch
from akl_viz.models.checkpoint import Checkpoint
from akl_viz.records import SharedVocabulary

_NAMED = 3
"""How many differing tokens a refusal names."""


def match_vocabularies(teacher: Checkpoint, student: Checkpoint) -> SharedVocabulary:
    """Find the rows both models score, or refuse the pair.

    Both tokenizers must give the same id to the same token, and treat the same ones as added tokens. Output
    embeddings that are padded to different sizes are cut to the rows both have; those rows must hold every token.

    Args:
        teacher: the loaded teacher.
        student: the loaded student.

    Returns:
        The number of shared rows, and how many each model loses. The mass on lost rows is measured with the logits.

    Raises:
        VocabularyMismatch: names the first ids that differ, with both tokens.
    """
    ours, theirs = _tokens(teacher), _tokens(student)
    if ours != theirs:
        differing = sorted(id_ for id_ in ours.keys() | theirs.keys() if ours.get(id_) != theirs.get(id_))
        named = "; ".join(
            f"id {id_}: {_shown(ours.get(id_))} against {_shown(theirs.get(id_))}" for id_ in differing[:_NAMED]
        )
        more = f" and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
        raise VocabularyMismatch(
            f"Teacher and student number their tokens differently ({named}{more}): "
            "choose a student that was trained with the teacher's tokenizer."
        )
    added = teacher.tokenizer.get_added_vocab().items() ^ student.tokenizer.get_added_vocab().items()
    if added:
        token, id_ = min(added, key=lambda item: item[1])
        raise VocabularyMismatch(
            f"Only one of teacher and student treats id {id_}, {_shown(token)}, as an added token: "
            "choose a student that was trained with the teacher's tokenizer."
        )
    rows = teacher.info.vocab_size, student.info.vocab_size
    size = min(rows)
    highest = max(ours, default=-1)
    if highest >= size:
        model = "teacher" if rows[0] == size else "student"
        raise VocabularyMismatch(
            f"The {model} scores {size} tokens, but its tokenizer has {_shown(ours[highest])} at id {highest}: "
            "use the tokenizer that was saved with the weights."
        )
    return SharedVocabulary(size, teacher_dropped_rows=rows[0] - size, student_dropped_rows=rows[1] - size)


def _tokens(checkpoint: Checkpoint) -> dict[int, str]:
    """The vocabulary, added tokens included, by id."""
    return {id_: token for token, id_ in checkpoint.tokenizer.get_vocab().items()}


def _shown(token: str | None) -> str:
    """A token in quotes with everything invisible escaped, or "nothing"."""
    return "nothing" if token is None else repr(token)
