"""How a run ends: by itself, told to, by a mistake, by diverging; and what is left then."""

import copy
import dataclasses
import threading

import pytest
import torch

from akl_viz.distill import (
    Control,
    DistillConfig,
    Diverged,
    OptimiserConfig,
    ProbeConfig,
    distill,
    lane,
    open_run,
)
from akl_viz.distill.toy_language import toy_checkpoint
from akl_viz.errors import Cancelled, CheckpointUnavailable, InvalidInput
from akl_viz.models import Policy
from tests.distill.conftest import PROBE, TOY, digests, numbers, run, toy


def test_a_run_that_diverges_says_so_and_keeps_its_last_good_checkpoint(tmp_path):
    config = toy(optimiser=OptimiserConfig(lr=1e30), checkpoint_every=1, losses=("akl",))
    with pytest.raises(Diverged, match=r"akl diverged at step \d+: .*lower the learning rate \(1e\+30\)"):
        run(config, tmp_path / "run")
    found = open_run(tmp_path / "run")
    assert found.status == "diverged"
    assert "diverged at step" in found.message
    for folder in found.checkpoints("akl").values():
        from akl_viz.models import load_checkpoint

        load_checkpoint(str(folder))


def test_a_text_outside_the_policys_folders_is_not_read(tmp_path):
    text = tmp_path / "words.txt"
    text.write_text("it is a truth universally acknowledged " * 100)
    config = toy(text=str(text))
    with pytest.raises(CheckpointUnavailable, match=r"words\.txt lies outside the folders this app may read"):
        list(distill(config, tmp_path / "run", policy=Policy(roots=(tmp_path / "allowed",))))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("source", "every"), [("text", 1), ("student", 100)])
def test_a_student_ruined_by_a_step_diverges_also_where_it_is_measured_or_sampled_next(source, every, tmp_path):
    probe = dataclasses.replace(PROBE, every=every)
    config = toy(source=source, prompt_tokens=4, optimiser=OptimiserConfig(lr=1e38), losses=("akl",), probe=probe)
    with pytest.raises(Diverged, match=r"akl diverged at step 2: .*there is no good checkpoint of it"):
        run(config, tmp_path / "run")
    assert open_run(tmp_path / "run").status == "diverged"


def test_a_diverged_run_keeps_what_an_undisturbed_one_has_at_that_step(tmp_path, monkeypatch):
    rate = lane.learning_rate
    monkeypatch.setattr(
        lane, "learning_rate", lambda config, step, steps: 1e30 if step == 6 else rate(config, step, steps)
    )
    with pytest.raises(Diverged, match=r"at step 7: .*\(its last good checkpoint is of step 3, and its weights"):
        run(toy(losses=("akl",)), tmp_path / "run")
    monkeypatch.undo()
    run(toy(losses=("akl",)), tmp_path / "whole")
    good = "checkpoints/akl/step-000003/model.safetensors"
    assert digests(tmp_path / "run")[good] == digests(tmp_path / "whole")[good]
    found = open_run(tmp_path / "run")
    assert list(found.checkpoints("akl")) == [3, 6]
    assert found.history()["step"].tolist() == [0, 1, 2, 5]
    assert found.resumable


def test_ruined_weights_never_push_out_the_good_ones(tmp_path, monkeypatch):
    """The step after next would have been saved; one checkpoint is kept."""
    rate = lane.learning_rate
    monkeypatch.setattr(
        lane, "learning_rate", lambda config, step, steps: 1e30 if step == 4 else rate(config, step, steps)
    )
    with pytest.raises(Diverged, match=r"at step 5: .*is of step 3, and its weights of step 4 are saved too"):
        run(toy(losses=("akl",), keep=1), tmp_path / "run")
    assert list(open_run(tmp_path / "run").checkpoints("akl")) == [3, 4]


def test_weights_that_are_saved_alone_are_not_said_to_be_saved_too(tmp_path):
    said = r"\(there is no good checkpoint of it, but its weights of step 1 are saved\)\.$"
    with pytest.raises(Diverged, match=said):
        run(toy(losses=("akl",), optimiser=OptimiserConfig(lr=1e30)), tmp_path / "run")
    assert list(open_run(tmp_path / "run").checkpoints("akl")) == [1]


