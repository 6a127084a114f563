"""The mistakes a user can make. Each message is one sentence that says what is wrong and what to do."""

from __future__ import annotations


class AklVizError(Exception):
    """Base of every error that is shown to a user as it stands (page: a box; command line: one line, exit code 2)."""


class InvalidInput(AklVizError, ValueError):
    """A value, text or tensor that no computation can accept: NaN logits, an unknown key, an empty text."""


class CheckpointUnavailable(AklVizError, RuntimeError):
    """A model reference that cannot be loaded; the message names the file and the remedy."""


class OutOfMemory(CheckpointUnavailable):
    """A model did not fit into memory, at loading or while it scored a text."""


class VocabularyMismatch(AklVizError, ValueError):
    """Teacher and student do not number the same tokens in the same way."""


class Cancelled(AklVizError, RuntimeError):
    """Work stopped because the user asked for it."""
