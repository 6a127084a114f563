"""What an address holds is untrusted: it is checked, and a bad part never breaks the rest."""

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akl_viz.metrics import METRICS
from akl_viz.ui.permalink import MAX_LINK, MAX_TEXT, format_view, pack_text, parse_view, unpack_text
from akl_viz.ui.view import BARS, SCALES, View


@given(st.text(max_size=300))
def test_a_text_comes_back_from_its_address(text):
    packed = pack_text(text)
    assert packed is not None
    assert unpack_text(packed) == text.encode("utf-8", "replace").decode()


def test_a_text_that_would_not_fit_has_no_address():
    noise = "".join(chr(33 + (i * 7919) % 20_000) for i in range(20_000))
    assert pack_text(noise) is None
    assert len(pack_text("a" * 20_000) or "x" * MAX_LINK) < MAX_LINK


@pytest.mark.parametrize("packed", ["!!!", "AAAA", "é", base64.urlsafe_b64encode(b"not zlib").decode()])
def test_an_address_that_holds_no_text_is_left_out(packed):
    assert unpack_text(packed) is None


@given(st.text(min_size=1, max_size=300), st.floats(0, 1, exclude_max=True))
def test_a_cut_address_holds_no_text_rather_than_another(text, share):
    packed = pack_text(text)
    assert unpack_text(packed[: int(share * len(packed))]) in (None, text.encode("utf-8", "replace").decode())


def test_a_small_address_cannot_inflate_to_a_huge_text():
    bomb = base64.urlsafe_b64encode(zlib.compress(b"a" * 50_000_000, 9)).decode()
    assert MAX_TEXT < len(unpack_text(bomb) or "") <= 4 * (MAX_TEXT + 1)


@pytest.mark.parametrize("letter", ["a", "é", "♞", "𝕬"])
def test_a_text_over_the_limit_is_never_cut_to_one_within_it(letter):
    for length in (MAX_TEXT, MAX_TEXT + 1, 10 * MAX_TEXT):
        found = unpack_text(pack_text(letter * length))
        assert found == letter * len(found)
        assert len(found) == length or MAX_TEXT < len(found) < length


@given(
    st.builds(
        View,
        metric=st.sampled_from(list(METRICS)),
        pins=st.none() | st.lists(st.integers(0, 99_999), max_size=12).map(tuple),
        fit=st.booleans(),
        bars=st.sampled_from(BARS),
        scale=st.sampled_from(SCALES),
        glyphs=st.booleans(),
    )
)
def test_a_view_comes_back_from_its_address(view):
    address = {name: value for name, value in format_view(view).items() if value is not None}
    assert "" not in address.values()
    assert parse_view(address) == view


def test_the_default_view_needs_no_address():
    assert set(format_view(View()).values()) == {None}


def test_no_pins_and_no_word_about_pins_are_two_things():
    assert parse_view({"pins": "none"}).pins == ()
    assert parse_view({}).pins is None


@pytest.mark.parametrize("pins", ["-1", "1e3", "x", "99999999", "²", "1,2"])
def test_pins_that_are_no_small_whole_numbers_are_left_out(pins):
    assert parse_view({"pins": pins}).pins == ()


@pytest.mark.parametrize("word", ["nope", "__class__", "", "<b>"])
def test_a_word_no_table_knows_is_the_default(word):
    assert parse_view(dict.fromkeys(("metric", "fit", "bars", "scale", "glyphs"), word)) == View()
