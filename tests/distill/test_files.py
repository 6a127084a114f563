"""Texts a user brings: read where they can be, refused in one sentence where they cannot."""

import json
import os
import tracemalloc

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from akl_viz.distill.content import read_text
from akl_viz.distill.files import Example, read_examples, read_rows
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
            [Example(messages=({"role": "user", "content": "q"}, {"role": "assistant", "content": "r", "x": 1}))],
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
    with pytest.raises(InvalidInput, match=r"cannot be read \(No such file or directory\): check the path"):
        read_text(tmp_path / "missing.txt")
    with pytest.raises(InvalidInput, match="Is a directory"):
        read_text(tmp_path)


def test_a_file_above_200_mb_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(200_000_001)
    with pytest.raises(InvalidInput, match=r"a.txt is larger than 200 MB: use a part of it"):
        read_text(tmp_path / "a.txt")


def test_a_byte_order_mark_is_no_text(tmp_path):
    assert read_text(write(tmp_path / "a.txt", b"\xef\xbb\xbfhello")) == "hello"


WHY, SO = {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}
BE_KIND = {"role": "system", "content": "Be kind."}
CALL = {"type": "function", "function": {"name": "search", "arguments": {"q": "x"}}}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"instruction": "Do", "input": "it", "output": "r"}, Example("Do\n\nit", "r")),
        ({"instruction": "Do", "input": " ", "output": "r"}, Example("Do", "r")),
        ({"instruction": "Do", "context": "it", "response": "r"}, Example("Do\n\nit", "r")),
        ({"system": "S", "question": "q", "answer": "r"}, Example("S\n\nq", "r", system="S")),
        ({"prompt": [WHY], "completion": [SO]}, Example(messages=(WHY, SO))),
        ({"prompt": [WHY], "completion": "So."}, Example(messages=(WHY, SO))),
        ({"prompt": "Why?", "completion": [SO]}, Example(messages=(WHY, SO))),
        ({"prompt": "Why?", "completion": "So."}, Example("Why?", "So.")),
        (
            {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
            Example(messages=(WHY, SO)),
        ),
        ({"system": "Be kind.", "messages": [WHY, SO]}, Example(messages=(BE_KIND, WHY, SO))),
        (
            {"messages": [WHY, {**SO, "reasoning_content": "Hm."}], "tools": [{"name": "f"}]},
            Example(messages=(WHY, {**SO, "reasoning_content": "Hm."}), tools=({"name": "f"},)),
        ),
        ({"messages": [WHY, SO], "tools": '[{"name": "f"}]'}, Example(messages=(WHY, SO), tools=({"name": "f"},))),
        (
            {"messages": [WHY, {"role": "assistant", "content": None, "tool_calls": [CALL]}]},
            Example(messages=(WHY, {"role": "assistant", "content": "", "tool_calls": [CALL]})),
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "Wh"}, {"type": "text", "text": "y?"}]},
                    SO,
                ]
            },
            Example(messages=(WHY, SO)),
        ),
    ],
)
def test_a_row_is_read_with_everything_that_belongs_to_it(tmp_path, row, expected):
    found = read_rows(write(tmp_path / "a.jsonl", jsonl(row)))
    assert (found.examples, found.notes) == ([expected], ())
    try:
        pd.DataFrame([row]).to_parquet(tmp_path / "a.parquet")
    except pa.ArrowInvalid:
        # A column of Parquet has one kind: no text beside a list.
        return
    assert read_examples(tmp_path / "a.parquet") == [expected]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"conversations": [{"from": "narrator", "value": "x"}]}, "a message from 'narrator'"),
        ({"prompt": [WHY]}, "add its response, or a column completion"),
        ({"messages": [BE_KIND, WHY, SO], "system": "Other."}, "a system's text in a column and in messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "url": "x"}]}, SO]},
            "a content with image that is no text",
        ),
        ({"messages": [WHY, SO], "tools": "["}, "tools that are not valid JSON"),
        ({"messages": [WHY, SO], "tools": "{}"}, "tools that are no list of objects"),
        ({"messages": ["Why?"]}, "a message without role and content"),
    ],
)
def test_a_row_that_cannot_be_read_whole_is_refused(tmp_path, row, said):
    with pytest.raises(InvalidInput) as refusal:
        read_examples(write(tmp_path / "a.jsonl", jsonl(row)))
    assert said in str(refusal.value)


def test_columns_that_are_not_used_are_named_once(tmp_path):
    rows = [
        {"prompt": "q", "response": "r", "category": "c", "empty": ""},
        {"prompt": "q", "response": "r", "score": 0},
    ]
    found = read_rows(write(tmp_path / "a.jsonl", jsonl(*rows)))
    assert found.notes == ("a.jsonl: not used of its columns: category (in 1 of 2 rows), score (in 1 of 2 rows).",)
    alone = read_rows(write(tmp_path / "a.jsonl", jsonl({"instruction": "q", "input": "i"})), column="instruction")
    assert (alone.examples, alone.notes) == ([Example("q")], ("a.jsonl: not used of its columns: input.",))


