"""What is sent to the browser: exact, constant, and safe to embed."""

import base64
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from akl_viz.metrics import METRICS
from akl_viz.paths import DATA
from akl_viz.records import GRADIENT_LOSSES, TOKEN_FIELDS, TokenTrace
from akl_viz.ui.components.assets import script, style
from akl_viz.ui.components.payload import MAX_PINS, ROWS, default_pins, static_payload, valid_pins
from akl_viz.ui.components.scale import UNSCORED, colour_range, gap_axis, position
from akl_viz.ui.inspector import payload, script_json, standalone_html
from akl_viz.ui.tracing import STORED_TRACE
from akl_viz.ui.view import View
from tests.ui.fabricated import CLOSING, INFINITE_AT, PASSAGE, fabricated

KINDS = {"f8": "<f8", "f4": "<f4", "i4": "<i4", "i2": "<i2", "i1": "i1", "u1": "u1"}
SINGLE = 1e-6
"""Tables travel as float32: relative error 6e-8, absolute below this for values near 1."""
SUM_ABS = 1e-12
"""Differences of float64 sums of a few dozen terms."""


def unpack(packed):
    return np.frombuffer(base64.b64decode(packed["data"]), dtype=KINDS[packed["kind"]])


@pytest.fixture(scope="module")
def trace():
    return fabricated()


@pytest.fixture(scope="module")
def packed(trace):
    return static_payload(trace)


def test_columns_keep_every_bit(trace, packed):
    for name, column in packed["columns"].items():
        model, _, kind = name.partition("_")
        expected = np.exp(trace.columns[f"{model}_logprob"]) if kind == "probability" else trace.columns[name]
        np.testing.assert_array_equal(unpack(column), expected)


def test_an_infinite_value_and_a_missing_one_survive(packed):
    forward = unpack(packed["columns"]["forward_kl"])
    assert forward[INFINITE_AT] == np.inf
    assert np.isnan(forward[0])


def test_the_same_trace_gives_the_same_payload(trace):
    assert json.dumps(payload(trace)) == json.dumps(payload(fabricated()))


def test_another_mu_gives_another_version(packed):
    assert static_payload(fabricated(mu=0.9))["ver"] != packed["ver"]


def test_the_version_does_not_depend_on_the_state_it_opens_with(trace):
    assert payload(trace, View("akl", (3,), True))["ver"] == payload(trace)["ver"]


def test_pieces_give_the_text_back(packed):
    assert "".join(packed["pieces"]) == PASSAGE


def test_rows_and_rest_hold_the_whole_mass_and_both_divergences(trace, packed):
    table = packed["table"]
    slots = unpack(table["slots"]).reshape(len(trace), table["rows"])
    for i in np.flatnonzero(trace.scored):
        shown = slots[i][slots[i] >= 0]
        for model in ("teacher", "student"):
            mass = getattr(trace.table, model)[i, shown].sum() + unpack(table[f"rest_{model}"])[i]
            assert mass == pytest.approx(1.0, abs=SUM_ABS)
        for way in ("forward", "reverse"):
            if np.isfinite(trace.columns[f"{way}_kl"][i]):
                total = getattr(trace.table, f"{way}_terms")[i, shown].sum() + unpack(table[f"rest_{way}"])[i]
                assert total == pytest.approx(trace.columns[f"{way}_kl"][i], abs=SUM_ABS)
        assert unpack(table["others"])[i] == trace.shared.size - len(shown)


def test_a_card_shows_the_token_itself_and_the_favourites_of_both_models(trace, packed):
    table = packed["table"]
    slots = unpack(table["slots"]).reshape(len(trace), table["rows"])
    assert slots.shape[1] == ROWS
    for i in np.flatnonzero(trace.scored):
        ids = set(trace.table.ids[i, slots[i]])
        assert trace.ids[i] in ids
        assert trace.table.ids[i, trace.table.teacher[i].argmax()] in ids
        assert trace.table.ids[i, trace.table.student[i].argmax()] in ids
        assert list(slots[i]) == sorted(slots[i])


def test_gradient_bars_show_the_most_pushed_token_first(trace, packed):
    pushes = unpack(packed["table"]["pushes"]).reshape(len(trace), -1)
    size = np.abs(trace.table.gradients).max(axis=2)
    assert (pushes[1:, 0] == size[1:].argmax(axis=1)).all()


def test_table_values_arrive_in_single_precision(trace, packed):
    teacher = unpack(packed["table"]["teacher"]).reshape(trace.table.teacher.shape)
    np.testing.assert_allclose(teacher, trace.table.teacher, rtol=SINGLE)
    tokens = unpack(packed["table"]["tokens"]).reshape(trace.table.ids.shape)
    filled = trace.table.ids >= 0
    labels = np.array(packed["table"]["labels"], dtype=object)[tokens[filled]]
    assert list(labels) == [trace.vocabulary[token] for token in trace.table.ids[filled]]


def test_unscored_tokens_have_no_level(packed):
    for metric in packed["metrics"]:
        for scale in ("locked", "fit"):
            levels = unpack(metric[scale]["levels"])
            assert levels[0] == UNSCORED
            assert (levels[1:] >= -8).all()


