"""`akl-viz inspect`: what it prints and writes."""

import csv
import json
import math
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from akl_viz.analysis.export import cell_text
from akl_viz.distill.dialogue import encode_example
from akl_viz.distill.files import Example
from akl_viz.records import TOKEN_FIELDS
from tests.checkpoints import CORPUS, TRICKY
from tests.schema import MODEL_KEYS, SUMMARY_KEYS, TOKEN_KEYS, TOP_KEYS, strictly


def inspected(run, pair, *options) -> dict:
    told = run("inspect", *pair, "--text", TRICKY, "--json", *options)
    assert told.code == 0
    assert told.err == ""
    return strictly(told.out)


def test_the_json_has_exactly_the_keys_of_schema_1(run, pair):
    document = inspected(run, pair)
    assert list(document) == TOP_KEYS
    assert list(document["teacher"]) == list(document["student"]) == MODEL_KEYS
    for token in document["tokens"]:
        assert list(token) == [*TOKEN_KEYS, *TOKEN_FIELDS]
    assert list(document["summary"]) == list(TOKEN_FIELDS)
    for row in document["summary"].values():
        assert list(row) == SUMMARY_KEYS
    assert (document["schema"], document["mu"], document["boundary"], document["temperature"]) == (1, 0.5, "below", 1.0)
    assert document["n_scored"] == len(document["tokens"]) - 1
    assert [token["index"] for token in document["tokens"]] == list(range(len(document["tokens"])))


def test_the_models_are_named_so_that_they_can_be_loaded_again(run, pair):
    document = inspected(run, pair)
    assert [document["teacher"]["reference"], document["student"]["reference"]] == pair[1::2]
    assert document["teacher"]["revision"] != document["student"]["revision"]
    pinned = [pair[0], f"{pair[1]}#{document['teacher']['revision']}", *pair[2:]]
    assert inspected(run, pinned)["tokens"] == document["tokens"]


def test_options_reach_the_trace(run, pair):
    document = inspected(run, pair, "--mu", "0.9", "--boundary", "reach", "--temperature", "2", "--dtype", "float64")
    assert (document["mu"], document["boundary"], document["temperature"]) == (0.9, "reach", 2.0)
    assert document["teacher"]["dtype"] == document["student"]["dtype"] == "float64"
    assert document["teacher"]["device"] == "cpu" or document["teacher"]["device"].startswith(("cuda", "mps"))


def test_another_dtype_gives_other_numbers(run, pair):
    single, half = inspected(run, pair), inspected(run, pair, "--dtype", "bfloat16", "--device", "cpu")
    assert half["teacher"]["dtype"] == "bfloat16"
    assert half["tokens"][5]["forward_kl"] != single["tokens"][5]["forward_kl"]


def test_a_text_file_scores_like_the_same_text(run, pair, tmp_path):
    file = tmp_path / "text.txt"
    file.write_bytes(TRICKY.encode())
    told = run("inspect", *pair, "--text-file", file, "--json")
    assert json.loads(told.out) == inspected(run, pair)


