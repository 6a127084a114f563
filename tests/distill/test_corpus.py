"""From a text to sequences: windows, prompts and responses, chat templates, what is held out."""

import lzma

import pytest

from akl_viz.distill import DataConfig
from akl_viz.distill.corpus import load_corpus
from akl_viz.distill.dialogue import encode_example
from akl_viz.distill.files import Example
from akl_viz.errors import InvalidInput
from akl_viz.paths import DATA
from tests.checkpoints import make_tokenizer
from tests.distill.test_files import jsonl, write

CHAT = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def load(tokenizer, path, windows=4, context=64, **settings):
    return load_corpus(DataConfig(text=str(path), **settings), tokenizer, context, windows, lambda: None)


def text_of(tokenizer, sequences) -> str:
    return "".join(tokenizer.decode(one.ids) for one in sequences)


def test_a_text_becomes_windows_with_its_end_held_out(tokenizer, tmp_path):
    text = "It is a truth universally acknowledged. " * 100
    corpus = load(tokenizer, write(tmp_path / "a.txt", text), window=16)
    ids = tokenizer(text)["input_ids"]
    assert {len(one.ids) for one in corpus.train} == {16}
    kept = max(int(len(ids) * 0.05), 16)
    assert corpus.train[0].ids.tolist() == ids[:16]
    assert corpus.held_out[0].ids.tolist() == ids[-kept:][:16]
    assert corpus.held_out[-1].ids.tolist() == ids[-16:]
    assert len(corpus.train) == (len(ids) - kept) // 16
    assert corpus.notes == ()


def test_a_window_is_no_longer_than_the_context(tokenizer, tmp_path):
    corpus = load(tokenizer, write(tmp_path / "a.txt", "It is a truth. " * 100), window=256, context=32)
    assert {len(one.ids) for one in [*corpus.train, *corpus.held_out]} == {32}


def test_a_short_text_is_measured_on_itself_and_says_so(tokenizer, tmp_path):
    corpus = load(tokenizer, write(tmp_path / "a.txt", "It is a"))
    assert corpus.train[0].ids.tolist() == corpus.held_out[0].ids.tolist()
    assert "too short to hold a part out" in corpus.notes[0]


def test_rows_of_text_are_joined_by_the_end_token(tokenizer, tmp_path):
    path = write(tmp_path / "a.jsonl", jsonl(*({"text": f"truth {place}"} for place in range(200)), {"text": ""}))
    corpus = load(tokenizer, path, window=16)
    assert text_of(tokenizer, corpus.train).startswith("truth 0<eos>truth 1<eos>")


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_texts_shorter_than_two_tokens_are_refused(tokenizer, tmp_path, name):
    content = "a" if name == "a.txt" else jsonl({"text": "a"}, {"text": "b"}, {"text": ""})
    with pytest.raises(InvalidInput, match="holds no text of two tokens or more"):
        load(tokenizer, write(tmp_path / name, content))


def test_rows_with_nothing_to_learn_are_refused(tokenizer, tmp_path):
    path = write(tmp_path / "a.jsonl", jsonl({"prompt": "It is a truth " * 20, "response": "x"}))
    with pytest.raises(InvalidInput, match="holds no row with two tokens or more, of which one is to be learnt"):
        load(tokenizer, path, window=8, response_only=True)


def test_only_the_response_counts_when_asked(tokenizer, tmp_path):
    rows = [{"prompt": "It is a", "response": f"truth {place}"} for place in range(40)]
    path = write(tmp_path / "a.jsonl", jsonl(*rows))
    corpus = load(tokenizer, path, response_only=True)
    sequence = corpus.train[0]
    prompt = tokenizer("It is a\n")["input_ids"]
    assert sequence.ids[: sequence.prompt].tolist() == prompt
    assert tokenizer.decode(sequence.ids[1:][sequence.counts]) == "truth 0<eos>"
    assert bool(load(tokenizer, path).train[0].counts.all())
    assert (len(corpus.train), len(corpus.held_out)) == (38, 2)


def test_responses_are_needed_where_only_they_count(tokenizer, tmp_path):
    path = write(tmp_path / "a.jsonl", jsonl({"text": "It is a truth"}))
    with pytest.raises(InvalidInput, match="has no column of responses"):
        load(tokenizer, path, response_only=True)


def test_the_chat_template_is_applied_where_there_is_one(tokenizer):
    with_template = make_tokenizer()
    with_template.chat_template = CHAT
    example = Example("Who?", "Nobody.")
    ids, prompt = encode_example(example, with_template, chat=True)
    assert with_template.decode(ids) == "<user>Who?<assistant>Nobody."
    assert with_template.decode(ids[:prompt]) == "<user>Who?<assistant>"
    messages = Example(messages=({"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Nobody."}))
    assert encode_example(messages, with_template, chat=False) == (ids, prompt)
    with pytest.raises(InvalidInput, match="has no chat template"):
        encode_example(example, tokenizer, chat=True)


def test_a_template_that_refuses_is_named():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "{{ raise_exception('no system') }}"
    with pytest.raises(InvalidInput, match=r"chat template refuses a row of the text \(TemplateError\)"):
        encode_example(Example("a", "b"), tokenizer, chat=True)


def test_the_bundled_text_holds_out_the_end_of_each_novel():
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(DATA / "tokenizer")
    corpus = load_corpus(DataConfig(), tokenizer, 512, 8, lambda: None)
    assert (len(corpus.held_out), {len(one.ids) for one in corpus.held_out}) == (8, {256})
    assert len(corpus.train) > 3000
    novels = [lzma.decompress(path.read_bytes()).decode() for path in sorted((DATA / "corpus").glob("*.xz"))]
    assert tokenizer.decode(corpus.train[0].ids)[:200] == novels[0][:200]
    assert tokenizer.decode(corpus.held_out[-1].ids[-30:-1]) in novels[-1][-2000:]
