"""Where a person starts: distributions with a sum of one, and real positions that keep all of the mass."""

import numpy as np
import pytest

from akl_viz.analysis.small_vocabulary import compare
from akl_viz.records import TokenTrace
from akl_viz.ui.small_vocabulary.presets import (
    DIGITS,
    MAX_TOKENS,
    MIN_TOKENS,
    OTHERS,
    PRESETS,
    default_position,
    invented,
    positions,
    real,
)
from akl_viz.ui.tracing import STORED_TRACE

SUM_ABS = MAX_TOKENS * 0.5 * 10.0**-DIGITS
"""Each weight is rounded at its fourth significant digit: half a unit of it at most, times the number of tokens."""
FOLDED_REL = 1e-3
"""Rounding of the weights to four significant digits, against the trace's own value."""


@pytest.fixture(scope="module")
def trace():
    return TokenTrace.load(STORED_TRACE)


@pytest.mark.parametrize("size", [MIN_TOKENS, 10, MAX_TOKENS])
@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda row: row.key)
def test_a_preset_is_two_distributions_over_its_tokens(preset, size):
    start = invented(preset, size)
    for weights in (start.teacher, start.student):
        assert len(weights) == len(set(start.labels)) == size
        assert min(weights) > 0
        assert sum(weights) == pytest.approx(1, abs=SUM_ABS)
    assert start.teacher != start.student


def test_the_presets_are_what_their_names_say():
    peaked, flat, zipf = (np.array(invented(PRESETS[key], 20).teacher) for key in ("peaked", "flat", "zipf"))
    assert peaked.max() > 0.5
    assert flat.max() == flat.min()
    assert zipf[0] / zipf[9] == pytest.approx(10, rel=1e-3)
    modes = np.array(invented(PRESETS["bimodal"], 20).teacher)
    rises = np.diff(modes) > 0
    assert (np.diff(rises.astype(int)) == -1).sum() == 2


def test_a_real_position_keeps_all_mass_and_folds_the_rest_into_one_bin(trace):
    position = default_position(trace)
    start = real(trace, position, 8)
    assert start.labels[-1] == OTHERS
    assert len(start.labels) == 8
    for weights, masses in ((start.teacher, trace.table.teacher), (start.student, trace.table.student)):
        assert weights[:-1] == pytest.approx(masses[position][:7], rel=FOLDED_REL)
        assert sum(weights) == pytest.approx(1, abs=SUM_ABS)


def test_folding_tokens_never_raises_a_kl(trace):
    for position, _ in positions(trace)[::7]:
        start = real(trace, position, 10)
        p, q = (np.array(one) / sum(one) for one in (start.teacher, start.student))
        folded = float((p * np.log(p / q)).sum())
        assert folded <= trace.columns["forward_kl"][position] * (1 + FOLDED_REL) + SUM_ABS


def test_a_real_position_has_as_many_tokens_as_the_trace_keeps(trace):
    position = default_position(trace)
    kept = int((trace.table.ids[position] >= 0).sum())
    assert len(real(trace, position, MAX_TOKENS).labels) == kept + 1


def test_every_scored_token_can_be_chosen_and_no_other(trace):
    assert [index for index, _ in positions(trace)] == np.flatnonzero(trace.scored).tolist()


def test_the_prose_is_right_about_a_lost_mode():
    start = invented(PRESETS["bimodal"], 10)
    found = [
        compare(start.teacher, [q if i in (1, 2) else s for i, s in enumerate(start.student)]) for q in (1e-4, 1e-8)
    ]
    assert found[1].forward_kl > 2 * found[0].forward_kl
    assert [round(one.reverse_kl, 2) for one in found] == [1.56, 1.56]
    steps = {row.spec.key: row.step[1:3] for row in found[1].losses}
    assert np.abs(steps["reverse_kl"]).max() < 1e-6
    assert steps["forward_kl"] == pytest.approx(found[1].teacher[1:3], abs=1e-6)
