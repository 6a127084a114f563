"""What goes wrong while a training is watched costs neither the training nor what was recorded."""

import logging
import math

import pandas as pd
import pytest
import torch
from transformers import TrainerCallback

from akl_viz.distill import ProbeConfig, open_run
from akl_viz.errors import AklVizError, CheckpointUnavailable, InvalidInput, VocabularyMismatch
from tests.checkpoints import make_tokenizer
from tests.integrations.training import HELD_OUT, MEASURES, callback, student, trainer, weights


def test_a_resumed_training_appends_to_its_run(tmp_path, teacher):
    whole = callback(teacher, tmp_path / "whole")
    trainer(tmp_path / "a", student(), [whole]).train()

    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **known):
            if state.global_step == 6:
                raise KeyboardInterrupt

    parts = tmp_path / "parts"
    first = callback(teacher, parts)
    saving = {"save_strategy": "steps", "save_steps": 4}
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "b", student(), [first, Stop()], **saving).train()
    first.close()
    interrupted = open_run(parts)
    assert interrupted.status == "interrupted"
    assert interrupted.history()["step"].tolist() == [0, 1, 2, 5]
    before = interrupted.history()["seconds"].iloc[2]

    again = trainer(tmp_path / "b", student(5), [callback(teacher, parts)], **saving)
    again.train(resume_from_checkpoint=str(tmp_path / "b" / "trainer" / "checkpoint-4"))
    run = open_run(parts)
    assert run.status == "finished"
    compared = ["step", "train_loss", *MEASURES]
    pd.testing.assert_frame_equal(run.history()[compared], open_run(tmp_path / "whole").history()[compared])
    assert run.history()["seconds"].is_monotonic_increasing
    assert run.history()["seconds"].iloc[3] > before


@pytest.mark.parametrize("change", [{"held_out": HELD_OUT[:1]}, {"probe": ProbeConfig(windows=3, mu=0.4)}])
def test_a_resumed_training_measured_otherwise_is_refused(tmp_path, teacher, change):
    saving = {"save_strategy": "steps", "save_steps": 4}
    trainer(tmp_path, student(), [callback(teacher, tmp_path / "run")], **saving).train()
    again = trainer(tmp_path, student(), [callback(teacher, tmp_path / "run", **change)], **saving)
    with pytest.raises(InvalidInput, match="another teacher, other texts or another head"):
        again.train(resume_from_checkpoint=str(tmp_path / "trainer" / "checkpoint-4"))
    assert open_run(tmp_path / "run").status == "finished"


class Break(TrainerCallback):
    """Makes the run folder unwritable after a step, and writable again after another."""

    def __init__(self, folder, breaks, mends=None):
        self.folder, self.breaks, self.mends = folder, breaks, mends
        self.aside = folder.with_name("aside")

    def on_step_end(self, args, state, control, **known):
        if state.global_step == self.breaks:
            self.folder.rename(self.aside)
            self.folder.write_text("a file stands here")
        if state.global_step == self.mends:
            self.folder.unlink()
            self.aside.rename(self.folder)


def test_training_goes_on_with_one_warning_when_the_folder_becomes_unwritable(tmp_path, teacher, caplog):
    run = tmp_path / "run"
    alone = weights(tmp_path, [])
    with caplog.at_level(logging.WARNING, "akl_viz"):
        watched = weights(tmp_path, [callback(teacher, run), Break(run, breaks=1)])
    assert all(torch.equal(alone[name], watched[name]) for name in alone)
    (warning,) = [record for record in caplog.records if record.name.startswith("akl_viz")]
    assert "the training goes on" in warning.getMessage()
    kept = open_run(tmp_path / "aside")
    assert kept.history()["step"].tolist() == [0, 1]
    assert kept.status == "interrupted"


def test_rows_that_could_not_be_written_are_written_when_the_folder_is_back(tmp_path, teacher):
    run = tmp_path / "run"
    trainer(tmp_path, student(), [callback(teacher, run), Break(run, breaks=1, mends=6)]).train()
    assert open_run(run).history()["step"].tolist() == [0, 1, 2, 5, 8]
    assert open_run(run).status == "finished"


