"""A pair whose tokenizers differ: `inspect` and `distill` give both models the same tokens, and say what differs."""

import json

import numpy as np
import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import AutoModelForCausalLM, AutoTokenizer

from akl_viz.distill import open_run
from akl_viz.models import load_checkpoint, reading_of
from tests.checkpoints import make_tokenizer, save_llama
from tests.schema import strictly

OURS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
THEIRS = "{% for m in messages %}[{{ m.role }}] {{ m.content }} /{% endfor %}"
ROW = {"prompt": "Who?", "response": "A single man."}
PLAIN, CHAT = ("Who?\n", "A single man."), ("[user] Who? /[assistant]", " A single man. /")


def begins(tokenizer):
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])


def writes(template):
    def change(tokenizer):
        tokenizer.chat_template = template

    return change


def pads(tokenizer):
    tokenizer.eos_token = "<pad>"


def nothing(tokenizer):
    """A tokenizer as it is made."""


def written(template: str) -> str:
    return f"so chats are written in the {template}."


CASES = {
    "alike": (nothing, nothing, False, [*PLAIN], [], [1], ""),
    "teacher begins": (
        begins,
        nothing,
        False,
        [*PLAIN],
        [],
        [1],
        "The teacher's tokenizer begins a text with <bos> and the student's with nothing, so it begins as the",
    ),
    "student begins": (
        nothing,
        begins,
        False,
        [*PLAIN],
        [0],
        [1],
        "The teacher's tokenizer begins a text with nothing and the student's with <bos>, so it begins as the",
    ),
    "other end": (
        nothing,
        pads,
        False,
        [*PLAIN],
        [],
        [2],
        "The teacher's tokenizer ends a text with <eos> and the student's with <pad>, so it ends as the student's does",
    ),
    "both templates": (writes(OURS), writes(THEIRS), True, [*CHAT], [], [], written("student's")),
    "student's template": (nothing, writes(THEIRS), True, [*CHAT], [], [], written("student's")),
    "teacher's template": (writes(THEIRS), nothing, True, [*CHAT], [], [], written("teacher's")),
    "templates unused": (writes(OURS), writes(THEIRS), False, [*PLAIN], [], [1], ""),
}


def saved(folder, seed, change):
    save_llama(folder, seed)
    tokenizer = make_tokenizer()
    change(tokenizer)
    tokenizer.save_pretrained(folder)
    return folder


def divergence(teacher, student, ids) -> float:
    """The mean KL(T‖S) of plain transformers, in NumPy."""
    rows = []
    for folder in (teacher, student):
        model = AutoModelForCausalLM.from_pretrained(folder).eval()
        with torch.no_grad():
            rows.append(model(input_ids=torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1).numpy())
    return float((np.exp(rows[0]) * (rows[0] - rows[1])).sum(-1).mean())


@pytest.mark.parametrize("name", CASES)
def test_both_commands_give_both_models_the_same_tokens_and_say_what_differs(run, tmp_path, name):
    ours, theirs, chat, texts, before, after, note = CASES[name]
    teacher, student = saved(tmp_path / "teacher", 1, ours), saved(tmp_path / "student", 2, theirs)
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(ROW), encoding="utf-8")
    plain = make_tokenizer()
    ids = [*before, *(token for text in texts for token in plain(text)["input_ids"]), *after]
    expected = divergence(teacher, student, ids)
    pair = ["--teacher", teacher, "--student", student]

    told = run("inspect", *pair, "--text-file", path, "--json", *["--chat"] * chat)
    document = strictly(told.out)
    assert [token["id"] for token in document["tokens"]] == ids
    assert document["summary"]["forward_kl"]["mean"] == pytest.approx(expected, rel=1e-4)

    options = ["--loss", "akl", "--steps", "1", "--samples", "0", "--text", path, *["--chat"] * chat]
    made = run("distill", *pair, *options, "--out", tmp_path / "run")
    assert made.code == 0, made.err
    history = open_run(tmp_path / "run").history()
    assert history.iloc[0]["forward_kl"] == pytest.approx(expected, rel=1e-4)

    notes = open_run(tmp_path / "run").meta["notes"]
    assert sum("so it " in one or "so chats" in one for one in notes) == bool(note)
    assert sum("so it " in one or "so chats" in one for one in document.get("notes", ())) == bool(note)
    assert note in told.err
    assert note in made.err


