"""Every form in which a trainer's user has held-out text gives the same sequences."""

import pytest
import torch

from akl_viz.distill.sequences import TokenSequence
from akl_viz.errors import InvalidInput
from akl_viz.integrations.held_out import held_out_sequences, left_out
from tests.checkpoints import VOCABULARY, make_tokenizer
from tests.integrations.training import HELD_OUT
from tests.models.test_text import with_bos

TOKENIZER = make_tokenizer()
LISTS = [TOKENIZER(text)["input_ids"] for text in HELD_OUT]
PADDED = [
    {"input_ids": ids + [2] * 4, "attention_mask": [1] * len(ids) + [0] * 4, "labels": ids + [-100] * 4}
    for ids in LISTS
]
LEFT_PADDED = [
    {"input_ids": torch.tensor([2] * 4 + ids), "attention_mask": torch.tensor([0] * 4 + [1] * len(ids))}
    for ids in LISTS
]
FORMS = {
    "texts": lambda: HELD_OUT,
    "lists": lambda: LISTS,
    "tensors": lambda: [torch.tensor(ids) for ids in LISTS],
    "dataset": lambda: PADDED,
    "padded on the left": lambda: LEFT_PADDED,
    "columns": lambda: {"input_ids": LISTS},
    "column of text": lambda: [{"text": text} for text in HELD_OUT],
    "generator": lambda: (text for text in HELD_OUT),
    "sequences": lambda: [TokenSequence(torch.tensor(ids)) for ids in LISTS],
    "with empty ones between": lambda: [LISTS[0], [], [5], *LISTS[1:]],
}


def read(held_out, *, window=256, count=8, rows=VOCABULARY):
    return held_out_sequences(held_out, TOKENIZER, rows=rows, window=window, count=count)


@pytest.mark.parametrize("form", FORMS)
def test_the_form_does_not_matter(form):
    assert [one.ids.tolist() for one in read(FORMS[form]())] == LISTS


def test_sequences_are_cut_at_the_window_and_the_first_ones_taken():
    found = read(HELD_OUT, window=5, count=2)
    assert [one.ids.tolist() for one in found] == [ids[:5] for ids in LISTS[:2]]
    assert left_out(HELD_OUT, 2) == "The first 2 of 3 held-out sequences are measured."
    assert left_out(HELD_OUT, 3) == left_out("a text", 3) == left_out({"input_ids": LISTS}, 2) == ""


def test_a_single_text_is_a_stream_cut_into_evenly_spaced_windows():
    stream = TOKENIZER(" ".join(HELD_OUT) * 9)["input_ids"]
    first, last = read(" ".join(HELD_OUT) * 9, window=16, count=2)
    assert first.ids.tolist() == stream[:16]
    assert last.ids.tolist() == stream[-16:]


def test_a_prompt_that_does_not_count_still_does_not():
    (kept,) = read([TokenSequence(torch.tensor(LISTS[0]), 4, response_only=True)])
    assert (kept.prompt, kept.response_only) == (4, True)


@pytest.mark.parametrize(
    ("held_out", "sentence"),
    [
        ("", "hold nothing"),
        ([], "hold nothing"),
        (["a"], "hold nothing"),
        (7, "not a int"),
        ({"labels": LISTS}, "not a dict"),
        ([{"messages": []}], "holds a NoneType"),
        ([[0.5, 1.5]], "whole numbers"),
        ([[[1, 2], [3, 4]]], "one list per sequence"),
        ([[1, VOCABULARY]], f"token id {VOCABULARY}"),
        ([[1, -100]], "token id -100"),
    ],
)
def test_what_is_none_of_these_forms_is_refused_in_one_sentence(held_out, sentence):
    with pytest.raises(InvalidInput, match=sentence) as caught:
        read(held_out)
    assert str(caught.value).count(". ") == 0


@pytest.mark.parametrize("text", ["It is a truth", "<bos>It is a truth"])
def test_a_text_begins_once_alone_and_among_others(text):
    tokenizer = with_bos()
    words = tokenizer("It is a truth", add_special_tokens=False)["input_ids"]
    alone, among = (held_out_sequences(one, tokenizer, rows=320, window=64, count=2)[0] for one in (text, [text]))
    assert alone.ids.tolist() == [0, *words]
    assert among.ids.tolist() == [0, *words, 1]
    tokenizer = make_tokenizer()
    tokenizer.add_bos_token = True
    assert held_out_sequences(["It is a truth"], tokenizer, rows=320, window=64, count=2)[0].ids.tolist() == [0, *words]
