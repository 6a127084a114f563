"""What a person chose on the page: checked, packed for an address, read from one, and as a command.

Values from an address are untrusted: each is checked, and one that is not valid is left at its default.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from akl_viz.errors import InvalidInput
from akl_viz.figures.theme import DIVERGENCE_COLOURS
from akl_viz.toys import LowRankConfig, lowrank_config
from akl_viz.ui.address import Many, Readers, fields_of, invalid, known_loss, word
from akl_viz.ui.limits import Limit

STORED, OWN = "stored", "own"
RANKS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Ranks offered: up to the number of contexts, where the student is free."""
MOST_SEEDS, MOST_STEPS, MOST_LOSSES = 20, 3_000, 6
LAST_SEED = 10_000
"""Largest first seed offered."""
LIMITS: dict[str, Limit[int]] = {
    "seeds": Limit("The number of seeds", 1, MOST_SEEDS),
    "first_seed": Limit("The first seed", 0, LAST_SEED),
    "steps": Limit("The number of Adam steps", 1, MOST_STEPS),
}
"""Choice -> what a box or an address may hold."""
_BETWEEN, _EVERY = ";", "every"
_RANKS = {str(rank): rank for rank in RANKS}


@dataclass(frozen=True)
class Wanted:
    """One view of the page: the stored result, or a run of one's own."""

    source: str = STORED
    losses: tuple[str, ...] = ("forward_kl", "reverse_kl", "akl")
    ranks: tuple[int, ...] = (2, 8, 32)
    seeds: int = 3
    first_seed: int = 0
    steps: int = 600
    rank: int = 2
    """The rank that is told seed by seed."""
    every: bool = False
    """Whether every seed is drawn as a point."""

    def config(self) -> LowRankConfig:
        """The run. Raises InvalidInput where it cannot be one."""
        for name, limit in LIMITS.items():
            limit.check(getattr(self, name))
        if len(self.losses) > MOST_LOSSES:
            raise InvalidInput(f"Choose at most {MOST_LOSSES} losses, not {len(self.losses)}.")
        return lowrank_config(
            losses=self.losses,
            ranks=tuple(sorted(self.ranks)),
            seeds=self.seeds,
            first_seed=self.first_seed,
            steps=self.steps,
        )


def from_address(query: Mapping[str, str]) -> Wanted:
    """The view of an address; whatever is not valid is left at its default."""
    found = Wanted(**fields_of(_READERS, query))
    return found if "rank" in query else replace(found, rank=_first(found))


def unusable(query: Mapping[str, str]) -> list[str]:
    """The parameters of an address that `from_address` leaves at their defaults."""
    return invalid(_READERS, query)


def to_address(wanted: Wanted) -> dict[str, str | None]:
    """The parameters `from_address` reads as this view; None where a part is at its default or has no say."""
    default, own = Wanted(), wanted.source == OWN
    parts: dict[str, tuple[object, object, str]] = {
        "losses": (wanted.losses, default.losses, _BETWEEN.join(wanted.losses)),
        "ranks": (wanted.ranks, default.ranks, ".".join(map(str, wanted.ranks))),
        "seeds": (wanted.seeds, default.seeds, str(wanted.seeds)),
        "first": (wanted.first_seed, default.first_seed, str(wanted.first_seed)),
        "steps": (wanted.steps, default.steps, str(wanted.steps)),
    }
    found: dict[str, str | None] = {"result": OWN if own else None}
    found["rank"] = None if wanted.rank == _first(wanted) else str(wanted.rank)
    found["points"] = _EVERY if wanted.every else None
    return found | {name: text if own and value != usual else None for name, (value, usual, text) in parts.items()}


def command(config: LowRankConfig | None) -> str:
    """`akl-viz toy lowrank ...` that prints the shown numbers; None stands for the stored result."""
    words = ["akl-viz", "toy", "lowrank"]
    if config is None:
        return shlex.join([*words, "--stored", "--json"])
    words += ["--ranks", ",".join(map(str, config.ranks))]
    words += ["--seeds", str(config.seeds), "--first-seed", str(config.first_seed), "--steps", str(config.steps)]
    for loss in config.losses:
        words += ["--loss", loss]
    return shlex.join([*words, "--json"])


def loss_names() -> tuple[str, ...]:
    """Losses offered in the menu; any other specification may be typed."""
    return tuple(DIVERGENCE_COLOURS)


def _loss(text: str) -> str | None:
    """A loss the table has; whether it takes the parameters is found when it runs."""
    spec = known_loss(text)
    return None if spec is None else str(spec)


def _first(wanted: Wanted) -> int:
    """The rank that is told of until another one is chosen; the stored result has the default's and more."""
    return min(wanted.ranks, default=Wanted.rank) if wanted.source == OWN else Wanted.rank


_READERS: Readers = {
    "result": ("source", word((STORED, OWN))),
    "losses": ("losses", Many(_loss, _BETWEEN, MOST_LOSSES)),
    "ranks": ("ranks", Many(_RANKS.get, ".", len(RANKS))),
    "rank": ("rank", _RANKS.get),
    "points": ("every", {_EVERY: True}.get),
    "seeds": ("seeds", LIMITS["seeds"].read),
    "first": ("first_seed", LIMITS["first_seed"].read),
    "steps": ("steps", LIMITS["steps"].read),
}