@pytest.mark.parametrize("chat", [True, False])
def test_a_student_that_learnt_in_the_teachers_template_is_saved_with_it(run, tmp_path, chat):
    teacher, student = saved(tmp_path / "teacher", 1, writes(THEIRS)), saved(tmp_path / "student", 2, nothing)
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(ROW) + "\n" for _ in range(4)), encoding="utf-8")
    options = ["--teacher", teacher, "--student", student, "--loss", "akl", "--steps", "1", "--samples", "0"]
    run("distill", *options, "--text", path, *["--chat"] * chat, "--out", tmp_path / "run")
    folder = open_run(tmp_path / "run").checkpoints("akl")[1]
    assert AutoTokenizer.from_pretrained(folder).chat_template == (THEIRS if chat else None)


def test_a_loaded_tokenizer_keeps_what_it_has(tmp_path):
    teacher, student = saved(tmp_path / "teacher", 1, writes(THEIRS)), saved(tmp_path / "student", 2, nothing)
    pair = [load_checkpoint(str(folder)) for folder in (teacher, student)]
    assert reading_of(*pair).tokenizer.chat_template == THEIRS
    assert pair[1].tokenizer.chat_template is None
    assert reading_of(pair[1], pair[1]).tokenizer is pair[1].tokenizer


@pytest.mark.parametrize(
    "name", ["r.ndjson", "r.TSV", "r.json", "r.jl", "r.xlsx", "r.jsonl.gz", "r.arrow", "r.tab", "r.jsonlines"]
)
def test_both_commands_refuse_rows_of_a_kind_that_is_not_read(run, tmp_path, name):
    path = tmp_path / name
    path.write_text(json.dumps(ROW), encoding="utf-8")
    pair = ["--teacher", "bundled:teacher", "--student", "bundled:teacher"]
    options = ["--loss", "akl", "--steps", "1", "--text", path, "--out", tmp_path / "run"]
    for told in (run("inspect", *pair, "--text-file", path), run("distill", *pair, *options)):
        assert (told.code, told.out) == (2, "")
        assert f"{name} is " in told.err
        assert ".jsonl" in told.err


@pytest.mark.parametrize("name", ["r", "r.txt", "r.TXT", "r.md", "notes.2026"])
def test_both_commands_read_any_other_file_as_a_text(run, tmp_path, name):
    teacher, student = saved(tmp_path / "teacher", 1, nothing), saved(tmp_path / "student", 2, nothing)
    path, text = tmp_path / name, "It is a"
    path.write_text(text, encoding="utf-8")
    pair = ["--teacher", teacher, "--student", student]
    document = strictly(run("inspect", *pair, "--text-file", path, "--json").out)
    ids = make_tokenizer()(text)["input_ids"]
    assert [token["id"] for token in document["tokens"]] == ids
    options = ["--loss", "akl", "--steps", "1", "--samples", "0", "--window", "99", "--text", path]
    assert run("distill", *pair, *options, "--out", tmp_path / "run").code == 0
    history = open_run(tmp_path / "run").history()
    assert history.iloc[0]["forward_kl"] == pytest.approx(document["summary"]["forward_kl"]["mean"], rel=1e-4)


@pytest.mark.parametrize("side", ["teacher", "student"])
@pytest.mark.parametrize("suffix", [".txt", ".jsonl"])
def test_both_commands_refuse_a_token_of_one_side_alone(run, tmp_path, side, suffix):
    def thinks(tokenizer):
        tokenizer.add_special_tokens({"additional_special_tokens": ["<think>"]})

    changes = {one: thinks if one == side else nothing for one in ("teacher", "student")}
    pair = []
    for seed, (one, change) in enumerate(changes.items()):
        save_llama(tmp_path / one, seed, rows=len(make_tokenizer()) + 1)
        tokenizer = make_tokenizer()
        change(tokenizer)
        tokenizer.save_pretrained(tmp_path / one)
        pair += [f"--{one}", tmp_path / one]
    text = "It is <think>a truth universally acknowledged. " * 3
    path = tmp_path / f"r{suffix}"
    path.write_text(text if suffix == ".txt" else json.dumps({**ROW, "response": text}), encoding="utf-8")
    options = ["--loss", "akl", "--steps", "1", "--samples", "0", "--text", path, "--out", tmp_path / "run"]
    for told in (run("inspect", *pair, "--text-file", path), run("distill", *pair, *options)):
        assert (told.code, told.out) == (2, "")
        assert "The text holds '<think>', a token that only one of teacher and student has" in told.err
