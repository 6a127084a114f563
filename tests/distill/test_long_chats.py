"""Chats of many turns and long texts: their responses are found in time that grows with the text, and Stop is heard."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akl_viz.distill import dialogue
from akl_viz.distill.dialogue import Dialogue, _by_borders, _overlap, _shared
from akl_viz.distill.files import Example
from akl_viz.errors import Cancelled
from tests.checkpoints import make_tokenizer
from tests.distill.test_corpus import ENDS

THINKS = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content if loop.last else m.content.split('/')[-1] }}<eos>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def chat(turns: int, characters: int) -> tuple[dict, ...]:
    words = "It is a truth " * (characters // 14)
    return tuple(
        {"role": role, "content": f"{place} {words}"} for place in range(turns) for role in ("user", "assistant")
    )


@pytest.mark.parametrize(("turns", "characters"), [(200, 5_000), (800, 200)])
@pytest.mark.parametrize("every", [True, False, None])
def test_a_chat_of_many_turns_is_read(turns, characters, every):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = ENDS
    messages = chat(turns, characters)
    with Dialogue(tokenizer, chat=True, every=every) as reader:
        found = reader.write(Example(messages=messages))
    assert "".join(found.parts.texts) == tokenizer.apply_chat_template(list(messages), tokenize=False)
    said = [found.parts.texts[place] for place in found.responses]
    assert said == [f"{message['content']}<eos>\n" for message in messages[1::2]]


def test_the_tokens_of_a_chat_are_the_same_whichever_of_its_responses_count():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = ENDS.replace("<assistant>", "t").replace("<{{ m['role'] }}>", "t")
    rows = []
    for every in (True, False, None):
        with Dialogue(tokenizer, chat=True, every=every) as reader:
            rows.append(reader.encode(Example(messages=chat(3, 30))).ids)
    assert rows[0] == rows[1] == rows[2]


texts = st.text(alphabet="ab", max_size=12)


@settings(deadline=None, derandomize=True)
@given(one=texts, other=texts, shown=st.integers(1, 4))
def test_the_overlap_of_two_texts_is_the_longest_end_that_is_a_beginning(one, other, shown):
    expected = max(n for n in range(min(len(one), len(other)) + 1) if one[len(one) - n :] == other[:n])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialogue, "_SHOWN", shown)
        assert _overlap(one, other, lambda: None) == expected
    assert _by_borders(one, other, lambda: None) == expected
    alike = (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    assert _shared(one, other) == next(alike, min(len(one), len(other)))


def test_texts_of_a_million_characters_that_repeat_themselves_overlap_in_seconds():
    started = time.process_time()
    assert _overlap("a" * 1_000_000, "a" * 999_999 + "b", lambda: None) == 999_999
    assert _overlap("b" + "a" * 1_000_000 + "c", "a" * 1_000_000, lambda: None) == 0
    # Every character with every other would be hours.
    assert time.process_time() - started < 60


def test_stop_is_heard_while_a_long_text_is_looked_at():
    def stop():
        raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        _overlap("b" + "a" * 200_000 + "c", "a" * 200_000, stop)


def test_a_long_thought_that_is_forgotten_later_on_is_left_out_of_the_response():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = THINKS
    messages = [dict(message) for message in chat(3, 30)]
    for message in messages[1::2]:
        message["content"] = "x y z " * 100_000 + "/So."
    started = time.process_time()
    with Dialogue(tokenizer, chat=True, every=True) as reader:
        found = reader.write(Example(messages=tuple(messages)))
        notes = reader.notes()
    assert time.process_time() - started < 30
    assert found.parts.texts[found.responses[-1]].endswith("/So.<eos>\n")
    assert any("writes earlier ones otherwise" in note for note in notes)
