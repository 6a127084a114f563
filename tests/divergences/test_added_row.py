"""A divergence that somebody adds is one row of the table: every command, loss and comparison takes its key."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from akl_viz.analysis.small_vocabulary import compare
from akl_viz.cli import main
from akl_viz.distill.config import DistillConfig
from akl_viz.distill.starting import check_losses
from akl_viz.divergences import DIVERGENCES, Param, distillation_loss, linear_distillation_loss
from akl_viz.divergences.pair import Pair
from akl_viz.loss_spec import LossSpec
from akl_viz.toys import discrete_config, run_discrete
from tests.tolerances import ORACLE

KEY = "scaled_tvd"


def scaled(pair: Pair, by: float) -> tuple[torch.Tensor, torch.Tensor]:
    value, gradient = DIVERGENCES["tvd"].value_and_grad(pair)
    return by * value, by * gradient


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(
        DIVERGENCES["tvd"],
        key=KEY,
        values=lambda pair, by: scaled(pair, by)[0],
        values_and_gradients=scaled,
        terms=lambda pair, by: by * DIVERGENCES["tvd"].term_values(pair),
        params=(Param("by", 2.0, "what the total variation is multiplied by", upper=10.0),),
        upper=lambda by: by,
    )
    monkeypatch.setitem(DIVERGENCES, KEY, row)


def rows(seed: int) -> torch.Tensor:
    return torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_both_forms_of_the_training_loss_take_it():
    teacher, student = rows(0), rows(1).requires_grad_()
    loss = distillation_loss(KEY, teacher, student, by=3.0)
    torch.testing.assert_close(loss, 3.0 * distillation_loss("tvd", teacher, student), **ORACLE)
    matrix = torch.eye(7, dtype=torch.float64)
    fused = linear_distillation_loss(KEY, teacher, matrix, student, matrix, by=3.0)
    torch.testing.assert_close(fused, loss, **ORACLE)


def test_a_comparison_and_its_command_take_it(capsys: pytest.CaptureFixture[str]):
    (row,) = compare((0.5, 0.3, 0.2), (0.2, 0.3, 0.5), losses=[LossSpec.parse(f"{KEY}:by=4")]).losses
    assert row.value == pytest.approx(4 * 0.3)
    assert main(["divergence", "--teacher", "0.5,0.3,0.2", "--student", "0.2,0.3,0.5", "--json"]) == 0
    printed = {one["key"]: one["value"] for one in json.loads(capsys.readouterr().out)["losses"]}
    assert printed[KEY] == pytest.approx(2 * printed["tvd"])


def test_toys_and_distillation_take_it():
    runs = run_discrete(discrete_config("paper-longtail", losses=(KEY,), steps=2))
    assert runs.config.losses == (KEY,)
    check_losses(DistillConfig(losses=(f"{KEY}:by=4",)))
