"""Tokens know their stretch of the text: pieces rebuild it exactly, labels hide nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from akl_viz.errors import InvalidInput
from akl_viz.models import Parts, encode, token_label
from akl_viz.models.text import part_ids
from akl_viz.models.token_labels import visible
from tests.checkpoints import make_tokenizer

TEXTS = (
    "It is a truth universally acknowledged",
    "naïve café — “quoted” 😀👩‍👩‍👧 日本語のテキスト",
    "tabs\tand\n\nnewlines\r\n  and   spaces ",
    "<img src=x onerror=alert(1)></script>",
    "\u202eright to left\u202c \u200b\ufeff zero width",
    " leading and trailing  ",
    "<bos>It is<eos>",
    "🇩🇪é",
)
LONG = 10_000


def with_bos(tokenizer=None):
    """A tokenizer that puts <bos> in front and <eos> at the end by itself."""
    tokenizer = tokenizer or make_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[("<bos>", 0), ("<eos>", 1)]
    )
    return tokenizer


def trimming():
    """A byte-level tokenizer whose offsets leave the leading space out."""
    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def sentencepiece_like():
    """A Llama-style BPE: a space becomes ▁, one is put in front, unknown characters fall back to bytes."""
    tokens = ["<unk>", "<bos>", "<eos>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"Itisaruhe", "▁i", "▁is"]
    vocabulary = {token: place for place, token in enumerate(dict.fromkeys(tokens))}
    backend = Tokenizer(
        models.BPE(vocabulary, [("▁", "i"), ("▁i", "s")], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>")


KINDS = {"plain": make_tokenizer, "bos": with_bos, "trimming": trimming, "sentencepiece": sentencepiece_like}


@pytest.fixture(scope="module")
def kinds():
    return {name: make() for name, make in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TEXTS)
def test_pieces_join_to_the_text(kinds, kind, text):
    encoded = encode(kinds[kind], text, LONG)
    assert "".join(encoded.pieces) == text == encoded.text
    assert len(encoded.ids) == len(encoded.pieces) == len(encoded.labels) == len(encoded)
    assert encoded.cut is None
    assert all(label and label.isprintable() for label in encoded.labels)


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_of_the_tokenizer_by_default(kinds, kind):
    for text in TEXTS:
        twice = kind == "bos" and text.startswith("<bos>")
        assert list(encode(kinds[kind], text, LONG).ids) == kinds[kind](text)["input_ids"][int(twice) :]


def test_a_begin_token_is_never_doubled_and_its_note_says_why(kinds):
    added, own = encode(kinds["bos"], "It is", LONG), encode(kinds["bos"], "<bos>It is", LONG)
    assert added.ids == own.ids
    assert (added.notes, added.n_prefix, own.n_prefix) == ((), 1, 0)
    assert own.notes == ("The text already begins with the begin token <bos>, so none is put before it.",)
    assert encode(kinds["plain"], "<bos>It is", LONG).notes == ()


def test_a_tokenizer_that_is_set_to_add_a_begin_token_gets_one():
    tokenizer = make_tokenizer()
    tokenizer.add_bos_token = True
    tokenizer.backend_tokenizer.post_processor = processors.ByteLevel()
    assert encode(tokenizer, "It is", LONG).ids == (0, *make_tokenizer()("It is")["input_ids"])


def capitals():
    """A tokenizer that knows four capitals and no other letter."""
    return Tokenizer(models.BPE({"<s>": 0, "</s>": 1, "A": 2, "C": 3, "G": 4, "T": 5}, []))


def whole_words(unknown):
    """A tokenizer of two words, for which every other one is unknown."""
    backend = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2, "A": 3, "C": 4}, unk_token=unknown))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return backend


@pytest.mark.parametrize("single", ["<s> $A", "<s> $A </s>", "</s> <s> $A", "$A </s>", "$A"])
@pytest.mark.parametrize(
    ("backend", "text"),
    [(capitals(), "ACGT"), (whole_words("<s>"), "A C"), (whole_words("<unk>"), "C A")],
    ids=["capitals", "unknown is begin", "words"],
)
def test_a_text_begins_as_transformers_begins_it_whatever_the_vocabulary(backend, text, single):
    backend.add_special_tokens(["<s>", "</s>"])
    backend.post_processor = processors.TemplateProcessing(single=single, special_tokens=[("<s>", 0), ("</s>", 1)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    expected = tokenizer(text)["input_ids"]
    assert list(encode(tokenizer, text, LONG).ids) == expected
    put_after = [1] * single.endswith("</s>")
    assert part_ids(tokenizer, Parts((text,)))[0][0] + put_after == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texts", [("Who is é", "😀 she?"), ("<bos>a", " b", "c"), ("", "It is"), ("It is", "")])
@pytest.mark.parametrize("rendered", [False, True])
def test_parts_are_read_apart_and_the_same_by_both_ways(kinds, kind, texts, rendered):
    tokenizer, parts = kinds[kind], Parts(texts, rendered=rendered, ends=not rendered)
    encoded = encode(tokenizer, parts, LONG)
    ids, note = part_ids(tokenizer, parts)
    assert list(encoded.ids) == [token for part in ids for token in part]
    assert encoded.notes == ((note,) if note else ())
    assert "".join(encoded.pieces) == "".join(texts) == encoded.text
    plain = [token for text in texts if text for token in tokenizer(text, add_special_tokens=False)["input_ids"]]
    adds = kind == "bos" and not rendered and not texts[0].startswith("<bos>")
    assert list(encoded.ids) == [0] * adds + plain + [tokenizer.eos_token_id] * (not rendered)
    assert ("writes no begin token" in note) == (kind == "bos" and rendered and not texts[0].startswith("<bos>"))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=st.text(min_size=2, max_size=20), limit=st.integers(2, 12), kind=st.sampled_from(sorted(KINDS)))
def test_any_text_is_rebuilt_or_refused(kinds, text, limit, kind):
    try:
        encoded = encode(kinds[kind], text, limit)
    except InvalidInput:
        return
    assert "".join(encoded.pieces) == encoded.text
    assert len(encoded) <= limit
    assert text.startswith(encoded.text)
    assert (encoded.cut is None) == (len(encoded.ids) == len(kinds[kind](text)["input_ids"]))


def test_a_split_character_belongs_to_its_first_token_and_every_part_shows_its_byte(kinds):
    encoded = encode(kinds["plain"], "a😀é", LONG)
    assert encoded.pieces == ("a", "😀", "", "", "", "é", "")
    assert encoded.labels == ("a", "😀⟨F0⟩", "😀⟨9F⟩", "😀⟨98⟩", "😀⟨80⟩", "é⟨C3⟩", "é⟨A9⟩")


def test_byte_fallback_shows_bytes_too(kinds):
    encoded = encode(kinds["sentencepiece"], "é is", LONG)
    assert encoded.pieces[-1] == " is"
    assert encoded.labels[-3:] == ("é⟨C3⟩", "é⟨A9⟩", "·is")


def test_whitespace_that_offsets_leave_out_goes_to_the_token_after_it(kinds):
    encoded = encode(kinds["trimming"], "It is a truth", LONG)
    assert encoded.pieces == encode(kinds["plain"], "It is a truth", LONG).pieces
    assert encoded.pieces[1].startswith(" ")


def test_special_tokens_of_the_tokenizer_have_no_piece_but_their_name(kinds):
    encoded = encode(kinds["bos"], "It", LONG)
    assert (encoded.pieces[0], encoded.pieces[-1]) == ("", "")
    assert (encoded.labels[0], encoded.labels[-1]) == ("<bos>", "<eos>")
    assert encoded.n_prefix == 1
    assert encode(kinds["plain"], "It is", LONG).n_prefix == 0


def test_a_long_text_is_cut_where_a_character_ends(kinds):
    encoded = encode(kinds["plain"], "ab😀cd", 4)
    assert (encoded.text, encoded.pieces) == ("ab", ("a", "b"))
    cut = encoded.cut
    assert (cut.tokens_kept, cut.tokens_dropped, cut.character, cut.context) == (2, 6, 2, 4)
    assert encode(kinds["plain"], "ab😀cd", 6).text == "ab😀"
    assert encode(kinds["plain"], "ab😀cd", 8).cut is None


def test_a_cut_before_a_space_leaves_the_space_out(kinds):
    for kind in ("plain", "trimming"):
        assert encode(kinds[kind], "It is a", 2).text == "It is"


def test_a_text_of_one_token_has_nothing_to_score(kinds):
    with pytest.raises(InvalidInput) as caught:
        encode(kinds["plain"], "a", LONG)
    assert str(caught.value) == (
        "The text has no token with another one before it to score it from: give a longer text."
    )


def test_one_token_after_a_prefix_is_enough(kinds):
    assert encode(kinds["bos"], "a", LONG).labels == ("<bos>", "a", "<eos>")


def test_empty_text_says_what_to_do(kinds):
    with pytest.raises(InvalidInput) as caught:
        encode(kinds["bos"], "", LONG)
    assert str(caught.value) == "The text is empty: give a text of at least two tokens."


def test_a_context_of_one_token_scores_nothing(kinds):
    with pytest.raises(InvalidInput) as caught:
        encode(kinds["plain"], "It is", 1)
    assert str(caught.value) == (
        "Within a context of 1 tokens the text has no token with another one before it to score it from: "
        "give a longer text."
    )


def test_half_a_character_is_refused(kinds):
    with pytest.raises(InvalidInput, match=r"lone surrogate\) at position 2"):
        encode(kinds["plain"], "ab\ud83d", LONG)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" the", "·the"),
        ("\n\t", "↵⇥"),
        ("\r", "U+000D"),
        ("\u202e", "U+202E"),
        ("a\u200db", "aU+200Db"),
        ("\u00a0", "U+00A0"),
        ("\ufe0f", "U+FE0F"),
        ("\u0301", "◌\u0301"),
        ("<b>", "<b>"),
        ("", ""),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


def test_vocabulary_entries_are_shown_as_what_they_mean(kinds):
    tokenizer = kinds["plain"]
    by_piece = tokenizer.get_vocab()
    shown = {piece: token_label(tokenizer, by_piece[piece]) for piece in ("Ġ", "Ċ", "ð", "Ġa", "<bos>")}
    assert shown == {"Ġ": "·", "Ċ": "↵", "ð": "⟨F0⟩", "Ġa": "·a", "<bos>": "<bos>"}
    assert token_label(tokenizer, 151_700) == "⟨id 151700⟩"


def test_bytes_of_several_characters_are_shown_in_their_order(kinds):
    backend = Tokenizer(models.BPE({"cafÃ©": 0, "ðŁĺ": 1, "aðŁ": 2, "ŀÃ©": 3}, []))
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    assert [token_label(tokenizer, place) for place in range(4)] == ["café", "⟨F0 9F 98⟩", "a⟨F0 9F⟩", "⟨9E⟩é"]


def test_sentencepiece_entries_are_shown_as_what_they_mean(kinds):
    tokenizer = kinds["sentencepiece"]
    by_piece = tokenizer.get_vocab()
    assert [token_label(tokenizer, by_piece[piece]) for piece in ("▁is", "<0xF0>", "<0x0A>", "<eos>")] == [
        "·is",
        "⟨F0⟩",
        "↵",
        "<eos>",
    ]


def test_metaspace_pre_tokenizer(kinds):
    backend = Tokenizer(models.Unigram([("▁It", -1.0), ("▁is", -1.0), ("▁", -2.0), ("x", -2.0)], 0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    encoded = encode(tokenizer, "It is x", LONG)
    assert "".join(encoded.pieces) == "It is x"
    assert token_label(tokenizer, 1) == "·is"
