"""A measurement that goes wrong in whatever way never ends the training of somebody else."""

import logging

import pytest
import torch

from akl_viz.distill import RunStore, open_run
from akl_viz.distill.probes import Probe
from akl_viz.errors import InvalidInput, VocabularyMismatch
from akl_viz.integrations.pairing import paired
from tests.checkpoints import VOCABULARY, make_tokenizer
from tests.integrations.training import callback, student, trainer, weights


def fails_at(patch, kind, name, error, first, last=99):
    """Let a method fail from its n-th call to its m-th."""
    real, calls = getattr(kind, name), []

    def failing(self, *words, **options):
        calls.append(1)
        if first <= len(calls) <= last:
            raise error
        return real(self, *words, **options)

    patch.setattr(kind, name, failing)


def told(caplog, level=logging.WARNING) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name.startswith("akl_viz") and one.levelno == level]


ERRORS = [
    TypeError("forward() got an unexpected keyword argument 'use_cache'"),
    KeyError("logits"),
    AssertionError(),
    MemoryError(),
    InvalidInput("The logits are no numbers: look at the model."),
    RuntimeError("CUDA error: device-side assert triggered"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_failing_measurement_costs_its_row_alone(tmp_path, teacher, caplog, monkeypatch, error):
    alone = weights(tmp_path, [])
    # The first measurement is that of the start.
    fails_at(monkeypatch, Probe, "measure", error, first=3, last=4)
    with caplog.at_level(logging.INFO, "akl_viz"):
        watched = weights(tmp_path, [callback(teacher, tmp_path / "run")])
    assert all(torch.equal(alone[name], watched[name]) for name in alone)
    (warning,) = told(caplog)
    assert warning.startswith("the training goes on, but is not recorded for now: step 2 could not be measured (")
    assert "\n" not in warning
    run = open_run(tmp_path / "run")
    assert run.history()["step"].tolist() == [0, 1, 8]
    assert run.status == "finished"
    assert run.message == "Not measured, for a reason the log of the training has: step 2, 5."
    explained = [one for one in caplog.records if one.levelno == logging.INFO and one.exc_info]
    assert len(explained) == (0 if isinstance(error, InvalidInput) else 2)


def test_the_last_step_is_tried_again(tmp_path, teacher, monkeypatch):
    fails_at(monkeypatch, Probe, "measure", KeyError("logits"), first=5, last=5)
    trainer(tmp_path, student(), [callback(teacher, tmp_path / "run")]).train()
    run = open_run(tmp_path / "run")
    assert run.history()["step"].tolist() == [0, 1, 2, 5, 8]
    assert run.message == ""


@pytest.mark.parametrize("name", ["row", "detail", "finish", "close"])
def test_a_writer_that_fails_in_an_unforeseen_way_ends_nothing(tmp_path, teacher, caplog, monkeypatch, name):
    fails_at(monkeypatch, RunStore, name, ArithmeticError("nobody thought of this"), first=1 if name[0] in "fc" else 3)
    with caplog.at_level(logging.WARNING, "akl_viz"):
        run = trainer(tmp_path, student(), [callback(teacher, tmp_path / "run")])
        run.train()
    assert run.state.global_step == 8
    warnings = told(caplog)
    assert all("nobody thought of this" in warning for warning in warnings)
    assert len(warnings) >= 1
    rows = open_run(tmp_path / "run").history()["step"].tolist()
    assert rows == ([0, 1] if name == "row" else [0, 1, 2, 5, 8])


def test_a_mistake_at_the_start_is_still_raised(tmp_path, teacher, monkeypatch):
    fails_at(monkeypatch, Probe, "measure", InvalidInput("no"), first=1)
    with pytest.raises(InvalidInput):
        trainer(tmp_path, student(), [callback(teacher, tmp_path / "run")]).train()
    assert not (tmp_path / "run").exists()


def test_ctrl_c_is_the_trainings_own(tmp_path, teacher, monkeypatch):
    fails_at(monkeypatch, Probe, "measure", KeyboardInterrupt(), first=2)
    watch = callback(teacher, tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, student(), [watch]).train()
    watch.close()


def test_without_any_tokenizer_the_numbers_of_rows_must_agree(tmp_path):
    module = student(7)
    teacher, model, rows = paired(module, student(), None)
    assert (teacher.model, rows, model.tokenizer) == (module, VOCABULARY, None)
    with pytest.raises(VocabularyMismatch, match="scores 330 tokens and the student 320, and the trainer has no tok"):
        paired(student(7, rows=330), student(), None)
    watch = callback(module, tmp_path / "run")
    run = trainer(tmp_path, student(), [watch])
    run.processing_class = run.callback_handler.processing_class = None
    with pytest.raises(InvalidInput, match="The trainer has no tokenizer: give HeadTailCallback one"):
        run.train()
    assert not (tmp_path / "run").exists()


def test_the_tokenizer_of_a_checkpoint_or_a_processor_will_do(teacher):
    class Processor:
        tokenizer = make_tokenizer()

    for words in (None, Processor()):
        found, _, rows = paired(teacher, student(), words)
        assert (found, rows) == (teacher, VOCABULARY)
