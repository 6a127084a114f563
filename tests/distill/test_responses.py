"""What counts as a response: rows and turns that say nothing teach nothing but to end."""

import pytest

from akl_viz.distill.files import Example, read_rows
from akl_viz.errors import InvalidInput
from tests.checkpoints import make_tokenizer
from tests.distill.test_corpus import ENDS, TURNS, chat_of, load
from tests.distill.test_files import jsonl, write


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


GOOD = {"prompt": "a man", "response": "good wife"}


@pytest.mark.parametrize(
    "silent",
    [
        {"prompt": "a man", "response": None},
        {"prompt": "a man", "response": ""},
        {"prompt": "a man", "response": " \n"},
        {"prompt": "a man"},
        {"text": "a man"},
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}]},
    ],
)
@pytest.mark.parametrize("responses", ["all", "last"])
def test_a_row_without_a_response_is_left_out_and_counted(tmp_path, silent, responses):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = ENDS
    path = write(tmp_path / "a.jsonl", jsonl(GOOD, silent, GOOD))
    corpus = load(tokenizer, path, response_only=True, responses=responses)
    learnt = [tokenizer.decode(one.ids[1:][one.counts]) for one in (*corpus.train, *corpus.held_out)]
    assert learnt == ["good wife<eos>"] * 2
    assert corpus.notes == ("1 of 3 rows are left out: they have no response to learn.",)
    whole = load(tokenizer, path)
    assert len(whole.train) + len(whole.held_out) == 3
    assert whole.notes == ("1 of 3 rows have no response, so their prompt is learnt alone.",)
    if silent.get("prompt"):
        (tmp_path / "a.csv").write_text("prompt,response\na man,good wife\na man\na man,good wife\n")
        assert load(tokenizer, tmp_path / "a.csv", response_only=True).notes == corpus.notes


def test_an_empty_turn_of_a_chat_is_no_response(tmp_path):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = ENDS
    turns = [*TURNS[:3], ("assistant", " "), ("user", "a"), ("assistant", "truth")]
    for ends, counted in ((6, "man<eos>\ntruth<eos>\n"), (4, "man<eos>\n")):
        path = write(tmp_path / "a.jsonl", jsonl(*[chat_of(turns[:ends])] * 4))
        sequence = load(tokenizer, path, response_only=True, window=200, context=200).train[0]
        assert tokenizer.decode(sequence.ids[1:][sequence.counts]) == counted
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "search", "arguments": {}}}]}
    path = write(tmp_path / "b.jsonl", jsonl(*[{"messages": [*chat_of(TURNS[:1])["messages"], call]}] * 4))
    assert load(tokenizer, path, response_only=True, window=200, context=200).train


def test_a_table_of_empty_responses_is_refused(tokenizer, tmp_path):
    path = write(tmp_path / "a.jsonl", jsonl(*[{"prompt": "a man", "response": " "}] * 3))
    with pytest.raises(InvalidInput, match="holds no response to learn, since all are empty or of weight 0"):
        load(tokenizer, path, response_only=True)


@pytest.mark.parametrize("column", ["", "text"])
def test_a_text_of_null_is_an_empty_one(tmp_path, column):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": null}\n{"text": "It is a truth."}\n')
    assert read_rows(path, column).examples == [Example(""), Example("It is a truth.")]
