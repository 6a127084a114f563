"""The prompts are what they are labelled as: passages held out of training, and our own in eight categories."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import prompts
import pytest
import text
from tokenizers import Tokenizer

DATA = Path(__file__).resolve().parents[2] / "data"
GROUPS = ("dialogue", "narration", "letter", "description")
CATEGORIES = {
    "brainstorming",
    "classification",
    "closed_qa",
    "creative_writing",
    "general_qa",
    "information_extraction",
    "open_qa",
    "summarization",
}
WITH_CONTEXT = {"closed_qa", "information_extraction", "summarization"}
"""The Dolly categories whose questions are about a given text."""

LEAST_EACH = 5
TOKENS = range(80, 251)


def rows_of(name: str) -> list[dict]:
    return [json.loads(line) for line in (DATA / "prompts" / name).read_text(encoding="utf-8").splitlines()]


PASSAGES = rows_of("passages.jsonl")
MEASURED = [row for row in PASSAGES if not row["in_training"]]
OWN = rows_of("own.jsonl")


@pytest.fixture(scope="module")
def parts() -> dict[str, tuple[str, str]]:
    return {name: text.split(novel) for name, novel in text.novels().items()}


def test_every_group_has_at_least_five_passages():
    counts = Counter(row["group"] for row in MEASURED)
    assert set(counts) == set(GROUPS)
    assert min(counts.values()) >= LEAST_EACH


def test_ids_and_titles_name_one_passage_each():
    for field in ("id", "title"):
        values = [row[field] for row in PASSAGES]
        assert len(set(values)) == len(values)
        assert all(values)


@pytest.mark.parametrize("row", PASSAGES, ids=lambda row: row["id"])
def test_a_passage_has_the_stated_length_in_bundled_tokens(row):
    tokenizer = Tokenizer.from_file(str(DATA / "tokenizer/tokenizer.json"))
    tokens = len(tokenizer.encode(row["text"], add_special_tokens=False).ids)
    assert tokens == row["tokens"]
    assert tokens in TOKENS


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row["id"])
def test_a_measured_passage_is_held_out_and_nowhere_in_training(row, parts):
    assert row["text"] in parts[row["novel"]][1]
    assert all(row["text"] not in train for train, _ in parts.values())


def test_the_sample_marked_as_training_text_is_training_text(parts):
    (sample,) = [row for row in PASSAGES if row["in_training"]]
    assert sample["text"] in parts[sample["novel"]][0]
    assert sample["group"] not in GROUPS


def test_no_two_measured_passages_overlap(parts):
    for name, (_, held_out) in parts.items():
        places = sorted((held_out.index(row["text"]), len(row["text"])) for row in MEASURED if row["novel"] == name)
        assert all(start + length <= after for (start, length), (after, _) in pairwise(places))


def test_the_committed_passages_are_what_the_build_program_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(prompts, "PASSAGES", tmp_path / "passages.jsonl")
    prompts.main()
    assert (tmp_path / "passages.jsonl").read_bytes() == (DATA / "prompts/passages.jsonl").read_bytes()


def test_each_dolly_category_has_at_least_five_own_prompts():
    counts = Counter(row["category"] for row in OWN)
    assert set(counts) == CATEGORIES
    assert min(counts.values()) >= LEAST_EACH


@pytest.mark.parametrize("row", OWN, ids=lambda row: row["id"])
def test_an_own_prompt_is_complete_and_labelled_as_ours_and_out_of_domain(row):
    assert row["prompt"].strip()
    assert row["response"].strip()
    assert bool(row["context"]) == (row["category"] in WITH_CONTEXT)
    assert row["source"] == "own"
    assert row["in_domain"] is False


def test_no_two_own_prompts_are_the_same():
    assert len({row["id"] for row in OWN}) == len(OWN)
    assert len({(row["prompt"], row["context"]) for row in OWN}) == len(OWN)
