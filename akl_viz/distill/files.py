"""Texts a user brings: .txt, .jsonl, .csv and .parquet, read as data and refused in one sentence. Loads no torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from akl_viz.errors import InvalidInput

LARGEST_MB = 200
_LARGEST_UNPACKED = 2_000_000_000
TEXT_NAMES = ("text", "content", "document", "story")
PROMPT_NAMES = ("prompt", "instruction", "question", "query")
RESPONSE_NAMES = ("response", "output", "answer", "completion")
MESSAGE_NAMES = ("messages", "conversation")


@dataclass(frozen=True)
class Example:
    """One row: a text alone (as the prompt), a prompt with a response, or the messages of a chat."""

    prompt: str = ""
    response: str = ""
    messages: tuple[dict[str, str], ...] = ()


def read_text(path: Path) -> str:
    """A UTF-8 file as text. Raises InvalidInput where it is missing, empty, too large or not UTF-8."""
    try:
        text = _bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is not UTF-8 text (byte {error.start}): convert it first.") from error
    if not text.strip():
        raise InvalidInput(f"{path.name} is empty: choose a file with text.")
    return text


def read_examples(path: Path, column: str = "", response: str = "") -> list[Example]:
    """The rows of a .jsonl, .csv or .parquet file.

    Args:
        path: the file.
        column: name of the column with the text or the prompt; empty: the first of the usual names.
        response: name of the column with the response; empty: the first of the usual names, if there is one.

    Raises:
        InvalidInput: the file is missing, empty, larger than 200 MB or broken (a line is named by its number), or has
            no such column.
    """
    readers: dict[str, Callable[[Path], Iterator[tuple[str, Mapping[str, Any]]]]] = {
        ".jsonl": _jsonl_rows,
        ".csv": _csv_rows,
        ".parquet": _parquet_rows,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InvalidInput(f"{path.name} is of no known kind: give a .txt, .jsonl, .csv or .parquet file.")
    examples = []
    for where, row in reader(path):
        first = column or _usual(row, (*MESSAGE_NAMES, *TEXT_NAMES, *PROMPT_NAMES))
        second = response or (_usual(row, RESPONSE_NAMES) if first in PROMPT_NAMES or column else "")
        missing = next((name for name in (first, response) if name and name not in row), None)
        if not first or missing:
            found = ", ".join(map(str, list(row)[:8])) or "none"
            raise InvalidInput(f"{where} has no column {missing or 'with a usual name'}: choose one of {found}.")
        examples.append(_example(where, row, first, second))
    if not examples:
        raise InvalidInput(f"{path.name} has no rows: choose a file with text.")
    return examples


def _example(where: str, row: Mapping[str, Any], first: str, second: str) -> Example:
    """One row from its columns."""
    value = row[first]
    if isinstance(value, list | tuple) or hasattr(value, "tolist"):
        return Example(messages=_messages(where, first, list(value)))
    response = row[second] if second else ""
    for name, part in ((first, value), (second, response)):
        if not isinstance(part, str):
            raise InvalidInput(f"{where} holds no text in the column {name}: choose a column of texts.")
    return Example(prompt=value, response=response)


def _messages(where: str, name: str, values: list[Any]) -> tuple[dict[str, str], ...]:
    """The messages of a chat: objects with a role and a content."""
    for value in values:
        good = isinstance(value, Mapping) and all(isinstance(value.get(key), str) for key in ("role", "content"))
        if not good:
            raise InvalidInput(f"{where} holds in {name} a message without role and content: write both as texts.")
    if not values or values[-1]["role"] != "assistant":
        raise InvalidInput(f"{where} holds a chat that does not end with the assistant's message: add its response.")
    return tuple({"role": value["role"], "content": value["content"]} for value in values)


def _usual(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of the names that the row has, or an empty one."""
    return next((name for name in names if name in row), "")


def _jsonl_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"Line {number} of {path.name}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"{where} is not valid JSON: mend or remove that line.") from error
        if not isinstance(row, dict):
            raise InvalidInput(f"{where} is not a JSON object: write each line as an object with named columns.")
        yield where, row


def _csv_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    read_text(path)
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise InvalidInput(f"{path.name} is not a valid CSV file ({reason}): mend it.") from error
    return _frame_rows(path, frame)


def _parquet_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import pyarrow.parquet as parquet

    _bytes_checked(path)
    try:
        facts = parquet.ParquetFile(path).metadata
        unpacked = sum(facts.row_group(place).total_byte_size for place in range(facts.num_row_groups))
        if unpacked > _LARGEST_UNPACKED:
            raise InvalidInput(f"{path.name} is larger than 2 GB when unpacked: use a part of it.")
        frame = pd.read_parquet(path)
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(f"{path.name} is not a valid Parquet file: write it again.") from error
    return _frame_rows(path, frame)


def _frame_rows(path: Path, frame: pd.DataFrame) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a table, counted from 1."""
    columns = [str(name) for name in frame.columns]
    for number, values in enumerate(frame.itertuples(index=False, name=None), start=1):
        yield f"Row {number} of {path.name}", dict(zip(columns, values, strict=True))


def _bytes_checked(path: Path) -> None:
    """Refuse a file that is missing, no file, empty or too large."""
    try:
        size, plain = path.stat().st_size, path.is_file()
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: check the path of the text.") from error
    if not plain:
        raise InvalidInput(f"{path} is not a file: choose a .txt, .jsonl, .csv or .parquet file.")
    if size == 0:
        raise InvalidInput(f"{path.name} is empty: choose a file with text.")
    if size > LARGEST_MB * 1_000_000:
        raise InvalidInput(f"{path.name} is larger than {LARGEST_MB} MB: use a part of it.")


def _bytes(path: Path) -> bytes:
    """The content of a file that passed the checks."""
    _bytes_checked(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror}): check the file's rights.") from error
