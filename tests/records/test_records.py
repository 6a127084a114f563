"""Records check themselves, survive a file, and become tables with honest types."""

import json
import math
from dataclasses import fields, replace

import numpy as np
import pytest

from akl_viz.errors import InvalidInput
from akl_viz.records import (
    FLAG_FIELDS,
    TOKEN_FIELDS,
    WHOLE_FIELDS,
    Cut,
    PositionTable,
    Settings,
    SharedVocabulary,
    TokenTrace,
)
from tests.traces import made_trace


@pytest.fixture
def trace():
    made = made_trace(20, Settings(0.9, "reach", 2.0))
    return replace(
        made,
        labels=("é⟨C3⟩", *made.labels[1:]),
        shared=SharedVocabulary(64, 0, 3, 0.0, 0.25),
        cut=Cut(20, 5, 61, 20),
        seconds={"models": 1.5, "analysis": 0.25},
    )


def test_a_trace_read_from_its_file_is_the_same(trace, tmp_path):
    trace.save(tmp_path / "trace.npz")
    again = TokenTrace.load(tmp_path / "trace.npz")
    for field in fields(TokenTrace):
        if field.name not in {"ids", "scored", "columns", "table"}:
            assert getattr(again, field.name) == getattr(trace, field.name)
    for name in ("ids", "scored"):
        np.testing.assert_array_equal(getattr(again, name), getattr(trace, name), strict=True)
    for name in TOKEN_FIELDS:
        np.testing.assert_array_equal(again.columns[name], trace.columns[name], strict=True)
    for field in fields(PositionTable):
        np.testing.assert_array_equal(getattr(again.table, field.name), getattr(trace.table, field.name), strict=True)


def test_a_trace_without_a_cut_survives_too(trace, tmp_path):
    replace(trace, cut=None).save(tmp_path / "trace.npz")
    assert TokenTrace.load(tmp_path / "trace.npz").cut is None


def test_the_file_holds_no_pickle(trace, tmp_path):
    trace.save(tmp_path / "trace.npz")
    with np.load(tmp_path / "trace.npz", allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)


def test_a_file_of_another_format_is_refused_with_a_sentence(trace, tmp_path):
    trace.save(tmp_path / "trace.npz")
    with np.load(tmp_path / "trace.npz") as stored:
        arrays = dict(stored)
    arrays["meta"] = np.array(json.dumps(json.loads(str(arrays["meta"])) | {"format": 99}))
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(InvalidInput, match=r"other\.npz has trace format 99"):
        TokenTrace.load(tmp_path / "other.npz")


def test_a_table_has_a_row_per_token_and_nullable_types(trace):
    frame = trace.frame()
    assert list(frame.columns) == ["index", "id", "text", "scored", *TOKEN_FIELDS]
    assert len(frame) == 20
    for name in TOKEN_FIELDS:
        kind = "Int64" if name in WHOLE_FIELDS else "boolean" if name in FLAG_FIELDS else "float64"
        assert str(frame[name].dtype) == kind
        assert frame[name].isna().tolist() == [True] + [False] * 19
    assert str(frame["id"].dtype) == "int64"
    assert str(frame["scored"].dtype) == "bool"
    assert "".join(frame["text"]) == trace.text


def test_a_table_holds_the_numbers_of_the_columns(trace):
    frame = trace.frame()
    for name in TOKEN_FIELDS:
        np.testing.assert_array_equal(frame[name].to_numpy(dtype=float, na_value=math.nan), trace.columns[name])


def test_two_runs_without_their_timing_can_be_compared(trace):
    other = replace(trace, seconds={"models": 9.0, "analysis": 9.0})
    assert trace.without_timing().seconds == other.without_timing().seconds == {}


@pytest.mark.parametrize("mu", [0.0, 1.0, -0.1, math.nan, math.inf])
def test_a_mu_outside_its_range_is_refused(mu):
    with pytest.raises(InvalidInput, match="mu"):
        Settings(mu=mu)


@pytest.mark.parametrize("temperature", [0.0, -1.0, 0.009, 101.0, math.nan, math.inf])
def test_a_temperature_outside_its_range_is_refused(temperature):
    with pytest.raises(InvalidInput, match="temperature"):
        Settings(temperature=temperature)


def test_an_unknown_boundary_is_refused():
    with pytest.raises(InvalidInput, match="below, reach"):
        Settings(boundary="above")


@pytest.mark.parametrize("mu", [1e-9, 0.5, 1 - 1e-9])
@pytest.mark.parametrize("temperature", [0.01, 1.0, 100.0])
def test_settings_inside_their_ranges_are_kept(mu, temperature):
    settings = Settings(mu, "reach", temperature)
    assert (settings.mu, settings.boundary, settings.temperature) == (mu, "reach", temperature)


@pytest.mark.parametrize("name", ["teacher", "student", "forward_terms", "reverse_terms", "in_head", "gradients"])
def test_a_position_table_with_a_short_array_is_refused(trace, name):
    with pytest.raises(ValueError, match=name if name != "gradients" else "gradients"):
        replace(trace.table, **{name: getattr(trace.table, name)[:, :-1]})


def test_a_position_table_with_a_short_head_mass_is_refused(trace):
    with pytest.raises(ValueError, match="head_mass"):
        replace(trace.table, head_mass=trace.table.head_mass[:-1])


def test_a_trace_whose_parts_disagree_about_its_length_is_refused(trace):
    with pytest.raises(ValueError, match="disagree about the length"):
        replace(trace, pieces=trace.pieces[:-1])
    with pytest.raises(ValueError, match="disagree about the length"):
        replace(trace, scored=trace.scored[:-1])


def test_a_trace_with_a_missing_or_short_column_is_refused(trace):
    with pytest.raises(ValueError, match="columns are"):
        replace(trace, columns={name: trace.columns[name] for name in TOKEN_FIELDS[:-1]})
    with pytest.raises(ValueError, match="column tvd"):
        replace(trace, columns=trace.columns | {"tvd": trace.columns["tvd"][:-1]})
