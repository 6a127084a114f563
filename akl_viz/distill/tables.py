"""The rows of a .jsonl, .csv or .parquet file, one after the other and within bounds. Loads no torch.

A file is data of strangers: a few hundred bytes of Parquet can stand for many gigabytes. So every format has a limit
for its rows, its columns and what a row becomes in memory, checked before that much is decoded.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akl_viz.distill.content import check_file, read_text
from akl_viz.distill.pages import pages_of
from akl_viz.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import FileMetaData, ParquetFile

Row = Mapping[str, Any]

_KINDS = (".jsonl", ".csv", ".parquet")
# fmt: off
_OTHER_TABLES = {
    ".ndjson", ".jsonlines", ".jl", ".ldjson", ".json5", ".tsv", ".tab", ".psv", ".xls", ".xlsx", ".ods", ".arrow",
    ".feather", ".ipc", ".orc", ".avro", ".db", ".sqlite", ".gz", ".bz2", ".xz", ".zst", ".zip",
}
# fmt: on
"""Kinds of tables that are not read here, and compressed files, which hold anything."""

MOST_ROWS = 2_000_000
MOST_COLUMNS = 2_000
MOST_CHARACTERS = 50_000_000
"""Of one row: 50 million characters of JSON hold at most some 17 million values."""
LARGEST_UNPACKED = 2_000_000_000
"""Bytes a Parquet file may stand for."""
MOST_VALUES = 100_000_000
"""Values of a Parquet file; a value that is absent costs no byte in it, but some in memory."""
_LOOK = (
    "import sys, pyarrow.parquet as p; m = p.read_metadata(sys.argv[1]); "
    "[m.row_group(g).column(c) for g in range(m.num_row_groups) for c in range(m.num_columns)]"
)
"""A program that looks at what is looked at here."""
_LOOK_S = 120
_BATCH = 512
_DECODED = 200_000_000
"""Bytes that may be decoded at a time of columns that are not kept packed."""
_DELTA = {"DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"}
"""Encodings of texts that Arrow cannot read and keep packed."""


def is_table(path: Path) -> bool:
    """Whether a file is read as rows; any other one is a text.

    Raises:
        InvalidInput: by its name it holds rows, but of a kind that is not read.
    """
    kind = path.suffix.lower()
    if kind == ".json":
        raise InvalidInput(
            f"{path.name} is JSON, not text: write its rows as .jsonl, one object a line, or its text as .txt."
        )
    if kind in _OTHER_TABLES:
        raise InvalidInput(_unknown(path))
    return kind in _KINDS


def _unknown(path: Path) -> str:
    return f"{path.name} is of no known kind: give a .txt, .jsonl, .csv or .parquet file."


def rows_of(path: Path) -> Iterator[tuple[str, Row]]:
    """The rows of a table, each with the words that name its place: "Line 3 of a.jsonl".

    Raises:
        InvalidInput: the file is of no known kind, missing, empty, larger than a limit, or broken.
    """
    readers = dict(zip(_KINDS, (_jsonl_rows, _csv_rows, _parquet_rows), strict=True))
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InvalidInput(_unknown(path))
    for number, found in enumerate(reader(path)):
        if number == MOST_ROWS:
            raise InvalidInput(f"{path.name} has more than {MOST_ROWS:,} rows: use a part of it.")
        yield found


def _columns_checked(where: str, count: int) -> None:
    if count > MOST_COLUMNS:
        raise InvalidInput(f"{where} has {count:,} columns, more than {MOST_COLUMNS:,}: keep those with text.")


def _names_checked(path: Path, names: Sequence[str], inside: str = "") -> None:
    """Refuse two columns, or fields of one, of the same name: the last would hide the others."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        within = f" in {inside}" if inside else ""
        raise InvalidInput(f"{path.name} has two columns named {twice!r}{within}: rename one of them.")


def _length_checked(where: str, length: int) -> None:
    if length > MOST_CHARACTERS:
        raise InvalidInput(f"{where} is longer than {MOST_CHARACTERS:,} characters: split it into several rows.")


def _jsonl_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """One JSON object a line; only line feeds end a line, since JSON texts may hold the other separators."""
    for number, line in enumerate(io.StringIO(read_text(path), newline="\n"), start=1):
        if not line.strip():
            continue
        where = f"Line {number} of {path.name}"
        _length_checked(where, len(line))
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except _Twice as error:
            raise InvalidInput(f"{where} names {error} twice in one object: keep one of them.") from error
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"{where} is not valid JSON: mend or remove that line.") from error
        if not isinstance(row, dict):
            raise InvalidInput(f"{where} is not a JSON object: write each line as an object with named columns.")
        _columns_checked(where, len(row))
        if "\\ud" in line.lower():
            _whole_characters(where, row)
        yield where, row


class _Twice(Exception):
    """A JSON object names a key twice: JSON would keep the last without a word."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _whole_characters(where: str, row: Row) -> None:
    """Refuse half a character, which an escape in JSON can write and no tokenizer can read."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{where} holds half a character (a lone surrogate): mend or remove that line.") from error


def _csv_rows(path: Path) -> Iterator[tuple[str, Row]]:
    text = read_text(path)
    csv.field_size_limit(MOST_CHARACTERS)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = next(reader)
        _columns_checked(path.name, len(names))
        _names_checked(path, names)
        for number, cells in enumerate((cells for cells in reader if cells), start=1):
            where = f"Row {number} of {path.name}"
            if len(cells) > len(names):
                raise InvalidInput(f"{where} has {len(cells)} cells under {len(names)} names: mend it, or its quotes.")
            yield where, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise InvalidInput(f"{path.name} is not a valid CSV file ({error}): mend it.") from error


