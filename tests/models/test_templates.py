"""Chat templates are programs of strangers: the same text as transformers, and an end to those that have none."""

import time

import pytest

from akl_viz.errors import Cancelled, InvalidInput
from akl_viz.models.templates import ChatTemplate, Limits
from tests.checkpoints import make_tokenizer

CALL = {"type": "function", "function": {"name": "search", "arguments": {"q": "é", "n": 1}}}
MESSAGES = [
    {"role": "system", "content": 'Be kind: <b>&amp;</b> "quoted"'},
    {"role": "user", "content": "Why, 😀?\n\nline"},
    {"role": "assistant", "content": "", "tool_calls": [CALL], "name": None},
    {"role": "tool", "content": "{}", "name": "search"},
    {"role": "assistant", "content": "So.", "thinking": "because"},
]
TOOLS = [{"type": "function", "function": {"name": "search", "parameters": {"type": "object", "default": None}}}]
TEMPLATES = {
    "chatml": "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    "tokens": "{{ bos_token }}{% for m in messages %}{{ m.content | trim }}{{ eos_token }}{% endfor %}{{ nothing }}",
    "tools": "{% if tools %}{% for t in tools %}{{ t | tojson(indent=2) }}{% endfor %}{% endif %}"
    "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}{% endfor %}",
    "reasoning": "{% for m in messages %}{% if m.reasoning_content is defined %}<think>{{ m.reasoning_content }}"
    "</think>{% endif %}{% if 'name' in m %}({{ m.name }}){% endif %}{{ m.content }}{% endfor %}",
    "generation": "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}",
    "loops": "{% set ns = namespace(n=0) %}{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}"
    "{% set ns.n = ns.n + 1 %}{{ ns.n }}{{ m.content }}{% if ns.n > 2 %}{% break %}{% endif %}{% endfor %}",
    "date": "{{ strftime_now('%Y') }}{{ dict(a=1) }}{{ messages | length }}",
    "blocks": "{%- for m in messages %}\n    {%- if m.role != 'tool' %}\n{{- m.content }}\n    {% endif %}"
    "\n{%- endfor %}",
}


def text_of(template, messages=MESSAGES, tools=()) -> str:
    template.begin(messages, tools)
    return template.text(len(messages))


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_text_is_that_of_the_tokenizer_itself(name):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = TEMPLATES[name]
    with ChatTemplate(tokenizer) as template:
        for tools in ((), TOOLS):
            wanted = [(5, False), (2, True), (4, False), (5, True), (1, False)]
            expected = [
                tokenizer.apply_chat_template(
                    MESSAGES[:count], tools=list(tools) or None, tokenize=False, add_generation_prompt=opened
                )
                for count, opened in wanted
            ]
            template.begin(MESSAGES, tools)
            assert [template.text(count, opened=opened) for count, opened in wanted] == expected


def test_a_template_of_its_own_for_tools_is_chosen_as_transformers_does():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = {"default": "plain", "tool_use": "tools"}
    with ChatTemplate(tokenizer) as template:
        found = [text_of(template, tools=tools) for tools in ((), TOOLS, ())]
    assert found == ["plain", "tools", "plain"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ raise_exception('no system') }}", r"refuses a row of the text \(TemplateError: no system\)"),
        ("{% for", "TemplateSyntaxError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ messages[9].content.x }}", "UndefinedError"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{% include '/etc/passwd' %}", "refuses a row"),
        ("{% for i in range(10**9) %}x{% endfor %}", "OverflowError"),
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "takes more than 1 seconds"),
        ("{{ 'x' * 10**10 }}", "takes more than 2,000 MB for one row"),
        ("{{ 'x' * (6 * 10**7) }}", "takes more than 50,000,000 characters for one row"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
    ],
)
def test_a_template_that_fails_or_has_no_end_gets_a_sentence(source, said):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = source
    with (
        ChatTemplate(tokenizer, limits=Limits(seconds=1)) as template,
        pytest.raises(InvalidInput, match=said) as refusal,
    ):
        text_of(template)
    assert "\n" not in str(refusal.value)


def test_the_next_row_is_rendered_after_one_beyond_the_limit():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "{{ 'x' * 10**10 if messages | length > 1 else 'short' }}"
    with ChatTemplate(tokenizer) as template:
        with pytest.raises(InvalidInput):
            text_of(template)
        assert text_of(template, MESSAGES[:1]) == "short"


SLOW = "{% for i in range(2000) %}{% for j in range(2000) %}{% endfor %}{% endfor %}"


def test_the_time_of_all_texts_of_a_chat_is_bounded_too():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = SLOW
    with ChatTemplate(tokenizer, limits=Limits(all_seconds=1)) as template:
        template.begin(MESSAGES)
        with pytest.raises(InvalidInput, match="takes more than 1 seconds for all turns of one row"):
            _ = [template.text(1) for _ in range(1_000)]
        # Each chat has its own.
        text_of(template)


def test_a_process_that_ends_by_itself_is_told_from_one_that_takes_too_long():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with ChatTemplate(tokenizer, limits=Limits(seconds=60)) as template:
        template.begin(MESSAGES)
        template._check = template._process.kill
        with pytest.raises(InvalidInput, match="ended before it had a text"):
            template.text(1)
    with ChatTemplate(tokenizer, limits=Limits(seconds=0)) as template:
        template.begin(MESSAGES)
        with pytest.raises(InvalidInput, match="takes more than 0 seconds of the clock for one text"):
            template.text(1)


def test_stop_ends_a_template_that_works():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    asked = []

    def check():
        asked.append(time.monotonic())
        if len(asked) == 3:
            raise Cancelled("Stopped.")

    with ChatTemplate(tokenizer, check) as template:
        with pytest.raises(Cancelled):
            text_of(template)
        assert template._process is None


def test_a_tokenizer_without_a_template_is_named():
    with ChatTemplate(make_tokenizer()) as template, pytest.raises(InvalidInput, match="has no chat template"):
        text_of(template)