def test_the_csv_holds_the_numbers_of_the_json_to_the_last_digit(run, pair, tmp_path):
    document = inspected(run, pair, "--csv", tmp_path / "trace.csv")
    with (tmp_path / "trace.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(document["tokens"][0])
    for row, token in zip(rows, document["tokens"], strict=True):
        assert (int(row["id"]), cell_text(row["text"]), row["scored"]) == (
            token["id"],
            token["text"],
            str(token["scored"]),
        )
        for name in TOKEN_FIELDS:
            assert json.loads(row[name].lower() or "null") == token[name]


def test_the_parquet_holds_the_numbers_and_the_text_of_the_json(run, pair, tmp_path):
    document = inspected(run, pair, "--parquet", tmp_path / "trace.parquet")
    frame = pd.read_parquet(tmp_path / "trace.parquet")
    tokens = document["tokens"]
    assert list(frame.columns) == list(tokens[0])
    for name in ("index", "id", "text", "scored"):
        assert frame[name].tolist() == [token[name] for token in tokens]
    for name in TOKEN_FIELDS:
        expected = [math.nan if token[name] is None else float(token[name]) for token in tokens]
        np.testing.assert_array_equal(frame[name].to_numpy(float, na_value=math.nan), expected)


def test_without_an_output_option_a_summary_with_n_is_printed(run, pair):
    told = run("inspect", *pair, "--text", TRICKY)
    lines = told.out.splitlines()
    assert told.code == 0
    assert lines[0].startswith("n = ")
    assert [line.split()[0] for line in lines[1:]] == list(TOKEN_FIELDS)


def test_a_table_alone_prints_nothing(run, pair, tmp_path):
    told = run("inspect", *pair, "--text", TRICKY, "--csv", tmp_path / "trace.csv")
    assert (told.code, told.out, told.err) == (0, "", "")
    assert (tmp_path / "trace.csv").is_file()


def test_a_long_text_says_in_the_json_where_it_was_cut(run, pair):
    text = CORPUS * 8
    told = run("inspect", *pair, "--text", text, "--json")
    document = json.loads(told.out)
    kept = document["cut"]["tokens_kept"]
    assert told.err == f"The text was cut after token {kept}: the context ends there.\n"
    assert document["cut"]["context"] == document["teacher"]["context"] == 256
    assert document["cut"]["tokens_kept"] == len(document["tokens"])
    assert "".join(token["text"] for token in document["tokens"]) == text[: document["cut"]["character"]]


@pytest.mark.slow
def test_a_process_prints_nothing_but_json_to_standard_output(shell, pair):
    done = shell("inspect", *pair, "--text", TRICKY, "--json")
    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1
    assert "".join(token["text"] for token in json.loads(done.stdout)["tokens"]) == TRICKY


@pytest.mark.slow
def test_json_is_utf_8_where_the_terminal_is_not(shell, pair):
    done = shell("inspect", *pair, "--text", TRICKY, "--json", env={"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"})
    assert done.returncode == 0
    assert "😀" in done.stdout.decode("utf-8")


def test_what_is_noted_about_a_model_is_told_on_standard_error_and_in_the_json(run, pair, tmp_path):
    folder = shutil.copytree(pair[3], tmp_path / "noted")
    tensors = load_file(folder / "model.safetensors")
    tensors["v_head.summary.weight"] = torch.zeros(1, 24)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    told = run("inspect", *pair[:3], folder, "--text", TRICKY, "--json")
    assert told.code == 0
    notes = json.loads(told.out)["student"]["notes"]
    assert "v_head.summary.weight that a language model does not use" in notes[0]
    assert told.err == f"{notes[0]}\n"


ROWS = [{"prompt": "Who is she?", "response": "A man.", "note": "n"}, {"prompt": "It is", "response": "a truth."}]


def rows_file(path):
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


@pytest.mark.parametrize(("options", "row"), [([], 0), (["--row", "2"], 1)])
def test_a_row_of_a_table_is_scored_as_distill_reads_it(run, pair, tmp_path, options, row):
    path = rows_file(tmp_path / "r.jsonl")
    told = run("inspect", *pair, "--text-file", path, "--json", *options)
    document = strictly(told.out)
    example = Example(ROWS[row]["prompt"], ROWS[row]["response"])
    ids, _ = encode_example(example, AutoTokenizer.from_pretrained(pair[1]), chat=False)
    assert [token["id"] for token in document["tokens"]] == ids
    assert "".join(token["text"] for token in document["tokens"]) == f"{example.prompt}\n{example.response}"
    assert told.err == (
        f"Row {row + 1} of 2 of r.jsonl is scored; --row N scores another.\n"
        "r.jsonl: not used of its columns: note (in 1 of 2 rows).\n"
    )


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("r.jsonl", ["--row", "3"], "has 2 rows, so there is no row 3"),
        ("r.jsonl", ["--row", "0"], "so there is no row 0"),
        ("r.jsonl", ["--column", "who"], "has no column who"),
        ("r.jsonl", ["--chat"], "has no chat template"),
        ("r.txt", ["--row", "1"], "--row is for rows"),
        ("r.json", [], "is JSON, not text"),
    ],
)
def test_rows_that_are_not_there_are_refused(run, pair, tmp_path, name, options, said):
    told = run("inspect", *pair, "--text-file", rows_file(tmp_path / name), *options)
    assert (told.code, told.out) == (2, "")
    assert said in told.err


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": ""}, "Row 1 of 1 of r.jsonl is empty: score another by --row."),
        ({"text": None}, "Row 1 of 1 of r.jsonl is empty: score another by --row."),
        ({"text": "a"}, "The row holds no text of two tokens or more: a token is scored from the one before it."),
    ],
)
def test_a_row_that_is_nothing_to_learn_from_is_nothing_to_score(run, pair, tmp_path, row, said):
    (tmp_path / "r.jsonl").write_text(json.dumps(row))
    told = run("inspect", *pair, "--text-file", tmp_path / "r.jsonl")
    assert (told.code, told.out) == (2, "")
    assert told.err.endswith(f"{said}\n")
    assert ("is scored" in told.err) == (row["text"] == "a")


