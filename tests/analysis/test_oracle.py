"""The trace and the command agree with an independent computation from plain transformers' logits."""

import itertools
import json

import numpy as np
import pytest
import torch

from akl_viz.analysis.measure import measure
from akl_viz.analysis.trace import token_trace
from akl_viz.cli import main
from akl_viz.models import ModelPool
from akl_viz.models.logits import logit_blocks
from akl_viz.paths import DATA
from akl_viz.records import BOUNDARIES, FLAG_FIELDS, TOKEN_FIELDS, WHOLE_FIELDS, Settings
from tests.analysis import oracle
from tests.checkpoints import TRICKY, VOCABULARY, plain_logits

SINGLE = 1e-5
"""What float32 is promised to keep of every field, absolute."""
DOUBLE = 1e-10
"""float64: log-probabilities of order 10 and sums of 384 terms keep all but three digits."""
SPLIT = 1e-6
"""head_gap + tail_gap against 2 tvd: two float32 sums of the same terms."""

SETTINGS = [
    Settings(mu, boundary, temperature)
    for mu, boundary, temperature in itertools.product((0.5, 0.9), BOUNDARIES, (1.0, 2.0))
]
IDS = [f"mu{one.mu:g}-{one.boundary}-t{one.temperature:g}" for one in SETTINGS]
BUNDLED = ("teacher", "akl-80")
EXACT_FIELDS = WHOLE_FIELDS | FLAG_FIELDS


@pytest.fixture(scope="module")
def bundled():
    return ModelPool().pair(*(f"bundled:{name}" for name in BUNDLED), dtype="float32", device="cpu")


def disagreements(expected: list[dict], found: list[dict], tolerance: float) -> list[str]:
    """Field by field where two computations differ by more than the tolerance; whole numbers must be the same."""
    wrong = []
    for place, (want, have) in enumerate(zip(expected, found, strict=True), start=1):
        for name in TOKEN_FIELDS:
            limit = 0.0 if name in EXACT_FIELDS else tolerance
            if not abs(float(want[name]) - float(have[name])) <= limit:
                wrong.append(f"{name} at token {place}: {have[name]!r}, expected {want[name]!r}")
    return wrong


def expected_for(teacher, student, text: str, settings: Settings, dtype=torch.float32) -> tuple[list[int], list[dict]]:
    ids, p = plain_logits(teacher, text, dtype)
    again, q = plain_logits(student, text, dtype)
    assert ids == again
    rows = min(p.shape[-1], q.shape[-1])
    numbers = oracle.all_positions(p[:, :rows], q[:, :rows], ids, settings.mu, settings.boundary, settings.temperature)
    return ids, numbers


def rows_of(trace) -> list[dict]:
    return [{name: trace.columns[name][place] for name in TOKEN_FIELDS} for place in range(1, len(trace))]


def inspect_json(capsys, teacher, student, text: str, settings: Settings, *more: str) -> dict:
    options = ["--mu", str(settings.mu), "--boundary", settings.boundary, "--temperature", str(settings.temperature)]
    command = ["inspect", "--teacher", str(teacher), "--student", str(student), "--text", text, *options, "--json"]
    assert main([*command, *more]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("settings", SETTINGS, ids=IDS)
def test_every_field_of_the_trace_agrees_with_numpy(folders, load, settings):
    ids, expected = expected_for(folders["teacher"], folders["student"], TRICKY, settings)
    trace = token_trace(*load("teacher", "student"), TRICKY, settings)
    assert trace.ids.tolist() == ids
    assert disagreements(expected, rows_of(trace), SINGLE) == []


@pytest.mark.parametrize("settings", SETTINGS, ids=IDS)
def test_every_field_of_float64_logits_agrees_to_ten_digits(settings):
    generator = torch.Generator().manual_seed(5)
    teacher, student = 4 * torch.randn(2, 40, VOCABULARY, generator=generator, dtype=torch.float64)
    ids = torch.randint(0, VOCABULARY, (41,), generator=generator)
    expected = oracle.all_positions(
        teacher.numpy(), student.numpy(), ids.tolist(), settings.mu, settings.boundary, settings.temperature
    )
    blocks = measure(teacher, student, ids[1:], settings)
    columns = {name: np.concatenate([block.columns[name] for block in blocks]) for name in TOKEN_FIELDS}
    found = [{name: columns[name][place] for name in TOKEN_FIELDS} for place in range(40)]
    assert disagreements(expected, found, DOUBLE) == []


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS, ids=IDS)
def test_the_command_prints_what_numpy_computes(folders, capsys, settings):
    ids, expected = expected_for(folders["teacher"], folders["student"], TRICKY, settings)
    printed = inspect_json(capsys, folders["teacher"], folders["student"], TRICKY, settings)
    assert (printed["mu"], printed["boundary"], printed["temperature"]) == (
        settings.mu,
        settings.boundary,
        settings.temperature,
    )
    assert [token["id"] for token in printed["tokens"]] == ids
    assert "".join(token["text"] for token in printed["tokens"]) == TRICKY
    assert printed["tokens"][0]["scored"] is False
    assert disagreements(expected, printed["tokens"][1:], SINGLE) == []


