"""Which losses a run may begin with."""

import dataclasses

import pytest

from akl_viz.distill import distill, open_run, starting
from akl_viz.errors import InvalidInput
from tests.distill.conftest import run, toy


@pytest.mark.parametrize("others", [("akl:mu=0.5",), ("forward_kl", "akl:boundary=below,mu=0.5")])
def test_a_loss_written_with_its_defaults_is_the_same_loss(others, tmp_path, monkeypatch):
    config = toy(losses=("akl", *others))
    with pytest.raises(InvalidInput, match=f"The loss akl is listed twice, also as {others[-1]}: list each loss once"):
        distill(config, tmp_path / "run")
    # A run that began with both, before they were told to be one, goes on.
    with monkeypatch.context() as before:
        before.setattr(starting, "check_losses", lambda *_, **__: None)
        run(config, tmp_path / "run")
    list(distill(dataclasses.replace(config, steps=config.steps + 1), tmp_path / "run", resume=True))
    assert open_run(tmp_path / "run").status == "finished"


def test_unknown_losses_and_parameters_are_refused_at_once(tmp_path):
    with pytest.raises(InvalidInput, match="There is no divergence 'kll'"):
        distill(toy(losses=("kll",)), tmp_path / "run")
    with pytest.raises(InvalidInput, match="mu must be"):
        distill(toy(losses=("akl:mu=2",)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
