"""From a text to sequences: windows, prompts and responses, chat templates, what is held out."""

import json
import lzma

import pytest

from akl_viz.distill import DataConfig, DistillConfig
from akl_viz.distill.corpus import load_corpus
from akl_viz.distill.dialogue import encode_example
from akl_viz.distill.files import Example, read_examples
from akl_viz.errors import InvalidInput
from akl_viz.paths import DATA
from tests.checkpoints import make_tokenizer
from tests.distill.test_files import jsonl, write
from tests.models.test_text import with_bos

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
    assert corpus.notes == ("Sequences end at 32 tokens, not at the window of 256: the models take no more.",)


def test_a_window_beyond_the_context_that_no_row_reaches_is_not_spoken_of(tokenizer, tmp_path):
    rows = [{"prompt": "It is", "response": " a truth."}] * 4
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert load(tokenizer, path, window=256, context=64).notes == ()
    assert load(tokenizer, path, window=256, context=4).notes[0].startswith("Sequences end at 4 tokens, not at")


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
    with pytest.raises(InvalidInput, match=r"chat template refuses a row of the text \(TemplateError: no system\)"):
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


TURNS = [("user", "a"), ("assistant", "man"), ("user", "good"), ("assistant", "wife")]
ENDS = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<eos>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
FORGETS = (
    "{% for m in messages %}<{{ m['role'] }}>{% if loop.last and m.reasoning_content %}<think>{{ m.reasoning_content }}"
    "</think>{% endif %}{{ m['content'] }}<eos>\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
REWRITES = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] if loop.last or m.role == 'user' else 'gone' }}<eos>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def chat_of(turns=TURNS, **extra) -> dict:
    return {
        "messages": [{"role": role, "content": text, **(extra if role == "assistant" else {})} for role, text in turns]
    }


@pytest.mark.parametrize(
    ("template", "responses", "counted", "said"),
    [
        (
            ENDS,
            "all",
            "man<eos>\nwife<eos>\n",
            "Every response of a chat counts, where there are several: 4 of 4 rows.",
        ),
        (ENDS, "last", "wife<eos>\n", "Only the last response of a chat counts, where there are several: 4 of 4 rows."),
        (
            FORGETS,
            "all",
            "man<eos>\n<think>because</think>wife<eos>\n",
            "The chat template leaves out or changes reasoning_content of assistant in 4 of 4 rows.",
        ),
        (REWRITES, "all", "wife<eos>\n", "Only the last response counts, since the chat template writes earlier ones"),
    ],
)
def test_every_response_of_a_chat_counts_or_the_last_one_and_it_is_said(tmp_path, template, responses, counted, said):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = template
    row = chat_of(reasoning_content="because") if template is FORGETS else chat_of()
    if template is FORGETS:
        row["messages"][1]["reasoning_content"] = "gone"
    path = write(tmp_path / "a.jsonl", jsonl(*[row] * 4))
    corpus = load(tokenizer, path, response_only=True, responses=responses, window=200, context=200)
    sequence = corpus.train[0]
    whole = tokenizer.apply_chat_template(row["messages"], tokenize=False)
    assert tokenizer.decode(sequence.ids) == whole
    assert tokenizer.decode(sequence.ids[1:][sequence.counts]) == counted
    assert any(note.startswith(said) for note in corpus.notes)


def test_all_of_a_chat_counts_where_no_response_is_asked_for(tmp_path):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = ENDS
    corpus = load(tokenizer, write(tmp_path / "a.jsonl", jsonl(*[chat_of()] * 4)), window=200, context=200)
    assert bool(corpus.train[0].counts.all())
    assert corpus.notes == ()


@pytest.mark.parametrize(
    ("extra", "what"),
    [
        ({"reasoning_content": "because"}, "reasoning_content of assistant"),
        ({"thinking": "because"}, "thinking of assistant"),
        ({"tool_calls": [{"function": {"name": "search", "arguments": {"q": "x"}}}]}, "tool_calls of assistant"),
        ({"name": "Ann"}, "name of assistant"),
    ],
)
def test_what_a_template_does_not_write_is_said(tmp_path, extra, what):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = ENDS
    rows = [chat_of(TURNS[:2], **extra), *[chat_of(TURNS[:2])] * 3]
    corpus = load(tokenizer, write(tmp_path / "a.jsonl", jsonl(*rows)), window=200, context=200)
    assert corpus.notes == (f"The chat template leaves out or changes {what} in 1 of 4 rows.",)


def test_a_system_text_and_tools_reach_the_template(tmp_path):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "{{ tools | tojson if tools }}" + ENDS
    examples = read_examples(
        write(tmp_path / "a.jsonl", jsonl({"system": "Be kind.", **chat_of(TURNS[:2]), "tools": [{"name": "é"}]}))
    )
    ids, _ = encode_example(examples[0], tokenizer, chat=False)
    assert tokenizer.decode(ids) == '[{"name": "é"}]<system>Be kind.<eos>\n<user>a<eos>\n<assistant>man<eos>\n'
    plain = Example("Be kind.\n\nWhy?", "So.", system="Be kind.")
    assert "<system>Be kind.<eos>\n<user>Why?<eos>" in tokenizer.decode(encode_example(plain, tokenizer, chat=True)[0])


def test_rows_that_the_window_takes_are_counted(tokenizer, tmp_path):
    rows = [{"prompt": "It is " * 20, "response": "x"}, {"prompt": "q", "response": "It is " * 20}]
    path = write(tmp_path / "a.jsonl", jsonl(*rows, *[{"prompt": "q", "response": "a"}] * 3))
    assert load(tokenizer, path, response_only=True, window=8).notes == (
        "1 of 5 rows are left out: within 8 tokens they hold nothing to learn.",
        "1 of 5 rows are cut at the window of 8 tokens.",
    )


def test_every_text_begins_with_the_begin_token_where_the_tokenizer_puts_it(tmp_path):
    tokenizer = with_bos()
    path = write(tmp_path / "a.jsonl", jsonl(*[{"text": "It is a truth"}, {"text": "<bos>It is a man"}] * 50))
    corpus = load(tokenizer, path, window=200, context=200)
    text = text_of(tokenizer, corpus.train)
    assert text.startswith("<bos>It is a truth<eos><bos>It is a man<eos><bos>It")
    assert "<bos><bos>" not in text


def test_old_runs_go_on_with_the_last_response():
    stored = DistillConfig().to_json()
    assert DistillConfig.from_json(stored).data.responses == "all"
    del stored["data"]["responses"]
    assert DistillConfig.from_json(stored).data.responses == "last"


def test_texts_without_responses_say_what_becomes_of_them(tokenizer, tmp_path):
    path = write(tmp_path / "a.jsonl", jsonl({"text": ""}, {"text": "a"}, *[{"text": "It is a truth"}] * 50))
    assert load(tokenizer, path, chat=True, window=16).notes == (
        "2 texts of fewer than two tokens are left out.",
        "a.jsonl has no responses, so the chat template is not applied.",
    )
