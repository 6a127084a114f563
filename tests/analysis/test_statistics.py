"""Means and standard errors over the scored tokens."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from akl_viz.analysis.statistics import mean_and_error, summarise
from akl_viz.records import TOKEN_FIELDS
from tests.traces import made_trace

ROUNDING = 1e-12
"""float64 sums of a few dozen numbers, relative."""

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40)


@given(NUMBERS)
def test_the_error_is_scipys_standard_error_of_the_mean(values):
    row = mean_and_error(np.array(values))
    assert row.mean == pytest.approx(np.mean(values), rel=ROUNDING, abs=ROUNDING)
    assert row.se == pytest.approx(stats.sem(values), rel=1e-9, abs=ROUNDING)
    assert row.n == len(values)


@given(NUMBERS, st.integers(0, 5))
def test_unscored_tokens_do_not_count(values, unscored):
    padded = np.array([math.nan] * unscored + values)
    assert mean_and_error(padded) == mean_and_error(np.array(values))


def test_one_value_has_no_error():
    assert mean_and_error(np.array([math.nan, 3.0])) == type(mean_and_error(np.array([1.0])))(3.0, None, 1)


def test_no_value_has_no_mean():
    row = mean_and_error(np.array([math.nan]))
    assert math.isnan(row.mean)
    assert (row.se, row.n) == (None, 0)


def test_an_infinite_value_gives_an_infinite_mean_without_an_error():
    row = mean_and_error(np.array([1.0, math.inf, 2.0]))
    assert (row.mean, row.se, row.n) == (math.inf, None, 3)


def test_a_summary_has_every_field_in_order_with_n_of_the_scored_tokens():
    trace = made_trace(30)
    summary = summarise(trace)
    assert tuple(summary) == TOKEN_FIELDS
    assert {row.n for row in summary.values()} == {29}
    assert summary["tvd"].mean == pytest.approx(np.nanmean(trace.columns["tvd"]))


def test_agreement_is_summarised_as_a_share():
    trace = made_trace(30)
    flags = np.full(30, np.nan)
    flags[1:] = [1.0] * 20 + [0.0] * 9
    row = summarise(replace(trace, columns=trace.columns | {"top1_agree": flags}))["top1_agree"]
    assert row.mean == pytest.approx(20 / 29)
    assert row.se == pytest.approx(stats.sem(flags[1:]))
