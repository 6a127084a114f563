"""The head against a full stable sort: by exact sixteenths, by long rows, by ties."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given

from akl_viz.divergences import Pair, head_mask, head_mass, head_of, head_size, prefix
from akl_viz.divergences.head import find_head
from akl_viz.divergences.select import largest
from akl_viz.errors import InvalidInput
from tests.reference import head_tokens
from tests.strategies import boundaries, mus, probabilities
from tests.tolerances import ORACLE

both_boundaries = pytest.mark.parametrize("boundary", ["below", "reach"])


def sorted_head(rows: torch.Tensor, mu: float, boundary: str) -> torch.Tensor:
    """The mask by sorting everything, stable, in float64."""
    values, order = rows.double().sort(dim=-1, descending=True, stable=True)
    mass = values.cumsum(-1)
    before = mass.roll(1, dims=-1)
    inside = mass <= mu if boundary == "below" else before < mu
    inside[..., 0] = True
    return torch.zeros_like(inside).scatter(-1, order, inside)


@given(row=probabilities(), mu=mus(), boundary=boundaries())
def test_the_head_is_the_prefix_that_a_full_sort_gives(row: list[float], mu: float, boundary: Any):
    found = find_head(torch.tensor(row, dtype=torch.float64), mu, boundary).mask()
    assert found.nonzero().flatten().tolist() == sorted(head_tokens(row, mu, boundary))


def zipf(rows: int, vocabulary: int, exponent: float, seed: int) -> torch.Tensor:
    """Probabilities of falling size in shuffled order, float32."""
    generator = torch.Generator().manual_seed(seed)
    ranks = torch.stack([torch.randperm(vocabulary, generator=generator) for _ in range(rows)]) + 1.0
    return (-exponent * ranks.log() + 0.3 * torch.randn(rows, vocabulary, generator=generator)).softmax(-1)


LONG_ROWS = {
    "one token": (zipf(3, 20_000, 3.0, 0), 1, 4),
    "tens of tokens": (zipf(3, 20_000, 1.1, 1), 17, 256),
    "thousands of tokens": (zipf(3, 20_000, 0.3, 2), 257, 20_000),
    "every depth at once": (
        torch.cat([zipf(1, 20_000, exponent, 3) for exponent in (0.3, 3.0, 1.1, 0.0)]),
        1,
        20_000,
    ),
}


@both_boundaries
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", LONG_ROWS)
def test_the_head_of_long_rows_is_that_of_a_full_sort_at_every_depth_of_the_search(
    name: str, dtype: torch.dtype, boundary: Any
):
    rows, least, most = LONG_ROWS[name]
    head = find_head(rows.to(dtype), 0.5, boundary)
    assert least <= int(head.size.min())
    assert int(head.size.max()) <= most
    assert torch.equal(head.mask(), sorted_head(rows.to(dtype), 0.5, boundary))
    assert torch.equal(head.size, head.mask().sum(-1))


def mixed_rows(count: int, vocabulary: int, generator: torch.Generator) -> torch.Tensor:
    """Peaked, flat, tied, constant and heavy-tailed rows in random order, some with exact zeros."""

    def row(kind: int) -> torch.Tensor:
        normal = torch.randn(vocabulary, generator=generator)
        if kind == 0:
            return normal
        if kind == 1:
            return 4.0 * normal
        if kind == 2:
            return (2.0 * normal).round()
        if kind == 3:
            return torch.zeros(vocabulary)
        if kind == 4:
            return -0.6 * (torch.randperm(vocabulary, generator=generator) + 1.0).log()
        return torch.where(normal > 0.3, 0.1 * normal, -torch.inf)

    kinds = torch.randint(0, 6, (count,), generator=generator).tolist()
    rows = torch.stack([row(kind) for kind in kinds])
    rows[:, 5] += 12.0 * (torch.rand(count, generator=generator) < 0.3)
    return rows.softmax(-1)


@both_boundaries
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(6))
def test_the_heads_of_peaked_and_flat_rows_in_any_order_are_those_of_a_full_sort(
    seed: int, dtype: torch.dtype, boundary: Any
):
    generator = torch.Generator().manual_seed(seed)
    rows = mixed_rows(6, 9_000 + 1_111 * seed, generator).to(dtype)
    for mu in (0.03, 0.5, 0.9, 0.999):
        head, expected = find_head(rows, mu, boundary), sorted_head(rows, mu, boundary)
        assert torch.equal(head.mask(), expected)
        assert torch.equal(head.size, expected.sum(-1))
        values = torch.rand(rows.shape, generator=generator, dtype=torch.float64).to(dtype)
        inside, outside = (values * expected).sum(-1), (values * ~expected).sum(-1)
        torch.testing.assert_close(head.split(values), (inside, outside), rtol=1e-5, atol=1e-4)


def test_heads_found_in_lent_memory_are_the_same():
    rows = mixed_rows(7, 10_000, torch.Generator().manual_seed(9))
    lent = find_head(rows, 0.5, "below", lambda _name: torch.full_like(rows, 7.0))
    assert torch.equal(lent.mask(), find_head(rows, 0.5).mask())
    room = torch.full_like(rows, 7.0)
    torch.testing.assert_close(lent.split(rows.clone(), room), find_head(rows, 0.5).split(rows.clone()))


@pytest.mark.parametrize("deviation", [0.3, 0.55, 1.0, 2.0])
def test_a_flat_row_is_not_sorted_as_a_whole(deviation: float, monkeypatch: pytest.MonkeyPatch):
    """Sorting costs ten times what the search in a bracket does: it is for the rare row that a sample misses."""
    sorted_rows = []

    def counted(rows: torch.Tensor, rule: Any) -> Any:
        sorted_rows.append(len(rows))
        return by_sorting(rows, rule)

    by_sorting = prefix._by_sorting
    monkeypatch.setattr(prefix, "_by_sorting", counted)
    rows = (deviation * torch.randn(60, 20_000, generator=torch.Generator().manual_seed(8))).softmax(-1)
    for mu in (0.5, 0.9):
        assert torch.equal(find_head(rows, mu).mask(), sorted_head(rows, mu, "below"))
    assert sum(sorted_rows) <= 3


@both_boundaries
@pytest.mark.parametrize("spread", [-9.0, 0.0, 1e6])
def test_a_bracket_that_misses_the_boundary_or_holds_everything_changes_no_head(
    spread: float, boundary: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(prefix, "_SPREAD", spread)
    rows = mixed_rows(24, 10_000, torch.Generator().manual_seed(10))
    for mu in (0.03, 0.5, 0.9, 0.999):
        assert torch.equal(find_head(rows, mu, boundary).mask(), sorted_head(rows, mu, boundary))


@both_boundaries
@pytest.mark.parametrize("vocabulary", [8_000, 12_000])
@pytest.mark.parametrize("levels", [1, 2, 5, 40, 400])
def test_the_head_of_long_tied_rows_takes_the_lowest_ids(levels: int, vocabulary: int, boundary: Any):
    generator = torch.Generator().manual_seed(levels)
    steps = torch.randint(0, levels, (6, vocabulary), generator=generator).float()
    rows = (steps * (12.0 / levels)).softmax(-1)
    for mu in (0.1, 0.5, 0.9):
        assert torch.equal(find_head(rows, mu, boundary).mask(), sorted_head(rows, mu, boundary))


@both_boundaries
def test_a_tie_at_the_end_of_a_short_head_takes_the_lowest_ids_even_from_groups_never_looked_at(boundary: Any):
    rows = torch.full((1, 20_000), 1e-9, dtype=torch.float64)
    rows[0, 10_000:10_300] = 0.5 / 300
    rows[0, 7] = 0.45
    rows[0, 11] = rows[0, 19_999] = 0.02
    mask = find_head(rows, 0.48, boundary).mask()
    assert torch.equal(mask, sorted_head(rows, 0.48, boundary))
    assert bool(mask[0, 11])


def test_the_head_of_a_batch_is_the_heads_of_its_rows():
    rows = zipf(6, 500, 1.0, 5).view(2, 3, 500)
    head = find_head(rows, 0.7)
    assert head.mask().shape == rows.shape
    assert torch.equal(head.mask()[1, 2], find_head(rows[1, 2], 0.7).mask())


def test_head_sums_and_tail_sums_are_those_of_the_mask():
    rows = LONG_ROWS["every depth at once"][0].double()
    head = find_head(rows, 0.5)
    inside, outside = head.split(rows.clone())
    torch.testing.assert_close(inside, (rows * head.mask()).sum(-1), **ORACLE)
    torch.testing.assert_close(outside, (rows * ~head.mask()).sum(-1), **ORACLE)
    torch.testing.assert_close(head.mass(rows), inside, **ORACLE)


def test_single_tokens_are_asked_for_without_a_mask():
    rows = torch.cat([zipf(1, 20_000, exponent, 3) for exponent in (0.3, 3.0, 1.1, 0.0)]).view(2, 2, -1)
    ids = torch.randint(20_000, (2, 2, 40), generator=torch.Generator().manual_seed(1))
    ids[..., :20] = rows.topk(20, dim=-1).indices
    for mu in (0.2, 0.5, 0.9):
        head = find_head(rows, mu)
        assert torch.equal(head.contains(ids), head.mask().gather(-1, ids))


def test_a_tail_of_a_billionth_is_not_rounded_away_in_single_precision():
    row = torch.tensor([1.0, 3e-10, 2e-10])
    assert float(find_head(row, 0.5).split(row.clone())[1]) == pytest.approx(5e-10, rel=1e-6)


@both_boundaries
def test_the_head_of_a_certain_teacher_is_its_one_token(boundary: Any):
    one_hot = torch.tensor([-torch.inf, 0.0, -torch.inf])
    assert head_mask(one_hot, 0.5, boundary).tolist() == [False, True, False]


@both_boundaries
def test_the_head_of_a_vocabulary_of_one_is_that_token(boundary: Any):
    assert head_mask(torch.zeros(2, 1), 0.5, boundary).tolist() == [[True], [True]]


@pytest.mark.parametrize(("boundary", "head"), [("below", [0, 1]), ("reach", [0, 1])])
def test_four_equal_tokens_meet_a_mass_of_one_half_exactly(boundary: Any, head: list[int]):
    assert find_head(torch.full((4,), 0.25), 0.5, boundary).mask().nonzero().flatten().tolist() == head


@pytest.mark.parametrize(("boundary", "head"), [("below", [0]), ("reach", [0, 1])])
def test_the_token_that_crosses_the_mass_is_out_below_and_in_on_reach(boundary: Any, head: list[int]):
    assert find_head(torch.tensor([0.4, 0.3, 0.3]), 0.5, boundary).mask().nonzero().flatten().tolist() == head


def test_the_running_mass_is_compared_as_it_is_rounded():
    tenths = torch.full((10,), 0.1, dtype=torch.float64)
    single = torch.full((10,), 0.1, dtype=torch.float32)
    assert int(find_head(tenths, 0.5).size) == 5
    assert int(find_head(single, 0.5).size) == 4


def test_size_and_mass_describe_the_mask():
    teacher = zipf(4, 300, 1.0, 9).double().log()
    mask = head_mask(teacher, 0.6, "reach")
    assert torch.equal(head_size(teacher, 0.6, "reach"), mask.sum(-1))
    torch.testing.assert_close(head_mass(teacher, 0.6, "reach"), (teacher.exp() * mask).sum(-1), **ORACLE)


def test_a_pair_finds_its_head_once_for_each_rule():
    pair = Pair.from_logits(torch.randn(3, 9, generator=torch.Generator().manual_seed(0)), torch.zeros(3, 9))
    assert head_of(pair, 0.5, "below") is head_of(pair, 0.5, "below")
    assert head_of(pair, 0.5, "below") is not head_of(pair, 0.5, "reach")


def test_an_empty_batch_has_an_empty_mask():
    assert head_mask(torch.zeros(0, 5)).shape == (0, 5)


@pytest.mark.parametrize("mu", [0.0, 1.0, -0.1, float("nan"), "half"])
def test_a_mass_that_is_no_share_is_refused_with_its_range(mu: Any):
    with pytest.raises(InvalidInput, match="mu must be a number from 0 to 1"):
        head_mask(torch.zeros(3) - torch.tensor(3.0).log(), mu)


def test_an_unknown_boundary_is_refused_with_the_known_ones():
    with pytest.raises(InvalidInput, match="boundary must be one of below, reach"):
        head_mask(torch.zeros(3) - torch.tensor(3.0).log(), 0.5, "above")  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [1, 16, 300])
def test_the_largest_entries_are_those_of_a_full_selection(k: int):
    rows = torch.randn(5, 10_007, generator=torch.Generator().manual_seed(k))
    values, ids = largest(rows, k)
    expected = rows.topk(k)
    assert torch.equal(values, expected.values)
    assert torch.equal(ids, expected.indices)
