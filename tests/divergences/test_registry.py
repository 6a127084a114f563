"""The table: keys, facts, parameters and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from akl_viz import divergences
from akl_viz.divergences import DIVERGENCES, Pair, get
from akl_viz.errors import InvalidInput
from akl_viz.records import GRADIENT_LOSSES, TOKEN_FIELDS
from tests.reference_rows import ORACLES

PAIR = Pair.from_logits(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.5]))


def test_every_row_stands_under_its_own_key():
    assert all(row.key == key for key, row in DIVERGENCES.items())


def test_every_row_has_an_oracle_and_two_public_functions():
    assert set(ORACLES) == set(DIVERGENCES)
    for key in DIVERGENCES:
        assert {key, f"{key}_grad"} <= set(divergences.__all__)


def test_everything_exported_exists():
    assert all(hasattr(divergences, name) for name in divergences.__all__)


def test_the_losses_whose_gradients_a_trace_keeps_are_in_the_table_and_so_are_its_divergence_columns():
    assert set(GRADIENT_LOSSES) <= set(DIVERGENCES)
    assert {"forward_kl", "reverse_kl", "jsd", "tvd", "akl"} == set(DIVERGENCES) & set(TOKEN_FIELDS)


@pytest.mark.parametrize("key", DIVERGENCES)
def test_a_row_states_label_direction_formula_and_source(key: str):
    row = DIVERGENCES[key]
    assert all((row.label, row.direction, row.formula, row.tex, row.source))
    assert row.direction in {"KL(T‖S)", "KL(S‖T)", "both"}


def test_labels_are_unique():
    assert len({row.label for row in DIVERGENCES.values()}) == len(DIVERGENCES)


def test_an_unknown_key_is_refused_with_the_known_ones():
    with pytest.raises(InvalidInput, match=r"'kl'.*forward_kl, reverse_kl, mixed_kl, jsd, tvd, akl"):
        get("kl")


def test_get_returns_the_row():
    assert get("akl") is DIVERGENCES["akl"]


@pytest.mark.parametrize("key", DIVERGENCES)
def test_defaults_are_inside_their_own_range(key: str):
    row = DIVERGENCES[key]
    assert row.checked({}) == row.defaults


@pytest.mark.parametrize(
    ("key", "params", "message"),
    [
        ("forward_kl", {"weight": 0.5}, "forward_kl does not know weight; it takes no parameters"),
        ("jsd", {"alpha": 0.5, "bet": 1}, "jsd does not know alpha, bet; it takes beta, scaled"),
        ("jsd", {"beta": 0.0}, r"beta must be a number from 0 to 1 \(ends excluded\), not 0.0"),
        ("jsd", {"beta": 1.0}, "beta must be"),
        ("mixed_kl", {"weight": 1.5}, "weight must be a number from 0 to 1, not 1.5"),
        ("mixed_kl", {"weight": True}, "weight must be a number"),
        ("mixed_kl", {"weight": float("nan")}, "weight must be a number"),
        ("akl", {"direction": "up"}, "direction must be one of adaptive, reversed, fixed, not 'up'"),
        ("akl", {"boundary": 3}, "boundary must be one of below, reach"),
        ("akl", {"mu": 1.0}, "mu must be"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_allowed(key: str, params: dict[str, Any], message: str):
    with pytest.raises(InvalidInput, match=message):
        DIVERGENCES[key].value(PAIR, **params)
    with pytest.raises(InvalidInput, match=message):
        DIVERGENCES[key].value_and_grad(PAIR, **params)


def test_the_upper_bound_follows_the_parameters():
    assert DIVERGENCES["jsd"].upper_bound() == pytest.approx(0.6931471805599453)
    assert DIVERGENCES["jsd"].upper_bound(beta=0.25) == pytest.approx(0.5623351446188083)
    assert DIVERGENCES["tvd"].upper_bound() == 1.0
    assert DIVERGENCES["akl"].upper_bound() is None
    assert DIVERGENCES["jsd"].upper_bound(scaled="yes") == pytest.approx(4 * 0.6931471805599453)
    assert DIVERGENCES["skew_forward_kl"].upper_bound(alpha=0.5) == pytest.approx(0.6931471805599453)
    assert DIVERGENCES["alpha_beta"].upper_bound(alpha=0.5, beta=0.5) == 4.0
    assert DIVERGENCES["alpha_beta"].upper_bound() is None


def test_units_are_stated_where_they_are_not_nats():
    others = {key: row.unit for key, row in DIVERGENCES.items() if row.unit != "nats"}
    assert others == {"tvd": "probability", "hellinger": "no unit", "alpha_beta": "no unit"}


def test_a_divergence_that_looks_at_the_token_that_followed_asks_for_it():
    row = DIVERGENCES["drkl"]
    for ask in (row.value, row.value_and_grad, row.term_values):
        with pytest.raises(InvalidInput, match="drkl needs the tokens that followed: pass target="):
            ask(PAIR)


@pytest.mark.parametrize("row", DIVERGENCES.values(), ids=list(DIVERGENCES))
def test_the_written_formula_of_the_defaults_is_the_tables(row):
    assert row.written() == row.formula
    for param in row.params:
        assert param.symbol == "" or param.symbol in row.formula
        if param.only is not None:
            other, value = param.only
            assert value in next(one for one in row.params if one.name == other).choices


def test_the_written_formula_follows_the_parameters():
    written = {key: DIVERGENCES[key].written for key in ("akl", "amid", "jsd")}
    assert written["akl"](direction="reversed").endswith("w = tail gap / (head gap + tail gap)")
    assert written["akl"](direction="fixed").endswith("w = weight")
    assert written["akl"](gap="squared").endswith("(head gap + tail gap), gaps of (p - q)^2")
    assert written["amid"](between="assistant_student").startswith("KL(R‖S), r ~")
    assert written["jsd"](scaled="yes") == "(b KL(T‖M) + (1 - b) KL(S‖M)) / (b (1 - b)), m = b p + (1 - b) q"
