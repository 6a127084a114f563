"""The vocabulary gate lets padded embeddings through and nothing else."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from akl_viz.analysis.trace import token_trace
from akl_viz.errors import VocabularyMismatch
from akl_viz.models import ModelPool, load_checkpoint, match_vocabularies
from akl_viz.records import SharedVocabulary
from tests.checkpoints import make_tokenizer


@pytest.fixture(scope="module")
def teacher(families):
    return load_checkpoint(str(families / "llama"))


def with_rows(folder, edit_json, rows):
    """Pad or cut the embeddings of a checkpoint to a number of rows."""
    edit_json(folder / "config.json", vocab_size=rows)
    tensors = load_file(folder / "model.safetensors")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        whole = torch.cat([tensors[name], torch.zeros(64, tensors[name].shape[1])])
        tensors[name] = whole[:rows].clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return load_checkpoint(str(folder))


def with_tokenizer(folder, change):
    tokenizer = change(make_tokenizer())
    tokenizer.save_pretrained(folder)
    return load_checkpoint(str(folder))


def refusal(teacher, student) -> str:
    with pytest.raises(VocabularyMismatch) as caught:
        match_vocabularies(teacher, student)
    return str(caught.value)


def test_one_vocabulary_is_shared_whole(teacher, families):
    assert match_vocabularies(teacher, teacher) == SharedVocabulary(320)
    assert match_vocabularies(teacher, load_checkpoint(str(families / "gpt2"))) == SharedVocabulary(320)


def test_padded_vocabulary_is_cut_to_the_shared_rows(teacher, llama, edit_json):
    student = with_rows(llama, edit_json, 384)
    assert match_vocabularies(teacher, student) == SharedVocabulary(320, student_dropped_rows=64)
    assert match_vocabularies(student, teacher) == SharedVocabulary(320, teacher_dropped_rows=64)


def test_both_padded_share_the_smaller_padding(teacher, llama, tmp_path, edit_json):
    other = shutil.copytree(llama, tmp_path / "other")
    small, large = with_rows(llama, edit_json, 330), with_rows(other, edit_json, 350)
    assert match_vocabularies(large, small) == SharedVocabulary(330, teacher_dropped_rows=20)


def test_too_few_rows_for_the_tokenizer(teacher, llama, edit_json):
    short = with_rows(llama, edit_json, 310)
    highest = len(teacher.tokenizer.get_vocab()) - 1
    token = teacher.tokenizer.convert_ids_to_tokens(highest)
    for side, pair in {"student": (teacher, short), "teacher": (short, teacher)}.items():
        assert refusal(*pair) == (
            f"The {side} scores 310 tokens, but its tokenizer has {token!r} at id {highest}: "
            "use the tokenizer that was saved with the weights."
        )


def test_swapped_tokens_are_named(teacher, llama):
    path = llama / "tokenizer.json"
    text = path.read_text(encoding="utf-8")
    by_piece = teacher.tokenizer.get_vocab()
    first, second = sorted((by_piece["Ċ"], by_piece["x"]))
    names = {by_piece["Ċ"]: "Ċ", by_piece["x"]: "x"}
    text = text.replace(f'"Ċ": {by_piece["Ċ"]}', '"Ċ": -1').replace(f'"x": {by_piece["x"]}', f'"x": {by_piece["Ċ"]}')
    path.write_text(text.replace('"Ċ": -1', f'"Ċ": {by_piece["x"]}'), encoding="utf-8")
    assert refusal(teacher, load_checkpoint(str(llama))) == (
        "Teacher and student number their tokens differently "
        f"(id {first}: {names[first]!r} against {names[second]!r}; id {second}: {names[second]!r} against "
        f"{names[first]!r}): choose a student that was trained with the teacher's tokenizer."
    )


def with_extra(folder, edit_json, *, token="<\u202e\n>", rows):
    """A student whose tokenizer alone has one token more at its end."""
    tokenizer = make_tokenizer()
    tokenizer.add_tokens([token])
    tokenizer.save_pretrained(folder)
    return with_rows(folder, edit_json, rows)


@pytest.mark.parametrize("rows", [320, 321, 330])
def test_an_added_token_of_one_side_alone_is_cut(teacher, llama, edit_json, rows):
    student = with_extra(llama, edit_json, rows=rows)
    names = len(teacher.tokenizer)
    assert student.tokenizer.convert_tokens_to_ids("<\u202e\n>") == names
    wanted = SharedVocabulary(names, teacher_dropped_rows=320 - names, student_dropped_rows=rows - names)
    assert match_vocabularies(teacher, student) == wanted
    turned = SharedVocabulary(names, teacher_dropped_rows=rows - names, student_dropped_rows=320 - names)
    assert match_vocabularies(student, teacher) == turned


def test_a_text_with_a_token_of_one_side_alone_is_refused_and_the_token_escaped(teacher, llama, edit_json):
    student = with_extra(llama, edit_json, rows=330)
    assert token_trace(teacher, student, "It is a truth").shared.size == len(teacher.tokenizer)
    for pair in ((teacher, student), (student, teacher)):
        with pytest.raises(VocabularyMismatch) as caught:
            token_trace(*pair, "It is <\u202e\n> a truth")
        assert str(caught.value).startswith("The text holds '<\\u202e\\n>', a token that only one of teacher and")


def test_a_token_of_one_side_alone_in_the_middle_is_refused(teacher, llama, edit_json):
    path = llama / "tokenizer.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"<pad>"', '"<other>"'), encoding="utf-8")
    edit_json(llama / "tokenizer_config.json", pad_token="<other>")
    assert "(id 2: '<pad>' against '<other>')" in refusal(teacher, load_checkpoint(str(llama)))


def test_the_pair_is_refused_before_any_weights_are_read(families, llama, monkeypatch):
    make_tokenizer("zebra quartz jinx vow " * 9).save_pretrained(llama)
    monkeypatch.setattr("akl_viz.models.loading.load_model", lambda *_: pytest.fail("weights were read"))
    with pytest.raises(VocabularyMismatch):
        ModelPool().pair(str(families / "llama"), str(llama))


def test_another_vocabulary_names_three_and_counts_the_rest(teacher, llama):
    said = refusal(teacher, with_tokenizer(llama, lambda _: make_tokenizer("zebra quartz jinx vow " * 9)))
    assert said.count("; id ") == 2
    assert " more): choose a student" in said


def test_a_token_that_only_one_treats_as_added(teacher, llama):
    def change(tokenizer):
        tokenizer.add_tokens(["x"])
        return tokenizer

    place = teacher.tokenizer.get_vocab()["x"]
    assert refusal(teacher, with_tokenizer(llama, change)) == (
        f"Only one of teacher and student treats id {place}, 'x', as an added token: "
        "choose a student that was trained with the teacher's tokenizer."
    )
