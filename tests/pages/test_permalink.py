"""What an address holds is untrusted: it is checked, and a bad part never breaks the rest."""

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akl_viz.metrics import DEFAULT_METRIC
from akl_viz.ui.permalink import MAX_LINK, MAX_TEXT, ViewRequest, pack_text, parse_view, unpack_text


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


def test_a_small_address_cannot_inflate_to_a_huge_text():
    bomb = base64.urlsafe_b64encode(zlib.compress(b"a" * 50_000_000, 9)).decode()
    assert len(unpack_text(bomb) or "") == MAX_TEXT


def test_a_valid_view_is_read_back():
    assert parse_view("akl", "3.17.42", "1") == ViewRequest("akl", (3, 17, 42), True)


def test_no_pins_and_no_word_about_pins_are_two_things():
    assert parse_view(None, "", None).pins == ()
    assert parse_view(None, None, None).pins is None


@pytest.mark.parametrize("pins", ["-1", "1e3", "x", "99999999", "²", "1,2"])
def test_pins_that_are_no_small_whole_numbers_are_left_out(pins):
    assert parse_view(None, pins, None).pins == ()


@pytest.mark.parametrize("metric", ["nope", "__class__", "", None])
def test_an_unknown_metric_is_the_default(metric):
    assert parse_view(metric, None, "yes") == ViewRequest(DEFAULT_METRIC, None, False)
