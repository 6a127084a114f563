"""The only masked mean."""

from __future__ import annotations

import pytest
import torch

from akl_viz.divergences import masked_mean
from akl_viz.divergences.reduce import check_reduction, divisor, reduced
from akl_viz.errors import InvalidInput

VALUES = torch.tensor([[1.0, 2.0, float("nan")], [4.0, float("inf"), 6.0]])
MASK = torch.tensor([[True, True, False], [True, False, False]])


def test_the_mean_is_over_the_unmasked_positions_of_the_whole_batch():
    assert float(masked_mean(VALUES, MASK)) == pytest.approx(7.0 / 3.0)


def test_without_a_mask_the_mean_is_over_all_positions():
    assert float(masked_mean(torch.tensor([1.0, 3.0]))) == 2.0


def test_the_sum_and_the_batch_mean_leave_masked_positions_out():
    assert float(reduced(VALUES, MASK, "sum")) == 7.0
    assert float(reduced(VALUES, MASK, "batchmean")) == 3.5


def test_without_reduction_masked_positions_are_zero():
    assert reduced(VALUES, MASK, "none").tolist() == [[1.0, 2.0, 0.0], [4.0, 0.0, 0.0]]


@pytest.mark.parametrize("reduction", ["mean", "sum", "batchmean"])
def test_with_no_position_to_count_the_result_is_zero(reduction: str):
    assert float(reduced(VALUES, torch.zeros(2, 3, dtype=torch.bool), reduction)) == 0.0  # type: ignore[arg-type]
    assert float(reduced(torch.zeros(0, 3), None, reduction)) == 0.0  # type: ignore[arg-type]


def test_a_single_position_is_a_batch_of_one():
    assert divisor("batchmean", 1, torch.Size([])) == 1


def test_an_unknown_reduction_is_refused_with_the_known_ones():
    with pytest.raises(InvalidInput, match="mean, sum, none, batchmean"):
        check_reduction("average")
