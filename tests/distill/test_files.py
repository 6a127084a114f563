"""Texts a user brings: read where they can be, refused in one sentence where they cannot."""

import json

import pandas as pd
import pytest

from akl_viz.distill.files import Example, read_examples, read_text
from akl_viz.errors import InvalidInput


def write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8")
    return path


def jsonl(*rows) -> str:
    return "\n".join(json.dumps(row) for row in rows) + "\n"


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ([{"text": "a b"}, {"text": "é"}], {}, [Example("a b"), Example("é")]),
        ([{"prompt": "q", "response": "r"}], {}, [Example("q", "r")]),
        ([{"instruction": "q", "output": "r", "x": 1}], {}, [Example("q", "r")]),
        ([{"mine": "q", "yours": "r", "text": "no"}], {"column": "mine", "response": "yours"}, [Example("q", "r")]),
        ([{"body": "t", "n": 3}], {"column": "body"}, [Example("t")]),
        (
            [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r", "x": 1}]}],
            {},
            [Example(messages=({"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}))],
        ),
    ],
)
def test_columns_are_chosen_or_found(tmp_path, rows, options, expected):
    assert read_examples(write(tmp_path / "a.jsonl", jsonl(*rows)), **options) == expected
    pd.DataFrame(rows).to_parquet(tmp_path / "a.parquet")
    assert read_examples(tmp_path / "a.parquet", **options) == expected
    if "messages" not in rows[0]:
        pd.DataFrame(rows).to_csv(tmp_path / "a.csv", index=False)
        assert read_examples(tmp_path / "a.csv", **options) == expected


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("a.jsonl", jsonl({"text": "x"}) + "\n{broken\n", {}, "Line 3 of a.jsonl is not valid JSON"),
        ("a.jsonl", "[1]\n", {}, "Line 1 of a.jsonl is not a JSON object"),
        ("a.jsonl", jsonl({"text": "x"}, {"text": 3}), {}, "Line 2 of a.jsonl holds no text in the column text"),
        ("a.jsonl", jsonl({"a": "x", "b": "y"}), {}, "has no column with a usual name: choose one of a, b"),
        ("a.jsonl", jsonl({"a": "x"}), {"column": "c"}, "Line 1 of a.jsonl has no column c: choose one of a"),
        ("a.jsonl", jsonl({"messages": [{"role": "user"}]}), {}, "a message without role and content"),
        ("a.jsonl", jsonl({"messages": [{"role": "user", "content": "q"}]}), {}, "does not end with the assistant"),
        ("a.jsonl", "[" * 100_000, {}, "Line 1 of a.jsonl is not valid JSON"),
        ("a.jsonl", "", {}, "a.jsonl is empty"),
        ("a.jsonl", " \n\n", {}, "a.jsonl is empty"),
        ("a.csv", 'text\n"a\n', {}, "a.csv is not a valid CSV file"),
        ("a.csv", "text\n", {}, "a.csv has no rows"),
        ("a.csv", b"text\n\xff\xfe\n", {}, "a.csv is not UTF-8 text"),
        ("a.parquet", b"PAR1 nothing", {}, "a.parquet is not a valid Parquet file"),
        ("a.docx", "text", {}, "a.docx is of no known kind"),
    ],
)
def test_a_bad_table_is_refused_in_one_sentence(tmp_path, name, content, options, said):
    with pytest.raises(InvalidInput) as refusal:
        read_examples(write(tmp_path / name, content), **options)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_bad_text_files_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"a.txt is empty"):
        read_text(write(tmp_path / "a.txt", "  \n"))
    with pytest.raises(InvalidInput, match=r"a.txt is not UTF-8 text \(byte 1\)"):
        read_text(write(tmp_path / "a.txt", b"a\xff"))
    with pytest.raises(InvalidInput, match="cannot be read: check the path"):
        read_text(tmp_path / "missing.txt")
    with pytest.raises(InvalidInput, match="is not a file"):
        read_text(tmp_path)


def test_a_file_above_200_mb_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(200_000_001)
    with pytest.raises(InvalidInput, match=r"a.txt is larger than 200 MB: use a part of it"):
        read_text(tmp_path / "a.txt")


def test_a_byte_order_mark_is_no_text(tmp_path):
    assert read_text(write(tmp_path / "a.txt", b"\xef\xbb\xbfhello")) == "hello"
