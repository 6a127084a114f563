"""The JSON of a trace: strictly valid, complete, and exact to the last digit."""

import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from akl_viz.analysis.export import FORMULA_STARTS, cell_text, inert_cell, trace_csv, trace_json
from akl_viz.analysis.statistics import summarise
from akl_viz.records import FLAG_FIELDS, TOKEN_FIELDS, WHOLE_FIELDS, Cut, Settings
from tests.schema import MODEL_KEYS, SUMMARY_KEYS, TOKEN_KEYS, TOP_KEYS, strictly
from tests.traces import made_trace


def written(document) -> dict:
    """Through a text that any JSON reader takes, and back."""
    return strictly(json.dumps(document, allow_nan=False))


@pytest.fixture
def trace():
    return made_trace(25, Settings(0.9, "reach", 2.0))


def test_the_document_has_the_keys_of_schema_1(trace):
    document = written(trace_json(trace))
    assert list(document) == TOP_KEYS
    assert document["schema"] == 1
    assert (document["mu"], document["boundary"], document["temperature"]) == (0.9, "reach", 2.0)
    assert document["n_scored"] == 24
    assert [list(token) for token in document["tokens"]] == [[*TOKEN_KEYS, *TOKEN_FIELDS]] * 25
    assert list(document["summary"]) == list(TOKEN_FIELDS)
    assert all(list(row) == SUMMARY_KEYS for row in document["summary"].values())


def test_an_unscored_token_is_null_in_every_field(trace):
    token = written(trace_json(trace))["tokens"][0]
    assert token["scored"] is False
    assert {token[name] for name in TOKEN_FIELDS} == {None}


def test_a_scored_token_has_numbers_whole_numbers_and_flags(trace):
    for token in written(trace_json(trace))["tokens"][1:]:
        for name in TOKEN_FIELDS:
            kind = bool if name in FLAG_FIELDS else int if name in WHOLE_FIELDS else float
            assert type(token[name]) is kind


def test_every_number_survives_the_text_bit_by_bit(trace):
    document = written(trace_json(trace))
    for name in TOKEN_FIELDS:
        found = np.array([token[name] for token in document["tokens"][1:]], dtype=np.float64)
        np.testing.assert_array_equal(found, trace.columns[name][1:])
    for name, row in summarise(trace).items():
        assert document["summary"][name] == {"mean": row.mean, "se": row.se, "n": row.n}


def test_a_tail_of_seventeen_digits_is_not_rounded(trace):
    column = trace.columns["tail_gap"].copy()
    column[3] = 1.2345678901234567e-17
    text = json.dumps(trace_json(replace(trace, columns=trace.columns | {"tail_gap": column})))
    assert json.loads(text)["tokens"][3]["tail_gap"] == 1.2345678901234567e-17


def test_infinity_is_the_word_inf_and_its_summary_has_no_error(trace):
    column = trace.columns["forward_kl"].copy()
    column[5] = math.inf
    document = written(trace_json(replace(trace, columns=trace.columns | {"forward_kl": column})))
    assert document["tokens"][5]["forward_kl"] == "inf"
    assert document["summary"]["forward_kl"] == {"mean": "inf", "se": None, "n": 24}


def test_both_models_and_the_shared_vocabulary_are_described(trace):
    document = written(trace_json(trace))
    assert document["teacher"]["reference"] == "made:teacher"
    assert document["student"]["reference"] == "made:student"
    assert list(document["teacher"]) == list(document["student"]) == MODEL_KEYS
    assert document["vocabulary"]["size"] == trace.shared.size


def test_a_cut_is_stated_and_its_absence_is_null(trace):
    cut = Cut(tokens_kept=25, tokens_dropped=4, character=80, context=25)
    assert written(trace_json(trace))["cut"] is None
    assert written(trace_json(replace(trace, cut=cut)))["cut"] == {
        "tokens_kept": 25,
        "tokens_dropped": 4,
        "character": 80,
        "context": 25,
    }


def test_the_csv_keeps_carriage_returns_quotes_and_commas_inside_their_fields(trace):
    pieces = ("\r", "\n", "\r\n", '"', ",", "", " ", *trace.pieces[7:])
    changed = replace(trace, pieces=pieces, text="".join(pieces))
    rows = list(csv.DictReader(io.StringIO(trace_csv(changed), newline="")))
    assert [cell_text(row["text"]) for row in rows] == list(pieces)
    assert [float(row["tvd"]) for row in rows[1:]] == trace.columns["tvd"][1:].tolist()
    assert {rows[0][name] for name in TOKEN_FIELDS} == {""}


HOSTILE = ("=1+1", "+1", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'", "'=1", "''", " =1", "a=1", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_never_starts_like_a_formula_and_gives_its_text_back(text):
    assert not inert_cell(text).startswith(FORMULA_STARTS)
    assert cell_text(inert_cell(text)) == text


def test_in_the_csv_only_texts_are_made_inert_and_negative_numbers_stay_numbers(trace):
    pieces = (*HOSTILE, *trace.pieces[len(HOSTILE) :])
    rows = list(csv.DictReader(io.StringIO(trace_csv(replace(trace, pieces=pieces, text="".join(pieces))), newline="")))
    assert not any(row["text"].startswith(FORMULA_STARTS) for row in rows)
    assert [cell_text(row["text"]) for row in rows] == list(pieces)
    assert [float(row["teacher_logprob"]) for row in rows[1:]] == trace.columns["teacher_logprob"][1:].tolist()
    assert rows[1]["teacher_logprob"].startswith("-")
