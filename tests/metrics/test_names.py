"""What a loss is called, in one place for sentences and legends."""

import pytest

from akl_viz.divergences import DIVERGENCES
from akl_viz.metrics import METRICS, loss_name


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("forward_kl", "KL(T‖S)"),
        ("reverse_kl", "KL(S‖T)"),
        ("jsd", "JSD"),
        ("tvd", "TVD"),
        ("akl", "AKL"),
        ("akl:direction=reversed", "reversed AKL"),
        ("akl:mu=0.6", "akl:mu=0.6"),
        ("hellinger", "hellinger"),
    ],
)
def test_a_loss_has_its_shortest_name_and_parameters_are_not_hidden(loss, name):
    assert loss_name(loss) == name


def test_no_two_divergences_have_one_name():
    assert len({loss_name(key) for key in DIVERGENCES}) == len(DIVERGENCES)


@pytest.mark.parametrize("key", sorted(set(METRICS) & set(DIVERGENCES)))
def test_a_metric_that_is_a_divergence_has_its_unit(key):
    assert METRICS[key].unit == DIVERGENCES[key].unit
