"""HeadTailCallback: what it writes is what a direct measurement says, and the training does not notice it."""

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
from akl_viz.models import load_checkpoint
from tests.checkpoints import VOCABULARY, make_tokenizer
from tests.integrations.training import HELD_OUT, MEASURES, PROBE, callback, student, trainer, weights


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


@pytest.mark.filterwarnings("ignore:.gradient_checkpointing.* is deprecated:FutureWarning")
def test_it_works_in_a_trainer_of_trl(tmp_path, teacher):
    trl = pytest.importorskip("trl", reason="trl is not installed")
    from datasets import Dataset

    texts = Dataset.from_list([{"text": text} for text in HELD_OUT * 8])
    arguments = trl.SFTConfig(
        str(tmp_path / "trainer"),
        max_steps=5,
        per_device_train_batch_size=4,
        logging_steps=1,
        max_length=32,
        use_cpu=True,
        bf16=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to=[],
        save_strategy="no",
    )
    witness, tokenizer = Witness(teacher), make_tokenizer()
    trl.SFTTrainer(
        model=student(),
        args=arguments,
        train_dataset=texts,
        processing_class=tokenizer,
        callbacks=[witness, callback(teacher, tmp_path / "run")],
    ).train()
    history = open_run(tmp_path / "run").history().set_index("step")
    assert list(history.index) == [0, 1, 2, 5]
    for step in (1, 2, 5):
        assert history.loc[step, "head_gap"] == witness.rows[step][0].head_gap