@pytest.mark.parametrize(
    ("rows", "lost"),
    [
        (
            [{"prompt": "q", "response": "r"}, {"text": "t", "response": "LOST", "prompt": "LOST"}],
            "response (in 1 of 2 rows), prompt (in 1 of 2 rows)",
        ),
        (
            [{"prompt": "q", "input": "i", "response": "r"}, {"messages": [WHY, SO], "input": "LOST"}],
            "input (in 1 of 2 rows)",
        ),
        (
            [
                {"question": "q", "answer": "r"},
                *[{"instruction": "q", "question": "LOST", "output": "r", "answer": "LOST"}] * 2,
            ],
            "question (in 2 of 3 rows), answer (in 2 of 3 rows)",
        ),
        ([{"messages": [WHY, SO], "tools": [CALL]}, {"prompt": "q", "response": "r", "tools": [CALL]}], "tools (in 1"),
        ([{"prompt": "q", "system": "s", "response": "r"}, {"text": "t", "system": "LOST"}], "system (in 1 of 2 rows)"),
    ],
)
def test_a_column_that_another_row_uses_is_named_where_it_is_lost(tmp_path, rows, lost):
    found = read_rows(write(tmp_path / "a.jsonl", jsonl(*rows)))
    assert "LOST" not in str(found.examples)
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"a.jsonl: not used of its columns: {lost}")


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_an_empty_column_hides_none_with_a_value(tmp_path, name):
    row = {"text": "", "prompt": "q", "response": "", "answer": "r"}
    path = tmp_path / name
    pd.DataFrame([row]).to_csv(path, index=False) if name == "a.csv" else write(path, jsonl(row))
    found = read_rows(path)
    assert (found.examples, found.notes) == ([Example("q", "r")], ())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", '{"text": "a \\ud800 b"}\n', "Line 1 of a.jsonl holds half a character"),
        ("a.jsonl", '{"text": "a", "text": "b"}\n', "Line 1 of a.jsonl names text twice"),
        ("a.jsonl", json.dumps({str(place): "" for place in range(200_000)}), "has 200,000 columns, more than 2,000"),
        ("a.csv", ",".join(map(str, range(200_000))) + "\n", "has 200,000 columns, more than 2,000"),
        ("a.csv", "text,text\na,b\n", "a.csv has two columns named 'text'"),
        ("a.csv", "text\na,b\n", "Row 1 of a.csv has 2 cells under 1 names"),
        ("a.txt", "hello".encode("utf-16"), "a.txt is UTF-16 or UTF-32 text"),
        ("a.jsonl", '{"text": "a"}'.encode("utf-16-le"), "a.jsonl holds a zero byte"),
        ("a.csv", "text\ncafé".encode("latin-1"), "a.csv is not UTF-8 text (byte 8)"),
    ],
)
def test_what_is_broken_or_beyond_a_limit_gets_a_sentence(tmp_path, name, content, said):
    path = write(tmp_path / name, content)
    with pytest.raises(InvalidInput) as refusal:
        read_text(path) if name == "a.txt" else read_examples(path)
    assert said in str(refusal.value)


def test_whole_emoji_as_two_escapes_are_read(tmp_path):
    assert read_examples(write(tmp_path / "a.jsonl", '{"text": "\\ud83d\\ude00"}\n')) == [Example("😀")]


def test_a_csv_holds_line_breaks_and_quotes(tmp_path):
    path = write(tmp_path / "a.csv", 'text,n\r\n"a\nb ""c""",1\r\n\r\nd,2\r\n')
    assert read_examples(path) == [Example('a\nb "c"'), Example("d")]


def packed(value: str, times: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * times, pa.int32()), pa.array([value]))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": packed("x" * 1_000_000, 20_000)}, "is larger than 2 GB when unpacked"),
        ({"text": pa.array(["x" * 300_000] * 7_000).dictionary_encode()}, "is larger than 2 GB when unpacked"),
        ({str(place): pa.array([""]) for place in range(2_001)}, "has 2,001 columns, more than 2,000"),
        ({"text": pa.nulls(2_000_001, pa.string())}, "has more than 2,000,000 rows"),
    ],
)
def test_a_small_parquet_that_stands_for_much_is_refused_before_it_is_decoded(tmp_path, columns, said):
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 2_000_000
    tracemalloc.start()
    with pytest.raises(InvalidInput, match=said):
        read_examples(tmp_path / "a.parquet")
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


def test_a_chat_in_a_parquet_counts_what_it_stands_for(tmp_path):
    message = {"role": "user", "content": "x" * 1_000_000}
    chats = pa.array([[message, SO]] * 30)
    repeated = pa.concat_tables([pa.table({"messages": chats})] * 100)
    parquet.write_table(repeated, tmp_path / "a.parquet", compression="zstd")
    with pytest.raises(InvalidInput, match="is larger than 2 GB when unpacked"):
        read_examples(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("read", "suffix"),
    [(read_text, ".txt"), (read_examples, ".jsonl"), (read_examples, ".csv"), (read_examples, ".parquet")],
)
def test_a_device_or_a_pipe_is_refused_unopened(tmp_path, read, suffix):
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(InvalidInput, match="is a device or a pipe, not a file"):
            read(tmp_path / f"{name}{suffix}")
