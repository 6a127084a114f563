"""Runs of the server: a queue, switches, nothing lost."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from akl_viz.distill import DataConfig, StepRecord
from akl_viz.errors import Cancelled, InvalidInput
from akl_viz.ui.race import service as module
from akl_viz.ui.race.service import Race, RaceService
from tests.race.conftest import toy_config, wait_for

LONG = 100_000


def fabricated_step(loss):
    """The first step of a loss."""
    return StepRecord(
        loss, 1, 4, seconds=1.0, tokens=64, train_loss=0.5, lr=1e-3, grad_norm=1.0, tokens_per_second=64.0,
        eta_seconds=3.0, done=0.25,
    )  # fmt: skip


def test_a_run_trains_measures_and_is_saved(races):
    race = races.start(toy_config())
    wait_for(lambda: not race.active)
    assert race.message == ""
    assert {record.step for record in race.latest.values()} == {4}
    assert all(record.detail is None for record in race.latest.values())
    run = races.run(race.name)
    assert (run.status, len(run.history())) == ("finished", race.probes)
    assert [saved.name for saved in races.saved()] == [race.name]


def test_one_run_trains_and_the_others_wait_with_their_place(races):
    first, second, third = (races.start(toy_config(steps=LONG)) for _ in range(3))
    wait_for(lambda: first.state == "running")
    assert [races.ahead(race) for race in (first, second, third)] == [0, 1, 2]
    assert (second.state, third.state) == ("queued", "queued")
    races.stop(second)
    assert (second.active, races.ahead(third)) == (False, 1)
    assert "Nothing was trained" in second.message
    races.stop(first)
    wait_for(lambda: third.state == "running")
    assert races.run(first.name).status == "stopped"


def test_a_paused_run_holds_still_until_it_may_go_on(races):
    race = races.start(toy_config(steps=LONG, losses=("forward_kl",)))
    wait_for(lambda: race.state == "running" and race.latest["forward_kl"].step > 2)
    race.control.pause()
    # One step may still be on its way when the switch is thrown.
    time.sleep(1.0)
    seen = race.latest["forward_kl"].step
    time.sleep(1.0)
    assert race.latest["forward_kl"].step == seen
    race.control.resume()
    wait_for(lambda: race.latest["forward_kl"].step > seen)


def test_a_stopped_run_goes_on_where_it_was_in_a_new_server(races, tmp_path):
    race = races.start(toy_config(steps=300, checkpoint_every=5))
    wait_for(lambda: race.latest and min(one.step for one in race.latest.values()) >= 3)
    races.stop(race)
    wait_for(lambda: not race.active)
    at = races.run(race.name).done["forward_kl"]
    later = RaceService(tmp_path / "runs")
    resumed = later.resume(race.name)
    wait_for(lambda: not resumed.active)
    assert resumed.message == ""
    assert later.run(race.name).status == "finished"
    history = later.run(race.name).history()
    assert history[["loss", "step"]].duplicated().sum() == 0
    assert 3 <= at < history["step"].max() == 300


def test_what_nobody_watches_is_stopped_and_stays(races, monkeypatch):
    monkeypatch.setattr(module, "UNWATCHED_SECONDS", 0.5)
    race = races.start(toy_config(steps=LONG))
    wait_for(lambda: not race.active)
    assert "no page was open" in race.message
    assert races.run(race.name).resumable


def test_what_waits_costs_nothing_and_is_not_stopped(races, monkeypatch):
    monkeypatch.setattr(module, "UNWATCHED_SECONDS", 1.0)
    first, second = (races.start(toy_config(steps=LONG)) for _ in range(2))
    second.seen -= 100.0
    wait_for(lambda: not first.active)
    wait_for(lambda: second.state != "queued")
    assert "no page was open" in first.message
    assert second.active
    assert second.message == ""


def test_what_waits_unwatched_leaves_the_line_and_says_so(races, monkeypatch):
    first, second = (races.start(toy_config(steps=LONG)) for _ in range(2))
    wait_for(lambda: first.state == "running")
    races.stop(second, module.UNWATCHED)
    assert not second.active
    assert second.message == f"{module.UNWATCHED} Nothing was trained."


def test_why_a_run_was_stopped_is_not_lost_before_its_first_step(races, monkeypatch):
    def cancelled(self, race):
        wait_for(lambda: race.control.stopping)
        raise Cancelled("The run was stopped.")
        yield

    monkeypatch.setattr(RaceService, "_records", cancelled)
    race = races.start(toy_config())
    races.stop(race, module.UNWATCHED)
    wait_for(lambda: not race.active)
    assert race.message == f"{module.UNWATCHED} Nothing was trained."


def test_only_the_messages_of_the_last_runs_are_remembered(races, monkeypatch):
    monkeypatch.setattr(module, "KEPT_ENDED", 3)
    first = races.start(toy_config(steps=LONG))
    wait_for(lambda: first.state == "running")
    waiting = [races.start(toy_config()) for _ in range(6)]
    for race in waiting:
        races.stop(race)
    last = races.start(toy_config())
    assert races.active() == [first, last]
    assert [races.ended(race.name) for race in waiting] == [None] * 3 + waiting[3:]


def test_the_texts_in_use_are_those_of_saved_and_of_waiting_runs(races):
    race = races.start(toy_config())
    wait_for(lambda: not race.active)
    long = races.start(toy_config(steps=LONG))
    own = replace(toy_config(), data=DataConfig(text="/somewhere/words-0123456789abcdef.txt"))
    races.start(own)
    assert races.texts() == {"toy", "words-0123456789abcdef.txt"}
    races.stop(long)


def test_watching_keeps_a_run_going(races, monkeypatch):
    monkeypatch.setattr(module, "WATCH_EVERY", 0.1)
    race = races.start(toy_config(steps=LONG))
    race.seen -= module.UNWATCHED_SECONDS - 1
    assert races.find(race.name) is race
    wait_for(lambda: race.state == "running")
    assert not race.control.stopping


def test_who_watches_a_run_that_waits_watches_those_before_it(races):
    first, second, third = (races.start(toy_config(steps=LONG)) for _ in range(3))
    before = first.seen, second.seen, third.seen
    assert races.find(second.name) is second
    assert first.seen > before[0]
    assert second.seen > before[1]
    assert third.seen == before[2]


def test_the_steps_of_a_run_may_be_read_while_others_come_in():
    race = Race(Path("one"), toy_config())
    steps = [fabricated_step(loss) for loss in ("forward_kl", "reverse_kl")]
    race.take(steps[0])
    read = iter(race.latest.values())
    race.take(steps[1])
    assert list(read) == steps[:1]
    assert list(race.latest.values()) == steps


def test_a_run_is_not_called_running_before_its_first_step_is_there():
    seen = []

    class Watched(Race):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            seen.append((self.__dict__.get("state"), len(self.__dict__.get("latest", ()))))

    Watched(Path("one"), toy_config()).take(fabricated_step("akl"))
    assert ("running", 1) in seen
    assert ("running", 0) not in seen


def test_a_deleted_run_is_forgotten_and_others_can_see_that(races):
    race = races.start(toy_config(steps=LONG))
    before = races.changes(race.name)
    with pytest.raises(InvalidInput, match="stop it first"):
        races.delete(race.name)
    wait_for(lambda: race.latest)
    races.stop(race, module.UNWATCHED)
    wait_for(lambda: not race.active)
    assert races.known(race.name)
    assert races.changes(race.name) == before
    races.delete(race.name)
    assert races.changes(race.name) > before
    assert not races.known(race.name)
    assert races.ended(race.name) is None


def test_others_can_see_that_a_run_is_resumed(races):
    race = races.start(toy_config(steps=LONG, checkpoint_every=1))
    wait_for(lambda: race.latest and min(one.step for one in race.latest.values()) >= 1)
    races.stop(race)
    wait_for(lambda: not race.active)
    before = races.changes(race.name)
    races.resume(race.name)
    assert races.changes(race.name) > before


def test_a_run_without_a_folder_is_known_by_why(races):
    first, second = (races.start(toy_config(steps=LONG)) for _ in range(2))
    assert races.known(second.name)
    races.stop(second)
    assert races.known(second.name)
    races.stop(first)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".uploads", "nothing", "x" * 5_000, "\0"])
def test_a_name_that_is_no_run_here_is_refused(races, name):
    assert not races.known(name)
    for ask in (races.run, races.resume, races.delete):
        with pytest.raises(InvalidInput, match="There is no run"):
            ask(name)


def test_a_mistake_becomes_the_message_of_the_run(races):
    race = races.start(toy_config(losses=("no_such_loss",)))
    wait_for(lambda: not race.active)
    assert "no_such_loss" in race.message


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be made"):
        RaceService(tmp_path / "file" / "runs").start(toy_config())
