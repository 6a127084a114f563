"""Parquet files in every encoding of texts: read as written, and bounded also where texts share their beginnings."""

from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from akl_viz.distill import tables
from akl_viz.distill.files import Example, read_rows
from akl_viz.distill.pages import pages_of
from akl_viz.errors import InvalidInput
from tests.distill.test_files import SO, WHY

DELTA = ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"]
EVERY = [*DELTA, "PLAIN", None]
TEXTS = [f"It is a truth number {place}" for place in range(1_500)]
FLAT = ("prompt", "response")
NESTED = ("messages.list.element.role", "messages.list.element.content")


def save(path, columns, encoding, names=FLAT, **options):
    """A file whose texts have an encoding, or a dictionary."""
    own = {} if encoding is None else {"use_dictionary": False, "column_encoding": dict.fromkeys(names, encoding)}
    parquet.write_table(pa.table(columns), path, **own, **options)
    return path


@pytest.mark.parametrize("encoding", EVERY)
@pytest.mark.parametrize(
    "options", [{}, {"data_page_version": "2.0"}, {"row_group_size": 400}, {"compression": "zstd"}]
)
def test_texts_are_read_in_every_encoding(tmp_path, encoding, options):
    columns = {"prompt": TEXTS, "response": [None, *TEXTS[1:]]}
    found = read_rows(save(tmp_path / "a.parquet", columns, encoding, **options))
    assert found.examples == [Example(text, text if place else "") for place, text in enumerate(TEXTS)]


@pytest.mark.parametrize("encoding", EVERY)
def test_chats_are_read_in_every_encoding(tmp_path, encoding):
    path = save(tmp_path / "a.parquet", {"messages": [[WHY, SO], [WHY, SO] * 3]}, encoding, NESTED)
    assert [list(one.messages) for one in read_rows(path).examples] == [[WHY, SO], [WHY, SO] * 3]


@pytest.mark.parametrize("encoding", EVERY)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_the_pages_are_as_large_as_the_file_truly_says(tmp_path, encoding, version):
    path = save(tmp_path / "a.parquet", {"prompt": TEXTS}, encoding, FLAT[:1], data_page_version=version)
    column = parquet.read_metadata(path).row_group(0).column(0)
    found = pages_of(path, column)
    # What is written beside the pages is their headers, each with two texts of its statistics.
    assert 0 < column.total_uncompressed_size - found.size < 300
    assert found.shared == (encoding in (None, "DELTA_BYTE_ARRAY"))


@pytest.mark.parametrize("place", [4, 40, 10**9])
def test_pages_without_a_header_are_no_pages(tmp_path, place):
    path = save(tmp_path / "a.parquet", {"prompt": TEXTS}, None)
    path.write_bytes(path.read_bytes()[:4] + b"\xff" * 10_000)
    column = SimpleNamespace(data_page_offset=place, has_dictionary_page=False, total_compressed_size=100)
    with pytest.raises(ValueError, match=r"a page|a header"):
        pages_of(path, column)


@pytest.fixture
def small(monkeypatch):
    """The limits, a hundredth as large."""
    monkeypatch.setattr(tables, "LARGEST_UNPACKED", 20_000_000)
    monkeypatch.setattr(tables, "_DECODED", 2_000_000)


def test_texts_that_share_their_beginning_are_counted_a_few_at_a_time(tmp_path, small):
    long = "x" * 100_000
    for rows, refused in ((150, False), (250, True)):
        path = save(tmp_path / "a.parquet", {"prompt": [long] * rows}, DELTA[0], compression="zstd")
        assert path.stat().st_size < 1_000
        assert [number for _, number in tables._opened(path)] == [19]
        if refused:
            with pytest.raises(InvalidInput, match="is larger than 2 GB when unpacked"):
                read_rows(path)
        else:
            assert read_rows(path).examples == [Example(long)] * rows


def test_no_more_is_decoded_at_a_time_than_the_limit(tmp_path, small, monkeypatch):
    counted = []
    plain = tables._plain_bytes
    monkeypatch.setattr(tables, "_plain_bytes", lambda array: counted.append(plain(array)) or counted[-1])
    path = save(tmp_path / "a.parquet", {"prompt": ["x" * 500_000] * 30, "response": ["y"] * 30}, DELTA[0])
    read_rows(path)
    assert max(counted) < 2_000_000


def test_a_list_of_texts_that_share_their_beginning_is_refused_before_it_is_decoded(tmp_path, small):
    chat = [{"role": "user", "content": "x" * 10_000}, SO] * 1_500
    path = save(tmp_path / "a.parquet", {"messages": [chat]}, DELTA[0], NESTED)
    with pytest.raises(InvalidInput, match=r"packs the texts of messages.list.element.* another encoding"):
        read_rows(path)
    whole = save(tmp_path / "b.parquet", {"messages": [chat[:200]]}, DELTA[1], NESTED)
    assert len(read_rows(whole).examples[0].messages) == 200


TWICE = pa.StructArray.from_arrays(
    [pa.array(["u"]), pa.array(["user"]), pa.array(["LOST"])], ["content", "role", "role"]
)


@pytest.mark.parametrize(
    ("columns", "names", "said"),
    [
        ([["a"], ["z"], ["b"]], ["prompt", "prompt", "response"], "'prompt': rename"),
        ([["a"], ["b"], ["c"], ["d"]], ["prompt", "response", "x", "x"], "'x': rename"),
        ([pa.ListArray.from_arrays([0, 1], TWICE)], ["messages"], r"'role' in messages\.\w+: rename"),
    ],
)
def test_two_columns_of_one_name_are_refused(tmp_path, columns, names, said):
    parquet.write_table(pa.table(columns, names=names), tmp_path / "a.parquet")
    with pytest.raises(InvalidInput, match=rf"a.parquet has two columns named {said} one of them"):
        read_rows(tmp_path / "a.parquet")


def test_a_file_that_ends_the_process_that_looks_at_it_is_refused(tmp_path):
    """Arrow ends the process where the sizes that a column states do not fit its kind: here, that none is absent."""
    path = save(tmp_path / "a.parquet", {"prompt": TEXTS}, None)
    whole = path.read_bytes()
    optional, required = b"\x02\x18\x06prompt", b"\x00\x18\x06prompt"
    assert whole.count(optional) == 1
    path.write_bytes(whole.replace(optional, required))
    with pytest.raises(InvalidInput, match=r"a.parquet is not a valid Parquet file: write it again"):
        read_rows(path)
