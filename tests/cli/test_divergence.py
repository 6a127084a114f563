"""`akl-viz divergence`: the numbers of the page, from the shell."""

import json

import pytest

from akl_viz.analysis.small_vocabulary import compare
from akl_viz.cli.numbers import numbers_of, points_of
from akl_viz.divergences import DIVERGENCES
from akl_viz.errors import InvalidInput
from akl_viz.records import Settings

BARS = ("--teacher", "0.5,0.3,0.2", "--student", "0.2,0.3,0.5")


def test_json_holds_every_divergence_at_full_precision(run):
    told = run(
        "divergence", *BARS, "--mu", "0.6", "--boundary", "reach", "--temperature", "2", "--target", "1", "--json"
    )
    document = json.loads(told.out)
    found = compare((0.5, 0.3, 0.2), (0.2, 0.3, 0.5), Settings(0.6, "reach", 2.0), target=1)
    assert (told.code, told.err, document["schema"], document["target"]) == (0, "", 1, 1)
    assert [row["loss"] for row in document["losses"]] == list(DIVERGENCES)
    for row, expected in zip(document["losses"], found.losses, strict=True):
        assert row["value"] == expected.value
        assert row["terms"] == expected.terms.tolist()
        assert row["step"] == expected.step.tolist()
    assert document["heads"]["reach"]["tokens"] == found.heads["reach"].mask.nonzero()[0].tolist()


def test_chosen_losses_only_with_their_parameters(run):
    told = run("divergence", *BARS, "--loss", "jsd:beta=0.2", "--loss", "akl:direction=reversed", "--json")
    losses = json.loads(told.out)["losses"]
    assert [row["loss"] for row in losses] == ["jsd:beta=0.2", "akl:direction=reversed"]
    assert losses[0]["params"]["beta"] == 0.2
    assert losses[1]["params"]["direction"] == "reversed"


def test_without_json_one_line_per_divergence_and_rule(run):
    lines = run("divergence", *BARS).out.splitlines()
    assert [line.split()[0] for line in lines[: len(DIVERGENCES)]] == list(DIVERGENCES)
    assert [line.split(":")[0] for line in lines[len(DIVERGENCES) :]] == ["head (below)", "head (reach)"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--teacher", "0.5,x", "--student", "0.5,0.5"), "--teacher holds 'x', which is no number"),
        (("--teacher", "0.5,0.5", "--student", ""), "--student holds ''"),
        (("--teacher", "0.5,0.5", "--student", "1,2,3"), "give as many"),
        ((*BARS, "--loss", "akl:"), "is not of the form"),
        ((*BARS, "--loss", "nope"), "There is no divergence 'nope'"),
        ((*BARS, "--loss", "jsd:gamma=1"), "jsd does not know gamma"),
        ((*BARS, "--target", "7"), "from 0 to 2, not 7"),
        ((*BARS, "--mu", "2"), "between 0 and 1"),
        (("--teacher", "0.5,0.5"), "required: --student"),
    ],
)
def test_a_mistake_is_one_line(run, argv, said):
    told = run("divergence", *argv)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert told.err.count("\n") == 1


def test_numbers_may_have_spaces_and_exponents():
    assert numbers_of("0.5, 1e-3,2", "--teacher") == (0.5, 0.001, 2.0)
    with pytest.raises(InvalidInput, match="--student holds 'two', which is no number"):
        numbers_of("1,two", "--student")


def test_points_have_a_coordinate_between_colons():
    assert points_of("1:2, 3:-4", "--means") == ((1.0, 2.0), (3.0, -4.0))
    assert points_of("1,2", "--means") == ((1.0,), (2.0,))
    with pytest.raises(InvalidInput, match="--means holds '', which is no number"):
        points_of("1:,2", "--means")
