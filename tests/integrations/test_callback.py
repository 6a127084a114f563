"""HeadTailCallback: what it writes is what a direct measurement says, and the training does not notice it."""

import logging
import math

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import TrainerCallback

from akl_viz.distill import ProbeConfig, list_runs, open_run
from akl_viz.distill.probes import Probe
from akl_viz.distill.sampling import Vocabulary
from akl_viz.distill.sequences import TokenSequence
from akl_viz.errors import AklVizError, CheckpointUnavailable, InvalidInput, VocabularyMismatch
from akl_viz.integrations.callback import HeadTailCallback
from akl_viz.models import load_checkpoint
from tests.checkpoints import VOCABULARY, make_tokenizer, save_llama
from tests.integrations.training import HELD_OUT, student, trainer
from tests.one_thread import one_thread

__all__ = ["one_thread"]

PROBE = ProbeConfig(windows=3, watched=(3, 9), samples=1, sample_tokens=4)
MEASURES = ["forward_kl", "reverse_kl", "head_gap", "tail_gap", "weight_forward", "top1_agreement", "perplexity"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Folder of the teacher."""
    return save_llama(tmp_path_factory.mktemp("pair") / "teacher", 1, hidden=32)


@pytest.fixture(scope="module")
def teacher(place):
    return load_checkpoint(str(place), device="cpu")


def callback(teacher, folder, held_out=HELD_OUT, **changes) -> HeadTailCallback:
    return HeadTailCallback(teacher, held_out, folder, **{"probe": PROBE} | changes)


class Witness(TrainerCallback):
    """Measures the same model itself, after every step."""

    def __init__(self, teacher):
        tokenizer = make_tokenizer()
        sequences = [TokenSequence(torch.tensor(tokenizer(text)["input_ids"])) for text in HELD_OUT]
        self.probe = Probe(teacher.model, sequences, Vocabulary(tokenizer, VOCABULARY), PROBE)
        self.rows = {}

    def on_step_end(self, args, state, control, **known):
        self.rows[state.global_step] = self.probe.measure(known["model"])


def test_rows_are_those_of_a_direct_measurement(tmp_path, teacher):
    witness = Witness(teacher)
    trainer(tmp_path, student(), [witness, callback(teacher, tmp_path / "run")]).train()

    run = open_run(tmp_path / "run")
    history = run.history().set_index("step")
    assert list(history.index) == [0, 1, 2, 5, 8]
    for step in (1, 2, 5, 8):
        row, detail = witness.rows[step]
        assert {name: history.loc[step, name] for name in MEASURES} == {
            name: value for name, value in row.as_dict().items() if name in MEASURES
        }
        stored = run.detail("run", step)
        assert stored.samples == detail.samples
        assert np.array_equal(stored.watched, detail.watched)
    assert history["head_gap"].nunique() == 5


def test_the_run_opens_as_one_of_ours(tmp_path, place):
    trainer(tmp_path, student(), [callback(str(place), tmp_path / "runs" / "mine")]).train()

    (run,) = list_runs(tmp_path / "runs")
    assert (run.name, run.losses, run.status, run.message) == ("mine", ("mine",), "finished", "")
    assert (run.config, run.resumable, run.steps) == (None, False, 8)
    assert run.teacher_reference == str(place)
    assert run.probes("mine") == (0, 1, 2, 5, 8)
    assert run.teacher_detail().watched.shape == (2, VOCABULARY)
    history = run.history()
    assert math.isnan(history["train_loss"].iloc[0])
    assert history["train_loss"].iloc[1:].between(0.1, 100).all()
    assert history["seconds"].is_monotonic_increasing
    assert history["seconds"].iloc[0] == 0


def test_the_loss_in_a_row_is_the_one_the_trainer_logged(tmp_path, teacher):
    watched = trainer(tmp_path, student(), [callback(teacher, tmp_path / "run")], include_num_input_tokens_seen=True)
    watched.train()
    logged = {entry["step"]: entry["loss"] for entry in watched.state.log_history if "loss" in entry}
    history = open_run(tmp_path / "run").history().set_index("step")
    assert {step: history.loc[step, "train_loss"] for step in (1, 2, 5, 8)} == {s: logged[s] for s in (1, 2, 5, 8)}
    assert history["tokens"].tolist() == [0, 48, 96, 240, 384]


def weights(folder, callbacks, **changes):
    run = trainer(folder, student(), callbacks, **changes)
    run.train()
    return {name: value.detach().clone() for name, value in run.model.state_dict().items()}


def test_weights_are_bit_identical_with_and_without_the_callback(tmp_path, teacher):
    alone = weights(tmp_path, [])
    every = callback(teacher, tmp_path / "run", probe=ProbeConfig(every=1, windows=3, samples=2, sample_tokens=4))
    watched = weights(tmp_path, [every])
    assert alone.keys() == watched.keys()
    assert all(torch.equal(alone[name], watched[name]) for name in alone)
    assert len(open_run(tmp_path / "run").history()) == 9


class Noise(TrainerCallback):
    """Draws from torch's generator as a careless callback would."""

    def on_step_end(self, args, state, control, **known):
        torch.rand(1)


def test_the_comparison_of_weights_can_fail(tmp_path):
    alone, disturbed = weights(tmp_path, []), weights(tmp_path, [Noise()])
    assert not all(torch.equal(alone[name], disturbed[name]) for name in alone)


class Modes(TrainerCallback):
    """Looks at the modes of the modules; comes after the callback."""

    def __init__(self):
        self.seen = []

    def on_step_end(self, args, state, control, **known):
        self.seen.append([part.training for part in known["model"].modules()])


class Freeze(TrainerCallback):
    """Puts one part into evaluation mode, after the trainer has set all to training; comes before the callback."""

    def on_optimizer_step(self, args, state, control, **known):
        known["model"].model.norm.eval()


def test_every_part_of_the_model_is_back_in_its_mode(tmp_path, teacher):
    modes, model = Modes(), student()
    trainer(tmp_path, model, [Freeze(), callback(teacher, tmp_path / "run"), modes]).train()
    expected = [part is not model.model.norm for part in model.modules()]
    assert modes.seen == [expected] * 8


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


def test_reference_checkpoint_and_module_of_a_teacher_give_the_same_rows(tmp_path, place, teacher):
    module = load_checkpoint(str(place), device="cpu").model.train()
    rows = []
    for name, given in {"reference": str(place), "checkpoint": teacher, "module": module}.items():
        trainer(tmp_path, student(), [callback(given, tmp_path / name)], max_steps=1).train()
        rows.append(open_run(tmp_path / name).history()[MEASURES])
    pd.testing.assert_frame_equal(rows[0], rows[1])
    pd.testing.assert_frame_equal(rows[0], rows[2])
    assert module.training


@pytest.mark.parametrize("every", [3, 4])
def test_every_n_steps(tmp_path, teacher, every):
    probe = ProbeConfig(every=every, windows=3, samples=0)
    trainer(tmp_path, student(), [callback(teacher, tmp_path / "run", probe=probe)]).train()
    assert open_run(tmp_path / "run").history()["step"].tolist() == sorted({*range(0, 9, every), 8})


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


def test_only_the_first_process_writes(tmp_path, teacher):
    run = trainer(tmp_path, student(), [callback(teacher, tmp_path / "run")], max_steps=2)
    run.state.is_world_process_zero = False
    run.is_world_process_zero = lambda: False
    run.train()
    assert run.state.global_step == 2
    assert not (tmp_path / "run").exists()


def test_a_long_text_is_cut_into_windows_and_more_texts_than_are_measured_are_noted(tmp_path, teacher):
    probe = ProbeConfig(windows=2, samples=0)
    long = callback(teacher, tmp_path / "long", " ".join(HELD_OUT) * 20, probe=probe, window=16)
    trainer(tmp_path, student(), [long], max_steps=1).train()
    assert open_run(tmp_path / "long").teacher_detail().facts["positions"] == 2 * 15

    many = callback(teacher, tmp_path / "many", probe=probe)
    trainer(tmp_path, student(), [many], max_steps=1).train()
    assert "The first 2 of 3 held-out sequences are measured." in open_run(tmp_path / "many").meta["notes"]
