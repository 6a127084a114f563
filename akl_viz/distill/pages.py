"""How large the pages of a Parquet file are, by the headers that its reader goes by. Loads no torch.

What the file says of a column as a whole may be untrue without any reader noticing; these sizes are what is allocated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow.parquet import ColumnChunkMetaData

_FIRST = 1 << 16
"""Bytes read for a header at first; statistics in it may need more."""
_LARGEST_HEADER = 1 << 24
"""Bytes of a header at most, as in Arrow's own reader."""
_MOST_PAGES = 200_000
_UNPACKED, _PACKED = 2, 3
"""The numbers of two fields of a header: sizes of its page."""
_ENCODINGS = ((5, 2), (8, 4))
"""Where a header names the encoding of its values, in either version of data pages."""
_UNSHARED = {0, 6}
"""Encodings in which each text stands whole: PLAIN and DELTA_LENGTH_BYTE_ARRAY."""

_Fields = dict[int, "int | _Fields"]


@dataclass(frozen=True)
class Pages:
    """What the pages of a column of a row group hold."""

    size: int
    """Bytes, once they are decompressed."""
    shared: bool
    """Whether one text may stand for many, by a dictionary or as the beginning of those after it."""


def pages_of(path: Path, column: ColumnChunkMetaData) -> Pages:
    """The pages of a column of a row group, by their own headers.

    Raises:
        ValueError: the headers make no sense.
    """
    first = column.data_page_offset
    if column.has_dictionary_page and column.dictionary_page_offset is not None:
        first = min(first, column.dictionary_page_offset or first)
    size, shared = 0, False
    for number, header in enumerate(_headers(path, first, first + column.total_compressed_size)):
        if number == _MOST_PAGES:
            raise ValueError("a column has too many pages")
        size += _whole(header, _UNPACKED)
        for version, encoding in _ENCODINGS:
            inner = header.get(version)
            shared = shared or (isinstance(inner, dict) and inner.get(encoding) not in _UNSHARED)
    return Pages(size, shared)


def _headers(path: Path, place: int, end: int) -> Iterator[_Fields]:
    """The header of each page from a place in the file to another."""
    with path.open("rb") as file:
        while place < end:
            size = _FIRST
            while True:
                file.seek(place)
                content = file.read(size)
                try:
                    fields, length = _structure(content)
                    break
                except IndexError as error:
                    size *= 2
                    if size > _LARGEST_HEADER or len(content) < size // 2:
                        raise ValueError("a page has no whole header") from error
            yield fields
            place += length + _whole(fields, _PACKED)


def _whole(fields: _Fields, name: int) -> int:
    """A size. Raises ValueError where there is none."""
    found = fields.get(name)
    if not isinstance(found, int) or found < 0:
        raise ValueError("a page has no size")
    return found


def _structure(content: bytes) -> tuple[_Fields, int]:
    """The numbers and structures among the fields of one in Thrift's compact protocol, and its length."""
    found: _Fields = {}
    place, name = 0, 0
    while content[place]:
        step, kind = content[place] >> 4, content[place] & 15
        place += 1
        if not step:
            raw, place = _number(content, place)
            name = (raw >> 1) ^ -(raw & 1)
        name += step
        if kind in (4, 5, 6):
            raw, place = _number(content, place)
            found[name] = (raw >> 1) ^ -(raw & 1)
        elif kind == 12:
            found[name], length = _structure(content[place:])
            place += length
        else:
            place = _after(content, place, kind)
    return found, place + 1


def _number(content: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, and the place after it."""
    value, shift = 0, 0
    while True:
        byte = content[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
        if shift > 63:
            raise ValueError("a number has no end")


def _after(content: bytes, place: int, kind: int) -> int:
    """The place after a value that is not needed; page headers hold no lists."""
    if kind in (1, 2):
        return place
    if kind == 3:
        return place + 1
    if kind == 7:
        return place + 8
    if kind == 8:
        length, place = _number(content, place)
        return place + length
    raise ValueError("a header of a page holds what none holds")
