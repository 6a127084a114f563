"""Chat templates are programs of strangers: the same text as transformers, and an end to those that have none."""

import time

import pytest

from akl_viz.errors import Cancelled, InvalidInput
from akl_viz.models.templates import ChatTemplate, Limits, Turns
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


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_text_is_that_of_the_tokenizer_itself(name):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = TEMPLATES[name]
    with ChatTemplate(tokenizer) as template:
        for tools in ((), TOOLS):
            wanted = [Turns(MESSAGES), Turns(MESSAGES[:2], open=True), Turns(MESSAGES[:4])]
            expected = [
                tokenizer.apply_chat_template(
                    list(one.messages), tools=list(tools) or None, tokenize=False, add_generation_prompt=one.open
                )
                for one in wanted
            ]
            assert template.render(wanted, tools) == expected


def test_a_template_of_its_own_for_tools_is_chosen_as_transformers_does():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = {"default": "plain", "tool_use": "tools"}
    with ChatTemplate(tokenizer) as template:
        assert [template.render([Turns(MESSAGES)], tools) for tools in ((), TOOLS, ())] == [
            ["plain"],
            ["tools"],
            ["plain"],
        ]


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
        ("{{ 'x' * 10**10 }}", "2,000 MB or 50,000,000 characters for one row"),
        ("{{ 'x' * (6 * 10**7) }}", "50,000,000 characters for one row"),
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
        template.render([Turns(MESSAGES)])
    assert "\n" not in str(refusal.value)


def test_the_next_row_is_rendered_after_one_beyond_the_limit():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "{{ 'x' * 10**10 if messages | length > 1 else 'short' }}"
    with ChatTemplate(tokenizer) as template:
        with pytest.raises(InvalidInput):
            template.render([Turns(MESSAGES)])
        assert template.render([Turns(MESSAGES[:1])]) == ["short"]


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
            template.render([Turns(MESSAGES)])
        assert template._process is None


def test_a_tokenizer_without_a_template_is_named():
    with ChatTemplate(make_tokenizer()) as template, pytest.raises(InvalidInput, match="has no chat template"):
        template.render([Turns(MESSAGES)])