def _parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    check_file(path)
    number = 0
    try:
        for file, rows in _opened(path):
            unpacked, most = 0, 1
            for batch in file.iter_batches(rows):
                size = sum(map(_plain_bytes, batch.columns))
                unpacked, most = unpacked + size, max(most, size)
                _unpacked_checked(path, unpacked)
            # Now it is known what a batch holds, where it could only be feared before.
            for batch in file.iter_batches(max(rows, min(_BATCH, rows * (_DECODED // most)))):
                for row in batch.to_pylist():
                    number += 1
                    yield f"Row {number} of {path.name}", _without_index(row)
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(f"{path.name} is not a valid Parquet file: write it again.") from error


def _opened(path: Path) -> Iterator[tuple[ParquetFile, int]]:
    """The file, once what it says of itself is within the limits, and how many rows of it may be decoded at a time.

    Repeated texts stay packed while they are read, except in columns in which texts share their beginnings: Arrow
    cannot keep those packed.
    """
    import pyarrow.parquet as parquet

    facts = parquet.read_metadata(path)
    _columns_checked(path.name, facts.num_columns)
    _fields_checked(path, list(facts.schema.to_arrow_schema()))
    if facts.num_rows > MOST_ROWS:
        raise InvalidInput(f"{path.name} has more than {MOST_ROWS:,} rows: use a part of it.")
    _survived(path)
    groups = [facts.row_group(place) for place in range(facts.num_row_groups)]
    _unpacked_checked(path, sum(group.total_byte_size for group in groups))
    values = sum(group.column(place).num_values for group in groups for place in range(group.num_columns))
    if values > MOST_VALUES:
        raise InvalidInput(f"{path.name} holds more than {MOST_VALUES:,} values: use a part of it.")
    leaves = [facts.schema.column(place) for place in range(facts.num_columns)]
    texts = {place for place, leaf in enumerate(leaves) if leaf.physical_type == "BYTE_ARRAY"}
    loose = {place for place in texts if any(_DELTA & set(group.column(place).encodings) for group in groups)}
    packed = [leaves[place].path for place in sorted(texts - loose)]
    with parquet.ParquetFile(path, read_dictionary=packed) as file:
        yield file, _rows_at_a_time(path, facts, loose)


def _survived(path: Path) -> None:
    """Refuse a file whose facts end the process that looks at them, as some broken ones do in Arrow.

    Raises:
        ValueError: another process did not survive it.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", _LOOK, str(path)], capture_output=True, timeout=_LOOK_S, check=False
    )
    if done.returncode:
        raise ValueError("what the file says of its columns is broken")


def _fields_checked(path: Path, fields: list[pa.Field], inside: str = "") -> None:
    """Refuse columns, or fields inside them, of the same name."""
    _names_checked(path, [one.name for one in fields], inside)
    for one in fields:
        within = [one.type.field(place) for place in range(one.type.num_fields)]
        _fields_checked(path, within, f"{inside}.{one.name}" if inside else one.name)


def _rows_at_a_time(path: Path, facts: FileMetaData, loose: set[int]) -> int:
    """How many rows may be decoded at a time, of columns that are not kept packed.

    A text is no longer than all pages of its column together, but each may be as long.
    """
    longest = dict.fromkeys(loose, 0)
    for number in range(facts.num_row_groups):
        for place in loose:
            column = facts.row_group(number).column(place)
            found = pages_of(path, column)
            _unpacked_checked(path, found.size)
            if not found.shared:
                continue
            longest[place] = max(longest[place], found.size)
            if facts.schema.column(place).max_repetition_level and found.size * column.num_values > LARGEST_UNPACKED:
                # A row may hold any number of them.
                raise InvalidInput(
                    f"{path.name} packs the texts of {column.path_in_schema} so that they could stand for more than "
                    "2 GB (DELTA_BYTE_ARRAY in a list): write it with another encoding."
                )
    return max(1, min(_BATCH, _DECODED // max(1, sum(longest.values()))))


def _unpacked_checked(path: Path, size: int) -> None:
    if size > LARGEST_UNPACKED:
        raise InvalidInput(f"{path.name} is larger than 2 GB when unpacked: use a part of it.")


def _plain_bytes(array: pa.Array) -> int:
    """Bytes of an array once no text in it is shared."""
    import pyarrow as pa
    import pyarrow.compute as compute

    if isinstance(array, pa.DictionaryArray):
        lengths = compute.binary_length(array.dictionary).cast(pa.int64())
        return int(compute.sum(lengths.take(array.indices)).as_py() or 0) + 8 * len(array)
    if isinstance(array, pa.StructArray):
        return sum(map(_plain_bytes, array.flatten())) + len(array)
    if isinstance(array, pa.MapArray):
        return _plain_bytes(array.keys) + _plain_bytes(array.items) + 8 * len(array)
    if isinstance(array, pa.ListArray | pa.LargeListArray):
        return _plain_bytes(array.flatten()) + 8 * len(array)
    return int(array.nbytes)


def _without_index(row: dict[str, Any]) -> Row:
    """A row without the index that pandas stores beside the columns, and without what other rows alone have."""
    return {name: _present(value) for name, value in row.items() if not name.startswith("__index_level_")}


def _present(value: Any) -> Any:
    """A nested value without absent fields: a table gives every object the fields that one object has."""
    if isinstance(value, Mapping):
        return {name: _present(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_present(inner) for inner in value]
    return value
