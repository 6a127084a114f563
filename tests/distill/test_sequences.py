"""Which sequence comes when, and what of it counts."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from akl_viz.distill.sequences import Order, TokenSequence, Windows, collate
from akl_viz.distill.toy_language import toy_text, transitions


@given(size=st.integers(1, 30), seed=st.integers(0, 5), limit=st.integers(0, 40))
def test_every_sequence_comes_once_an_epoch(size, seed, limit):
    order = Order(size, seed, limit)
    count = len(order)
    assert count == (min(size, limit) if limit else size)
    first, second = order.take(0, count), order.take(count, count)
    assert sorted(first) == sorted(second)
    assert len(set(first)) == count


@given(seed=st.integers(0, 5), place=st.integers(0, 50))
def test_the_order_does_not_depend_on_what_was_read_before(seed, place):
    read = Order(7, seed)
    read.take(0, 60)
    assert read.take(place, 3) == Order(7, seed).take(place, 3)


def test_another_seed_gives_another_order():
    assert Order(50, 0).take(0, 50) != Order(50, 1).take(0, 50)


def test_windows_cut_a_stream():
    windows = Windows(torch.arange(11), 4)
    assert [one.ids.tolist() for one in windows] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [one.ids.tolist() for one in Windows(torch.arange(3), 4)] == [[0, 1, 2]]


def test_a_batch_masks_padding_and_prompts():
    rows = [TokenSequence(torch.tensor([5, 6, 7, 8])), TokenSequence(torch.tensor([1, 2, 3]), 2, response_only=True)]
    batch = collate(rows, [4, 9])
    assert batch.inputs.tolist() == [[5, 6, 7], [1, 2, 3]]
    assert batch.targets.tolist() == [[6, 7, 8], [2, 3, 0]]
    assert batch.mask.tolist() == [[True, True, True], [False, True, False]]
    assert (batch.count, batch.lengths, batch.indices) == (4, (3, 2), (4, 9))


def test_a_whole_batch_has_no_mask():
    assert collate([TokenSequence(torch.tensor([5, 6, 7]))], [0]).mask is None


def test_the_toy_text_follows_its_chain():
    """Every transition of the text as often as the chain says, within five standard deviations of a count."""
    text, chain = toy_text(), transitions().exp()
    assert torch.allclose(chain.sum(-1), torch.ones(len(chain), dtype=torch.float64))
    counts = torch.zeros_like(chain)
    counts.index_put_((text[:-1], text[1:]), torch.ones(len(text) - 1, dtype=torch.float64), accumulate=True)
    expected = counts.sum(-1, keepdim=True) * chain
    assert bool(((counts - expected).abs() <= 5 * (expected * (1 - chain)).sqrt() + 1).all())
