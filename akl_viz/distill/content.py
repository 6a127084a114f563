"""The bytes and the text of a file a user brings: a plain file of a bounded size, in UTF-8. Loads no torch."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from akl_viz.errors import InvalidInput

LARGEST_MB = 200
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path, largest_mb: int = LARGEST_MB) -> str:
    """A UTF-8 file as text, without its byte order mark.

    Args:
        path: the file.
        largest_mb: most megabytes that are read.

    Raises:
        InvalidInput: the file is missing, a device or a pipe, empty, too large, or in another encoding.
    """
    content = read_content(path, largest_mb)
    if content.startswith(_UTF_16):
        raise InvalidInput(f"{path.name} is UTF-16 or UTF-32 text, as its first bytes say: convert it to UTF-8 first.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is not UTF-8 text (byte {error.start}): convert it first.") from error
    if "\0" in text:
        raise InvalidInput(
            f"{path.name} holds a zero byte (character {text.index(chr(0))}), as UTF-16 and binary files do: "
            "convert it to UTF-8 text first."
        )
    if not text.strip():
        raise InvalidInput(f"{path.name} is empty: choose a file with text.")
    return text


def read_content(path: Path, largest_mb: int = LARGEST_MB) -> bytes:
    """The content of a plain file, never more than the limit. Raises InvalidInput as `read_text` does."""
    check_file(path, largest_mb)
    try:
        # Nothing waits here, should the file have become a pipe since it was looked at.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            content = file.read(largest_mb * 1_000_000 + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror}): check the file's rights.") from error
    if len(content) > largest_mb * 1_000_000:
        raise InvalidInput(_too_large(path, largest_mb))
    return content


def check_file(path: Path, largest_mb: int = LARGEST_MB) -> None:
    """Refuse, unopened, what is missing, no plain file, empty or too large. Raises InvalidInput."""
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no valid path"
        raise InvalidInput(f"{path} cannot be read ({reason}): check the path of the text.") from error
    if stat.S_ISDIR(facts.st_mode):
        raise InvalidInput(f"{path} cannot be read (Is a directory): choose a file in it.")
    if not stat.S_ISREG(facts.st_mode):
        raise InvalidInput(f"{path} is a device or a pipe, not a file: write the text to a file first.")
    if facts.st_size == 0:
        raise InvalidInput(f"{path.name} is empty: choose a file with text.")
    if facts.st_size > largest_mb * 1_000_000:
        raise InvalidInput(_too_large(path, largest_mb))


def _too_large(path: Path, largest_mb: int) -> str:
    return f"{path.name} is larger than {largest_mb} MB: use a part of it."
