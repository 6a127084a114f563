"""The stored first view is what Python computes, and a payload is JSON whatever the bars are."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest

from akl_viz.analysis.small_vocabulary import compare
from akl_viz.divergences import DIVERGENCES
from akl_viz.loss_spec import LossSpec
from akl_viz.paths import ROOT
from akl_viz.ui.small_vocabulary import numbers
from akl_viz.ui.small_vocabulary.payload import packed, payload
from akl_viz.ui.small_vocabulary.scene import scene
from akl_viz.ui.small_vocabulary.state import State

ROUNDING = 1e-12
"""Two processors may round a logarithm differently in its last place."""


def unpacked(value):
    """The payload with every packed array as a list."""
    if isinstance(value, list):
        return [unpacked(one) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"kind", "data"}:
        return np.frombuffer(base64.b64decode(value["data"]), dtype="<" + value["kind"]).tolist()
    return {name: unpacked(one) for name, one in value.items()}


def flat(value, at=""):
    if isinstance(value, dict):
        return [one for name, part in value.items() for one in flat(part, f"{at}.{name}")]
    if isinstance(value, list):
        return [one for n, part in enumerate(value) for one in flat(part, f"{at}.{n}")]
    return [(at, value)]


def test_the_stored_numbers_are_what_python_computes():
    known = flat(unpacked(json.loads(numbers.STORED.read_text(encoding="utf-8"))))
    fresh = flat(unpacked(packed(numbers.comparison(scene(State())))))
    told = "run python -m akl_viz.ui.small_vocabulary.numbers"
    assert [at for at, _ in known] == [at for at, _ in fresh], told
    for (at, before), (_, now) in zip(known, fresh, strict=True):
        both = isinstance(before, float) and isinstance(now, float)
        assert (before == pytest.approx(now, rel=ROUNDING, abs=ROUNDING)) if both else before == now, (at, told)


def test_before_torch_is_imported_only_the_stored_view_has_numbers(monkeypatch):
    monkeypatch.setattr(numbers, "ready", lambda: False)
    monkeypatch.setattr(numbers, "comparison", lambda *_: pytest.fail("torch was asked for"))
    first = scene(State())
    for state in (State(), State(scale="log"), State(loss=LossSpec("reverse_kl"))):
        assert numbers.numbers_of(scene(state))[1] == numbers.stored()
    for state in (State(size=9), State(target=1), State(loss=LossSpec.parse("akl:mu=0.3")), State(loss=LossSpec("no"))):
        assert numbers.numbers_of(scene(state))[1] is None
    assert numbers.numbers_of(first)[0] == first


@pytest.mark.parametrize("loss", ["nope", "akl:nope=1", "jsd:beta=7"])
def test_a_loss_the_registry_does_not_know_becomes_the_default(loss, monkeypatch):
    monkeypatch.setattr(numbers, "ready", lambda: True)
    found, computed = numbers.numbers_of(scene(State(loss=LossSpec.parse(loss))))
    assert found.state.loss == State().loss
    assert [row["key"] for row in computed["losses"]] == list(DIVERGENCES)


def test_the_chosen_loss_has_its_parameters_and_the_others_their_defaults(monkeypatch):
    monkeypatch.setattr(numbers, "ready", lambda: True)
    found, computed = numbers.numbers_of(scene(State(loss=LossSpec.parse("jsd:beta=0.2"))))
    rows = {row["key"]: row for row in computed["losses"]}
    assert rows["jsd"]["params"][0]["value"] == 0.2
    assert rows["mixed_kl"]["params"][0]["value"] == 0.5
    specs = [LossSpec.parse("jsd:beta=0.2") if key == "jsd" else LossSpec(key) for key in DIVERGENCES]
    expected = compare(found.teacher, found.student, losses=specs)
    assert unpacked(computed["values"]) == [row.value for row in expected.losses]


@pytest.mark.parametrize("weights", [(1.0, 0, 0, 0, 0), (0, 0, 0, 0, 1.0), (1e-300, 1.0, 0.5, 0.25, 1e-9)])
def test_a_payload_is_json_whatever_the_bars_are(weights, monkeypatch):
    monkeypatch.setattr(numbers, "ready", lambda: True)
    found, computed = numbers.numbers_of(scene(State(size=5, student=weights)))
    text = json.dumps(payload(found, computed, 3), allow_nan=False)
    assert json.loads(text)["state"]["student"] == list(found.student)
    assert not np.isnan(unpacked(computed["steps"])).any()


def test_the_page_opens_without_torch():
    code = "import sys, akl_viz.ui.small_vocabulary.explorer; print(*{name.partition('.')[0] for name in sys.modules})"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert {"torch", "transformers"}.isdisjoint(told.stdout.split())
