"""The fields of messages: honoured, or named where they are lost."""

import pytest

from akl_viz.distill.files import read_rows
from akl_viz.errors import InvalidInput
from tests.checkpoints import make_tokenizer
from tests.distill.test_corpus import ENDS, TURNS, chat_of, load
from tests.distill.test_files import SO, WHY, jsonl, write


def spoken(**fields) -> dict:
    return {"conversations": [{"from": "human", "value": "Why?", **fields}, {"from": "gpt", "value": "So."}]}


def parted(*parts) -> dict:
    return {"messages": [{"role": "user", "content": list(parts)}, SO]}


TEXT = {"type": "text", "text": "Why?"}


@pytest.mark.parametrize(
    ("row", "lost"),
    [
        (spoken(content="LOST"), "conversations.content"),
        (parted({**TEXT, "note": "LOST"}), "messages.content.note"),
        (parted({**TEXT, "z": 0.5, "annotations": ["LOST"]}), "messages.content.annotations, messages.content.z"),
        (parted({**TEXT, "annotations": [], "note": None, "id": ""}), ""),
        (spoken(content=None), ""),
        (spoken(), ""),
        (parted({"text": "Why?"}), ""),
        (parted("Why?"), ""),
        (parted({"type": "input_text", "text": "Why?"}), ""),
    ],
)
def test_a_field_inside_a_message_is_named_where_it_is_lost(tmp_path, row, lost):
    found = read_rows(write(tmp_path / "a.jsonl", jsonl(row, {"messages": [WHY, SO]})))
    assert [list(one.messages) for one in found.examples] == [[WHY, SO]] * 2
    named = ", ".join(f"{one} (in 1 of 2 rows)" for one in lost.split(", ") if one)
    assert found.notes == ((f"a.jsonl: not used of its columns: {named}.",) if named else ())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (parted(TEXT, {"type": "image", "text": "alt", "url": "x"}), "a content with image that is no text"),
        (parted({"type": ["x"], "text": "Why?"}), "a content with ['x'] that is no text"),
        (parted({"type": "text", "text": 3}), "a content with a part that is no text"),
        (parted({"type": "text"}), "a content with a part that is no text"),
        (parted(3), "a content with a part that is no text"),
        ({"conversations": [{"from": ["x"], "value": "q"}]}, "a message from ['x']: use human, user, gpt"),
        ({"conversations": [{"from": {"a": 1}, "value": "q"}]}, "a message from {'a': 1}: use human"),
        ({"conversations": [{"from": 3, "value": "q"}]}, "a message from 3: use human"),
        ({"conversations": [{"from": "human", "value": {"a": 1}}]}, "a message without role and content"),
        ({"messages": [{"role": ["user"], "content": "q"}]}, "a message without role and content"),
    ],
)
def test_a_message_that_cannot_be_read_whole_is_refused(tmp_path, row, said):
    with pytest.raises(InvalidInput) as refusal:
        read_rows(write(tmp_path / "a.jsonl", jsonl(row)))
    assert said in str(refusal.value)


def weighed(*weights) -> dict:
    row = chat_of(TURNS * 2)
    for message, weight in zip(row["messages"][1::2], weights, strict=True):
        message |= {} if weight is None else {"weight": weight}
    return row


def learnt(tokenizer, path, **settings):
    corpus = load(tokenizer, path, window=200, context=200, **settings)
    return tokenizer.decode(corpus.train[0].ids[1:][corpus.train[0].counts]), corpus.notes


@pytest.mark.parametrize(
    ("weights", "responses", "counted"),
    [
        ((0, 1, None, 0), "all", "wife<eos>\nman<eos>\n"),
        ((0, 1, None, 0), "last", "man<eos>\n"),
        ((0.0, False, 0, 1.0), "all", "wife<eos>\n"),
        ((1, 1, 1, 1), "last", "wife<eos>\n"),
    ],
)
def test_a_message_of_weight_0_is_not_learnt(tmp_path, weights, responses, counted):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = ENDS
    path = write(tmp_path / "a.jsonl", jsonl(*[weighed(*weights)] * 4))
    found, notes = learnt(tokenizer, path, response_only=True, responses=responses)
    assert found == counted
    assert ("Responses of weight 0 do not count: 4 of 4 rows." in notes) == (0 in weights)
    assert not any("leaves out" in note for note in notes)
    whole, notes = learnt(tokenizer, path)
    assert whole == tokenizer.apply_chat_template(weighed(*weights)["messages"], tokenize=False)[1:]
    too = "4 of 4 rows hold responses of weight 0, which are learnt too where the whole text is."
    assert notes == ((too,) if 0 in weights else ())


def test_a_chat_whose_responses_all_have_weight_0_is_left_out(tmp_path):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = ENDS
    path = write(tmp_path / "a.jsonl", jsonl(weighed(0, 0, 0, 0), *[weighed(1, 1, 1, 1)] * 3))
    _, notes = learnt(tokenizer, path, response_only=True)
    assert "1 of 4 rows are left out: they have no response to learn." in notes


@pytest.mark.parametrize(
    ("extra", "what"),
    [
        ({"weight": 0.5}, "weight of assistant"),
        ({"score": 0.25}, "score of assistant"),
        ({"masked": True}, "masked of assistant"),
        ({"more": {"deep": [7.5]}}, "more of assistant"),
    ],
)
def test_numbers_and_marks_that_a_template_does_not_write_are_said(tmp_path, extra, what):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = ENDS
    path = write(tmp_path / "a.jsonl", jsonl(*[chat_of(TURNS[:2], **extra)] * 4))
    assert learnt(tokenizer, path)[1] == (f"The chat template leaves out or changes {what} in 4 of 4 rows.",)
    writes = "{% for m in messages %}{{ m | tojson }}{% endfor %}"
    tokenizer.chat_template = writes + "{% if add_generation_prompt %} {% endif %}"
    assert learnt(tokenizer, path)[1] == ()