def test_the_default_pin_is_the_largest_finite_akl(trace):
    akl = trace.columns["akl"].copy()
    assert np.isinf(akl[INFINITE_AT])
    akl[INFINITE_AT] = np.nan
    assert default_pins(trace) == [int(np.nanargmax(akl))]


def test_pins_from_a_link_are_checked(trace):
    assert valid_pins([5, 5, -1, 0, 10_000, "7", 7.0, True, None, 6], trace) == [5, 6]
    assert valid_pins(range(1, 40), trace) == list(range(40 - MAX_PINS, 40))


def test_an_unknown_metric_falls_back_to_the_default(trace):
    assert payload(trace, View(metric="<b>"))["initial"]["metric"] == "probability_difference"


def test_what_no_table_knows_is_at_its_default():
    spoiled = View("<b>", (1,), "yes", "x", None, "")
    assert payload(trace := fabricated(), spoiled)["initial"] == payload(trace, View(pins=(1,)))["initial"]


def test_a_short_name_has_one_home(packed):
    assert packed["losses"] == [[key, METRICS[key].short] for key in GRADIENT_LOSSES]
    assert {metric["key"]: metric["short"] for metric in packed["metrics"]} == {
        key: metric.short for key, metric in METRICS.items()
    }
    columns = 'columnheader" }, "to KL'
    assert columns not in script("streamlit")
    assert '"forward_kl", "' + METRICS["forward_kl"].short not in script("streamlit")


def test_the_browser_gets_every_field_of_a_token_or_what_it_is_drawn_as(packed):
    gone = {"teacher_logprob", "student_logprob", "top1_agree"}
    assert set(packed["columns"]) == {*TOKEN_FIELDS} - gone | {"teacher_probability", "student_probability"}


@given(
    values=some.lists(some.floats(-1e3, 1e3), min_size=1, max_size=30),
    limit=some.floats(1e-3, 1e3),
    scale=some.sampled_from(["sqrt", "log"]),
)
def test_a_colour_scale_is_monotone_odd_and_bounded(values, limit, scale):
    sorted_values = np.sort(np.array(values))
    share = position(sorted_values, limit, scale)
    assert (np.diff(share) >= 0).all()
    assert (np.abs(share) <= 1).all()
    np.testing.assert_array_equal(position(-sorted_values, limit, scale), -share)


def test_a_locked_range_says_when_values_lie_beyond_it():
    metric = METRICS["forward_kl"]
    beyond = colour_range(metric, np.array([np.nan, 0.5, 9.0]), fit=False)
    inside = colour_range(metric, np.array([np.nan, 0.5, 3.0]), fit=False)
    assert (beyond.ticks[-1][1], inside.ticks[-1][1]) == ("≥ 4", "4")
    assert list(beyond.levels) == [UNSCORED, 3, 8]


def test_a_fitted_range_ends_at_the_largest_finite_value():
    fitted = colour_range(METRICS["forward_kl"], np.array([np.nan, 0.25, 1.0, np.inf]), fit=True)
    assert fitted.limit == 1.0
    assert list(fitted.levels) == [UNSCORED, 4, 8, 8]


def test_a_text_without_any_difference_keeps_the_fixed_range():
    assert colour_range(METRICS["akl"], np.array([np.nan, 0.0, 0.0]), fit=True).limit == METRICS["akl"].limit


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize("fit", [False, True])
def test_legend_numbers_stand_in_order_from_end_to_end(trace, metric, fit):
    ticks = colour_range(metric, metric.values(trace), fit=fit).ticks
    places = [place for place, _ in ticks]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0.0, 1.0)
    assert any(text == "0" for _, text in ticks)


def test_the_gap_axis_holds_every_gap():
    assert gap_axis(np.array([np.nan, 0.3]), np.array([np.nan, 0.6])) == (1.0, (0.0, 0.5, 1.0))
    assert gap_axis(np.array([np.nan]), np.array([np.nan]))[0] == 0.1


def test_embedded_json_cannot_end_its_element():
    text = script_json({"token": "</script><!--&"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"token": "</script><!--&"}


def test_a_standalone_file_holds_the_text_only_as_data(trace):
    document = standalone_html(trace, title="</title><script>")
    assert CLOSING in PASSAGE
    assert document.count("</script>") == 2
    assert "<img" not in document
    assert "</title><script>" not in document


@pytest.mark.parametrize("host", ["streamlit", "file"])
def test_scripts_never_set_markup(host):
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in script(host)


def test_scripts_and_styles_load_nothing():
    for text in (script("streamlit"), script("file"), style()):
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
        assert "@import" not in text


def test_the_decision_states_the_size_of_a_payload():
    trace = TokenTrace.load(STORED_TRACE)
    record = (DATA.parent / "docs" / "decisions" / "0007-one-component.md").read_text(encoding="utf-8")
    stated = float(re.search(r"about ([\d.]+) kB per token", record)[1])
    measured = len(json.dumps(payload(trace), separators=(",", ":"))) / len(trace) / 1000
    assert stated == pytest.approx(measured, abs=0.05)