@pytest.mark.parametrize("settings", SETTINGS, ids=IDS)
def test_head_and_tail_gap_sum_to_twice_the_total_variation(load, settings):
    columns = token_trace(*load("teacher", "student"), TRICKY, settings).columns
    split = columns["head_gap"][1:] + columns["tail_gap"][1:]
    np.testing.assert_allclose(split, 2 * columns["tvd"][1:], rtol=0, atol=SPLIT)


def test_the_settings_change_what_they_should(load):
    pair = load("teacher", "student")
    first = token_trace(*pair, TRICKY, Settings(0.5, "below", 1.0)).columns
    reach = token_trace(*pair, TRICKY, Settings(0.5, "reach", 1.0)).columns
    warm = token_trace(*pair, TRICKY, Settings(0.5, "below", 2.0)).columns
    assert (reach["head_size"][1:] >= first["head_size"][1:]).all()
    assert (reach["head_size"][1:] > first["head_size"][1:]).any()
    assert (warm["teacher_entropy"][1:] > first["teacher_entropy"][1:]).all()
    np.testing.assert_array_equal(reach["forward_kl"], first["forward_kl"])


def test_the_comparison_can_fail(folders, load):
    settings = SETTINGS[0]
    _, expected = expected_for(folders["teacher"], folders["student"], TRICKY, settings)
    swapped = token_trace(*load("student", "teacher"), TRICKY, settings)
    named = " ".join(disagreements(expected, rows_of(swapped), SINGLE))
    assert all(f"{name} at" in named for name in TOKEN_FIELDS if name not in {"jsd", "tvd", "top1_agree"})


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS, ids=IDS)
def test_the_command_agrees_with_numpy_on_the_bundled_pair(capsys, settings):
    """In float64: the order of summation, which depends on the processor, moves float32 logits of this size by 2e-5."""
    teacher, student = (DATA / "checkpoints" / name for name in BUNDLED)
    ids, expected = expected_for(teacher, student, TRICKY, settings, torch.float64)
    references = (f"bundled:{name}" for name in BUNDLED)
    printed = inspect_json(capsys, *references, TRICKY, settings, "--dtype", "float64")
    assert [token["id"] for token in printed["tokens"]] == ids
    assert "".join(token["text"] for token in printed["tokens"]) == TRICKY
    assert disagreements(expected, [token for token in printed["tokens"] if token["scored"]], DOUBLE) == []


@pytest.mark.parametrize("settings", SETTINGS, ids=IDS)
def test_every_field_of_the_bundled_pair_agrees_with_numpy_on_the_same_float32_logits(bundled, settings):
    teacher, student = bundled
    trace = token_trace(teacher, student, TRICKY, settings)
    ids = trace.ids.tolist()
    rows = len(teacher.tokenizer)
    p, q = (torch.cat(list(logit_blocks(one, ids, rows=rows))).numpy() for one in bundled)
    expected = oracle.all_positions(p, q, ids, settings.mu, settings.boundary, settings.temperature)
    assert disagreements(expected, rows_of(trace), SINGLE) == []
