"""The estimate follows what a run does; how long a machine takes is for the page to say, not for a test."""

from dataclasses import replace

from akl_viz.distill import DataConfig, DistillConfig
from akl_viz.distill.estimate import Sizes, estimate, machine_flops

SIZES = Sizes(4_000_000, 600_000, 4096)
FLOPS = 1e10


def test_more_work_is_estimated_to_take_longer():
    base = DistillConfig()
    plain = estimate(base, SIZES, FLOPS)
    for more in (
        replace(base, steps=80),
        replace(base, losses=(*base.losses, "tvd")),
        replace(base, data=DataConfig(rows=4)),
        replace(base, data=DataConfig(source="student")),
    ):
        assert estimate(more, SIZES, FLOPS).seconds > plain.seconds
    assert estimate(base, SIZES, 2 * FLOPS).seconds < plain.seconds


def test_an_optimiser_without_state_needs_less_memory():
    base = DistillConfig()
    bare = replace(base, optimiser=replace(base.optimiser, name="sgd"))
    assert estimate(bare, SIZES, FLOPS).bytes < estimate(base, SIZES, FLOPS).bytes


def test_the_machine_has_a_speed():
    assert machine_flops() > 0