def test_the_toy_language_keeps_to_its_own_pair():
    with pytest.raises(InvalidInput, match="own pair"):
        run(toy(student="bundled:start"))


def test_a_run_without_a_folder_leaves_the_start_alone():
    start = toy_checkpoint("toy:student", 0).model
    before = copy.deepcopy(start.state_dict())
    run(toy(steps=2))
    assert all(torch.equal(before[name], value) for name, value in start.state_dict().items())


def test_stop_takes_effect_within_two_steps_and_leaves_a_checkpoint(tmp_path):
    control, steps = Control(), []
    for record in distill(toy(steps=50, checkpoint_every=0), tmp_path / "run", control=control):
        steps.append(record.step)
        if record.step == 4:
            control.stop()
    assert max(steps) <= 5
    found = open_run(tmp_path / "run")
    assert found.status == "stopped"
    assert set(found.checkpoints("akl")) == {max(steps)}
    assert found.resumable


def test_cancel_leaves_earlier_checkpoints_alone(tmp_path):
    control = Control()
    for record in distill(toy(steps=50, checkpoint_every=3), tmp_path / "run", control=control):
        if record.step == 5:
            control.cancel()
    found = open_run(tmp_path / "run")
    assert found.status == "stopped"
    assert set(found.checkpoints("akl")) == {3}


def test_stop_before_the_first_step(tmp_path):
    control = Control()
    control.stop()
    with pytest.raises(Cancelled):
        run(toy(), tmp_path / "run", control=control)
    assert not (tmp_path / "run").exists()


