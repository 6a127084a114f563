"""What a person chose on the page: plain values, packed for an address, read from one, and as an experiment.

Values from an address are untrusted: each is checked by itself, and one that is not valid is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import LossSpec, typed_number
from akl_viz.records import BOUNDARIES, Boundary
from akl_viz.toys import (
    OPTIMISERS,
    STARTS,
    TAILS,
    TARGETS,
    DiscreteConfig,
    Optimiser,
    Start,
    discrete_config,
    own_target,
)
from akl_viz.ui.address import Many, known_loss, takes_all, word
from akl_viz.ui.limits import Limit

OWN = "own"
ZIPF_SHARE = 0.8
"""Share of a gap that a warmed-up student's losses get below within the preset's steps; the half takes them longer."""
PRESETS = (*TARGETS, OWN)
MOST_LOSSES = 8
MOST_STEPS = 5_000
MOST_SEEDS = 100
MOST_TOKENS = 2_000
LAST_SEED = 2**31 - 1
MOST_TEXT = 4_000
"""Characters of a typed target: it must fit an address."""
MOST_WORK = 2e9
"""Token updates of an experiment: about two minutes on one core. The command takes ten times as many."""
MOST_RECORDED = 1_000
"""Steps kept of a run: longer ones keep every second, third, ... step."""
OWN_TARGET = "0.4 0.25 0.15 0.08 0.05 0.03 0.02 0.01 0.006 0.004"
BETWEEN = ";"
"""Between the losses of an address: no loss contains it."""


@dataclass(frozen=True)
class Choices:
    """One view of the page, in values that widgets hold."""

    preset: str
    target: str
    """Probabilities of an own teacher, typed."""
    tokens: int
    losses: tuple[str, ...]
    optimiser: str
    lr: float
    start: str
    noise: float
    depth: float
    steps: int
    seeds: int
    first_seed: int
    seed: int
    """The seed that animation and table show."""
    mu: float
    boundary: Boundary
    tail: str
    far_from: int
    """First token of the far region; 0 for the default of the vocabulary."""
    bottom: int
    share: float
    """Share of a gap that a loss must get below to be first."""


def defaults(preset: str) -> Choices:
    """What the page shows when a preset is chosen."""
    base = discrete_config(preset, target=numbers_of(OWN_TARGET) if preset == OWN else None)
    optimiser, start = base.optimisers[0], base.start
    return Choices(
        preset=preset,
        target=OWN_TARGET,
        tokens=base.tokens,
        losses=base.losses,
        optimiser=optimiser.name,
        lr=optimiser.lr,
        start=start.kind,
        noise=start.noise,
        depth=start.depth,
        steps=base.steps,
        seeds=base.seeds,
        first_seed=base.first_seed,
        seed=base.first_seed,
        mu=base.mu,
        boundary=base.boundary,
        tail=base.tail,
        far_from=0,
        bottom=base.bottom if preset != OWN else 3,
        share=ZIPF_SHARE if preset == "zipf" else 0.5,
    )


DEFAULT = defaults(PRESETS[0])


def check(choices: Choices) -> None:
    """Refuse numbers that the page does not take; one that has no say is not looked at.

    Raises:
        InvalidInput: one is out of range.
    """
    has_say = {
        "noise": choices.start == "warm",
        "depth": choices.start == "missing-mode",
        "tokens": choices.preset == "zipf",
        "far_from": choices.tail == "far",
        "bottom": choices.tail == "bottom",
    }
    for name, limit in LIMITS.items():
        if has_say.get(name, True):
            limit.check(getattr(choices, name))
    last = choices.first_seed + choices.seeds - 1
    Limit("The seed of the animation", choices.first_seed, last).check(choices.seed)


def config_of(choices: Choices) -> DiscreteConfig:
    """The experiment.

    Raises:
        InvalidInput: a value out of range, or a typed target that is no list of probabilities.
    """
    if len(choices.losses) > MOST_LOSSES:
        raise InvalidInput(f"At most {MOST_LOSSES} losses fit side by side, not {len(choices.losses)}.")
    own = choices.preset == OWN
    if own and len(choices.target) > MOST_TEXT:
        raise InvalidInput(
            f"Your teacher has {len(choices.target):,} characters, and an address at most {MOST_TEXT:,}: "
            "give fewer numbers, or fewer digits."
        )
    target = numbers_of(choices.target) if own else None
    if target is not None and len(target) > MOST_TOKENS:
        raise InvalidInput(f"The target may have at most {MOST_TOKENS:,} probabilities, not {len(target):,}.")
    config = discrete_config(
        choices.preset,
        target=target,
        tokens=choices.tokens if choices.preset == "zipf" else None,
        losses=tuple(str(LossSpec.parse(loss)) for loss in choices.losses),
        optimisers=(Optimiser(choices.optimiser, choices.lr),),
        start=_start(choices),
        steps=choices.steps,
        seeds=choices.seeds,
        first_seed=choices.first_seed,
        mu=choices.mu,
        boundary=choices.boundary,
        tail=choices.tail,
        far_from=(choices.far_from or None) if choices.tail == "far" else None,
        bottom=choices.bottom if choices.tail == "bottom" else None,
        every=every(choices.steps),
        frames=True,
    )
    if config.steps * config.runs * len(config.teacher()) > MOST_WORK:
        raise InvalidInput(
            "That is more than a page computes: take fewer steps, seeds, losses or tokens, or use the command."
        )
    return config


def _start(choices: Choices) -> Start:
    """The start; a number that has no say in it stays at its default."""
    if choices.start == "warm":
        return Start("warm", noise=choices.noise)
    return Start("missing-mode", depth=choices.depth) if choices.start == "missing-mode" else Start(choices.start)


def within(seed: int, first: int, count: int) -> int:
    """The seed, or the nearest one of `count` seeds from `first` on."""
    return min(max(seed, first), first + count - 1)


def every(steps: int) -> int:
    """Record every so many steps: all of them up to MOST_RECORDED."""
    return -(-steps // MOST_RECORDED)


def numbers_of(text: str) -> tuple[float, ...]:
    """The numbers of a typed list, separated by spaces, commas, semicolons or lines.

    Raises:
        InvalidInput: a part is no number, or there is nothing.
    """
    parts = text.replace(",", " ").replace(";", " ").split()
    found = []
    for part in parts:
        try:
            found.append(typed_number(part))
        except ValueError:
            raise InvalidInput(f"{part[:40]!r} is not a number: type probabilities such as 0.5 0.3 0.2.") from None
    if not found:
        raise InvalidInput("Type the probabilities of your teacher, such as 0.5 0.3 0.2.")
    return tuple(found)


def from_address(query: Mapping[str, str]) -> Choices:
    """The choices of an address; whatever is not valid is left at the preset's default."""
    preset = query.get("preset")
    choices = defaults(preset if preset in PRESETS else DEFAULT.preset)
    read = {name: reader(query[name]) for name, reader in _READERS.items() if name in query}
    found = {name: value for name, value in read.items() if value is not None}
    # Together where they fit together; else one by one, so that one that does not fit costs no other.
    for changes in (found, *({name: value} for name, value in found.items())):
        changed = replace(choices, **changes)
        with suppress(InvalidInput):
            config_of(changed)
            choices = changed
            if changes is found:
                break
    seed = choices.seed if "seed" in found else choices.first_seed
    return replace(choices, seed=within(seed, choices.first_seed, choices.seeds))