def test_a_byte_order_mark_is_not_scored(run, pair, tmp_path):
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbfIt is a truth")
    document = strictly(run("inspect", *pair, "--text-file", tmp_path / "t.txt", "--json").out)
    assert "".join(token["text"] for token in document["tokens"]) == "It is a truth"


def test_a_chat_is_scored_as_its_template_writes_it(run, pair, tmp_path):
    folder = shutil.copytree(pair[1], tmp_path / "chats")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<eos>{% endfor %}"
    tokenizer.save_pretrained(folder)
    messages = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "A man.", "name": "Ann"}]
    (tmp_path / "c.jsonl").write_text(json.dumps({"messages": messages}), encoding="utf-8")
    told = run("inspect", "--teacher", folder, "--student", folder, "--text-file", tmp_path / "c.jsonl", "--json")
    text = "".join(token["text"] for token in strictly(told.out)["tokens"])
    assert text == tokenizer.apply_chat_template(messages, tokenize=False) == "<user>Who?<eos><assistant>A man.<eos>"
    assert "leaves out or changes name of assistant in 1 of 1 rows" in told.err
    (tmp_path / "t.jsonl").write_text('{"text": "It is a truth"}', encoding="utf-8")
    told = run("inspect", "--teacher", folder, "--student", folder, "--text-file", tmp_path / "t.jsonl", "--chat")
    assert "has no column of responses for --chat" in told.err


@pytest.mark.parametrize("name", ["zero", "pipe"])
def test_a_device_or_a_pipe_is_refused_before_the_models_load(run, pair, tmp_path, name, monkeypatch):
    from akl_viz.models import ModelPool

    monkeypatch.setattr(ModelPool, "pair", lambda *_, **__: pytest.fail("the models loaded"))
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    told = run("inspect", *pair, "--text-file", tmp_path / name)
    assert (told.code, told.out) == (2, "")
    assert "is a device or a pipe" in told.err


def test_a_begin_token_in_the_text_is_told_in_the_json_and_beside_it(run, pair, tmp_path):
    folder = shutil.copytree(pair[1], tmp_path / "begins")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])
    tokenizer.save_pretrained(folder)
    told = run("inspect", "--teacher", folder, "--student", folder, "--text", "<bos>It is a truth", "--json")
    document = strictly(told.out)
    assert [token["id"] for token in document["tokens"]].count(0) == 1
    assert told.err == f"{document['notes'][0]}\n"
    assert "already begins with the begin token <bos>" in told.err