def test_a_mistake_leaves_no_folder_behind(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    config = DistillConfig(data=dataclasses.replace(TOY.data, text=str(tmp_path / "a.txt")))
    with pytest.raises(InvalidInput, match=r"a.txt holds no text of two tokens or more"):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def _told_while_measuring(monkeypatch, folder, when, tell):
    """Run, and tell the control something while the measurement is made after which `when` says so of the steps."""
    from akl_viz.distill.probes import Probe

    control, measure, reached = Control(), Probe.measure, []

    def interrupted(self, student, **options):
        if when(reached):
            tell(control)
        return measure(self, student, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Probe, "measure", interrupted)
        for record in distill(toy(), folder, control=control):
            reached.append(record.step)
    return open_run(folder)


@pytest.mark.parametrize("last", [1, TOY.steps - 1])
def test_a_measurement_that_was_cancelled_is_made_good_by_resuming(last, tmp_path, monkeypatch):
    found = _told_while_measuring(
        monkeypatch, tmp_path / "run", lambda reached: reached[-2:] == [last, last], Control.cancel
    )
    assert (found.status, found.resumable) == ("stopped", True)
    assert max(found.measured.values()) <= last
    run(None, tmp_path / "run", resume=True)
    run(toy(), tmp_path / "whole")
    assert numbers(tmp_path / "run").equals(numbers(tmp_path / "whole"))
    found = open_run(tmp_path / "run")
    assert (found.status, found.resumable) == ("finished", False)


def test_stop_during_a_measurement_saves_the_weights_and_measures_every_loss(tmp_path, monkeypatch):
    found = _told_while_measuring(
        monkeypatch, tmp_path / "run", lambda reached: reached[-2:] == [2, 1] or reached[-2:] == [1, 1], Control.stop
    )
    assert (found.status, found.measured, found.done) == ("stopped", *[dict.fromkeys(TOY.losses, 2)] * 2)
    assert [list(found.checkpoints(loss)) for loss in TOY.losses] == [[2], [2]]
    run(None, tmp_path / "run", resume=True)
    run(toy(), tmp_path / "whole")
    assert numbers(tmp_path / "run").equals(numbers(tmp_path / "whole"))


def test_stop_during_the_last_measurement_finishes_the_run(tmp_path, monkeypatch):
    end = [TOY.steps - 1, TOY.steps - 1]
    found = _told_while_measuring(monkeypatch, tmp_path / "run", lambda reached: reached[-2:] == end, Control.stop)
    assert (found.status, found.resumable) == ("finished", False)
    run(toy(), tmp_path / "whole")
    assert numbers(tmp_path / "run").equals(numbers(tmp_path / "whole"))


@pytest.mark.parametrize("changes", [{}, {"source": "student", "prompt_tokens": 4}, {"dropout": True}])
def test_a_stopped_run_ends_with_a_measurement_at_its_very_step_that_changes_nothing_after_it(changes, tmp_path):
    """Step 4 is none of those that are measured anyway; a run that measures every step says what its row is."""
    config, at = toy(checkpoint_every=0, **changes), 4
    control, told = Control(), []
    for record in distill(config, tmp_path / "run", control=control):
        told.append(record)
        if record.step == at:
            control.stop()
    found = open_run(tmp_path / "run")
    assert (found.status, found.measured, found.done) == ("stopped", *[dict.fromkeys(TOY.losses, at)] * 2)
    assert all(list(found.checkpoints(loss)) == [at] == list(found.probes(loss)[-1:]) for loss in TOY.losses)
    assert [(one.loss, one.step) for one in told[-2:]] == [(loss, at) for loss in TOY.losses]
    assert all(one.probe is not None and one.detail is not None for one in told[-2:])
    everywhere = dataclasses.replace(config, probe=dataclasses.replace(PROBE, every=1))
    run(everywhere, tmp_path / "everywhere")
    measured = numbers(tmp_path / "everywhere").query("step == @at").reset_index(drop=True)
    assert numbers(tmp_path / "run").query("step == @at").reset_index(drop=True).equals(measured)
    run(None, tmp_path / "run", resume=True)
    run(config, tmp_path / "whole")
    resumed, whole = numbers(tmp_path / "run"), numbers(tmp_path / "whole")
    assert list(resumed.columns) == list(whole.columns)
    assert resumed.query("step != @at").reset_index(drop=True).equals(whole)
    weights, alone = digests(tmp_path / "run"), digests(tmp_path / "whole")
    assert {name: weights[name] for name in alone} == alone
    assert set(open_run(tmp_path / "run").measured.values()) == {TOY.steps}


def test_a_run_that_is_stopped_once_more_before_its_next_step_is_not_measured_again(tmp_path):
    control = Control()
    for record in distill(toy(), tmp_path / "run", control=control):
        if record.step == 4:
            control.stop()
    before = numbers(tmp_path / "run")
    control = Control()
    assert list(distill(None, tmp_path / "run", resume=True, control=control, progress=_stopping(control))) == []
    assert numbers(tmp_path / "run").equals(before)
    assert open_run(tmp_path / "run").status == "stopped"


def _stopping(control):
    """Stops a run as soon as it is prepared."""
    return lambda share, sentence: control.stop() if share == 1.0 else None


def test_stop_after_the_last_measurement_finds_nothing_to_stop(tmp_path):
    control = Control()
    for record in distill(toy(losses=("akl",)), tmp_path / "run", control=control):
        if record.step == TOY.steps:
            control.stop()
    assert open_run(tmp_path / "run").status == "finished"


def test_pause_holds_the_run_until_it_is_resumed(tmp_path):
    control, seen = Control(), []

    def work():
        for record in distill(toy(steps=6, losses=("akl",)), control=control):
            seen.append(record.step)
            if record.step == 2 and not held.is_set():
                control.pause()
                held.set()

    held = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(60)
    thread.join(0.3)
    assert control.paused
    assert seen[-1] == 2
    control.resume()
    thread.join(60)
    assert not thread.is_alive()
    assert seen[-1] == 6


def test_closing_the_iteration_stops_with_a_checkpoint(tmp_path):
    records = distill(toy(checkpoint_every=0), tmp_path / "run")
    for record in records:
        if record.step == 3:
            break
    records.close()
    found = open_run(tmp_path / "run")
    assert found.status == "stopped"
    assert set(found.checkpoints("forward_kl")) == {3}


def test_probe_settings_are_followed(tmp_path):
    probe = ProbeConfig(every=2, windows=3, watched=(5, 700), samples=0)
    run(toy(probe=probe, steps=4, losses=("akl",)), tmp_path / "run")
    found = open_run(tmp_path / "run")
    assert list(found.history()["step"]) == [0, 2, 4] == list(found.probes("akl"))
    detail, teacher = found.detail("akl", 4), found.teacher_detail()
    assert detail.samples == ()
    assert detail.watched.shape == teacher.watched.shape == (1, 64)
    assert detail.weight_counts.sum() == 3 * 23 == teacher.facts["positions"]