def unusable(query: Mapping[str, str]) -> list[str]:
    """The parameters of an address that `from_address` leaves out or changes."""
    taken = from_address(query)
    known = {"preset": word(PRESETS)} | _READERS
    given = {name: (read, query[name]) for name, read in known.items() if name in query}
    return [
        name for name, (read, text) in given.items() if read(text) != getattr(taken, name) or not takes_all(read, text)
    ]


def to_address(choices: Choices) -> dict[str, str | None]:
    """The parameters `from_address` reads as these choices; None where one is at the preset's default."""
    base = replace(defaults(choices.preset), seed=choices.first_seed)
    found: dict[str, str | None] = {"preset": choices.preset if choices.preset != DEFAULT.preset else None}
    for name in (field.name for field in fields(Choices) if field.name != "preset"):
        value = getattr(choices, name)
        text = BETWEEN.join(value) if isinstance(value, tuple) else str(value)
        found[name] = text if value != getattr(base, name) else None
    return found


def _typed(text: str) -> str | None:
    with suppress(InvalidInput):
        return text if len(text) <= MOST_TEXT and own_target(numbers_of(text)).size else None
    return None


def _loss(text: str) -> str | None:
    return text.strip() if known_loss(text.strip()) else None


LIMITS: dict[str, Limit[Any]] = {
    "lr": Limit("The learning rate", 1e-6, 1e3),
    "noise": Limit("The noise of a warmed-up start", 0.0, 100.0),
    "depth": Limit("The depth of a missing mode", 0.0, 500.0),
    "steps": Limit("The number of steps", 1, MOST_STEPS),
    "tokens": Limit("The number of tokens", 2, MOST_TOKENS),
    "seeds": Limit("The number of seeds", 1, MOST_SEEDS),
    "first_seed": Limit("The first seed", 0, LAST_SEED),
    "share": Limit("The share of a gap to get below", 0.01, 0.99),
    "mu": Limit("The mass of the head", 0.05, 0.95),
    "far_from": Limit("The first far token", 0, MOST_TOKENS),
    "bottom": Limit("k, the number of tokens in the tail,", 1, MOST_TOKENS),
}
"""Choice -> what a box or an address may hold; which seeds can be drawn depends on the others."""

_READERS: dict[str, Callable[[str], Any]] = {
    "target": _typed,
    "losses": Many(_loss, BETWEEN, MOST_LOSSES),
    "optimiser": word(OPTIMISERS),
    "start": word(STARTS),
    "seed": LIMITS["first_seed"].read,
    "boundary": word(BOUNDARIES),
    "tail": word(TAILS),
    **{name: limit.read for name, limit in LIMITS.items()},
}
"""Parameter of an address -> its value, or None where it is not valid; what others must fit comes first."""