class Diverge(TrainerCallback):
    """Ruins the weights after a step; comes before the callback."""

    def on_step_end(self, args, state, control, **known):
        if state.global_step == 4:
            with torch.no_grad():
                next(known["model"].parameters()).fill_(math.nan)


def test_a_model_that_diverges_keeps_its_rows_and_is_trained_on(tmp_path, teacher, caplog):
    with caplog.at_level(logging.WARNING, "akl_viz"):
        run = trainer(tmp_path, student(), [Diverge(), callback(teacher, tmp_path / "run")])
        run.train()
    assert run.state.global_step == 8
    assert open_run(tmp_path / "run").history()["step"].tolist() == [0, 1, 2]
    assert len([record for record in caplog.records if "could not be measured" in record.getMessage()]) == 1


class Early(TrainerCallback):
    def on_step_end(self, args, state, control, **known):
        control.should_training_stop = state.global_step == 3
        return control


def test_a_training_that_ends_early_is_measured_at_its_last_step(tmp_path, teacher):
    trainer(tmp_path, student(), [callback(teacher, tmp_path / "run"), Early()]).train()
    run = open_run(tmp_path / "run")
    assert run.history()["step"].tolist() == [0, 1, 2, 3]
    assert run.message == "The trainer ended at step 3 of 8."


def test_an_error_of_the_training_leaves_an_openable_folder_that_is_let_go(tmp_path, teacher):
    class Fail(TrainerCallback):
        def on_step_end(self, args, state, control, **known):
            if state.global_step == 3:
                raise RuntimeError("not ours")

    watch = callback(teacher, tmp_path / "run")
    with pytest.raises(RuntimeError, match="not ours"):
        trainer(tmp_path, student(), [watch, Fail()]).train()
    assert open_run(tmp_path / "run").status == "running"
    watch.close()
    assert open_run(tmp_path / "run").status == "interrupted"
    assert open_run(tmp_path / "run").history()["step"].tolist() == [0, 1, 2]


def refused(tmp_path, watch, model=None, kind: type[AklVizError] = InvalidInput, **changes) -> str:
    run = trainer(tmp_path, model or student(), [watch], **changes)
    with pytest.raises(kind) as caught:
        run.train()
    assert run.state.global_step == 0
    return str(caught.value)


def test_another_vocabulary_is_refused_in_one_sentence_and_leaves_nothing(tmp_path, teacher):
    folder = tmp_path / "other"
    teacher.model.save_pretrained(folder)
    make_tokenizer("Some other corpus with other words and other merges. " * 9).save_pretrained(folder)
    sentence = refused(tmp_path, callback(str(folder), tmp_path / "run"), kind=VocabularyMismatch)
    assert sentence.startswith("Teacher and student number their tokens differently (id ")
    assert not (tmp_path / "run").exists()


def test_mistakes_are_refused_before_the_first_step_and_leave_nothing(tmp_path, teacher):
    run = tmp_path / "run"
    assert "hold nothing" in refused(tmp_path, callback(teacher, run, ["a"]))
    assert "must be a text" in refused(tmp_path, callback(teacher, run, 7))
    assert "token id 999" in refused(tmp_path, callback(teacher, run, [[5, 999]]))
    assert "causal language model" in refused(tmp_path, callback(torch.nn.Linear(2, 2), run))
    missing = callback(str(tmp_path / "nothing"), run)
    refused(tmp_path, missing, kind=CheckpointUnavailable)
    assert not run.exists()
    run.mkdir()
    (run / "thesis.txt").write_text("mine")
    assert "already holds other files" in refused(tmp_path, callback(teacher, run))
    assert [entry.name for entry in run.iterdir()] == ["thesis.txt"]


def test_a_second_training_does_not_overwrite_the_first(tmp_path, teacher):
    trainer(tmp_path, student(), [callback(teacher, tmp_path / "run")]).train()
    before = open_run(tmp_path / "run").history()
    assert "already holds a run" in refused(tmp_path, callback(teacher, tmp_path / "run"))
    pd.testing.assert_frame_equal(open_run(tmp_path / "run").history(), before)


def test_weights_spread_over_processes_are_refused(tmp_path, teacher):
    model = student()
    next(model.parameters()).ds_id = 0
    assert "spread over several" in refused(tmp_path, callback(teacher, tmp_path / "run"), model)
