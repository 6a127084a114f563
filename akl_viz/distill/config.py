"""What a distillation run is: frozen, checked, and written to JSON and back without loss. Loads no torch."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import LossSpec
from akl_viz.records import Settings

Source = Literal["text", "teacher", "student"]
SOURCES: tuple[Source, ...] = get_args(Source)
Responses = Literal["all", "last"]
RESPONSES: tuple[Responses, ...] = get_args(Responses)
OPTIMISERS = ("adamw", "adam", "sgd")
SCHEDULES = ("constant", "cosine", "linear")
PRECISIONS = ("auto", "float32", "bfloat16")
BUNDLED_TEXT = "bundled"
TOY_TEXT = "toy"


def _within(
    owner: object, name: str, lower: float, upper: float = math.inf, *, whole: bool = False, above: bool = False
) -> None:
    """Refuse a number outside its interval, or of the wrong kind."""
    value = getattr(owner, name)
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if whole:
        number = number and isinstance(value, int)
    if number and (lower < value if above else lower <= value) and value <= upper:
        return
    kind = "a whole number" if whole else "a number"
    start = f"above {lower:g}" if above else f"of at least {lower:g}"
    end = "" if upper == math.inf else f" and at most {upper:g}"
    raise InvalidInput(f"{name} must be {kind} {start}{end}, not {value!r}.")


def _one_of(owner: object, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices."""
    value = getattr(owner, name)
    if value not in choices:
        raise InvalidInput(f"{name} must be one of {', '.join(choices)}, not {value!r}.")


@dataclass(frozen=True)
class DataConfig:
    """Which sequences the student learns on, and how many at a time."""

    text: str = BUNDLED_TEXT
    """"bundled" (the six novels), "toy" (a synthetic language), or a .txt, .jsonl, .csv or .parquet file."""
    source: Source = "text"
    """Where sequences come from: the text itself, the teacher's samples (SeqKD), the student's own (on-policy)."""
    column: str = ""
    """Column with the text, or with the prompt where `response` names one; empty: found by its usual names."""
    response: str = ""
    """Column with the response; empty: found by its usual names, or none."""
    chat: bool = False
    """Whether prompt and response are put into the tokenizer's chat template."""
    response_only: bool = False
    """Whether the loss counts only on the response."""
    responses: Responses = "all"
    """Which messages of the assistant are responses in a chat of several turns: all, or the last one."""
    window: int = 256
    """Tokens per sequence, at most."""
    rows: int = 1
    """Sequences per step and micro-batch, over all processes together."""
    accumulate: int = 1
    """Micro-batches per optimiser step."""
    limit: int = 0
    """Number of different sequences, after which they repeat in another order; 0 for all there are."""
    prompt_tokens: int = 32
    """Leading tokens of a sequence that a sampled continuation starts from."""
    sample_temperature: float = 1.0
    """Temperature of the samples of teacher or student."""
    teacher_temperature: float = 1.0
    """The teacher's logits are divided by it while training (a noisy teacher); probes use the teacher as it is."""
    label_noise: float = 0.0
    """Share of positions at which the teacher's row is shifted to wrong tokens while training."""

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        _one_of(self, "source", SOURCES)
        _one_of(self, "responses", RESPONSES)
        for name, lower in (("window", 2), ("rows", 1), ("accumulate", 1), ("limit", 0), ("prompt_tokens", 1)):
            _within(self, name, lower, 1_000_000, whole=True)
        for name in ("sample_temperature", "teacher_temperature"):
            _within(self, name, 0.01, 100.0)
        _within(self, "label_noise", 0.0, 1.0)
        if not isinstance(self.text, str) or not self.text.strip():
            raise InvalidInput("The text is not named: give bundled, toy, or a .txt, .jsonl, .csv or .parquet file.")
        if self.source != "text" and self.prompt_tokens >= self.window:
            raise InvalidInput(
                f"prompt_tokens ({self.prompt_tokens}) must be smaller than window ({self.window}): "
                "a sample continues the prompt within the window."
            )


@dataclass(frozen=True)
class OptimiserConfig:
    """How the student's weights move; the defaults are the recipe of the bundled students."""

    name: str = "adamw"
    lr: float = 2e-3
    schedule: str = "constant"
    """Of the learning rate after the warm-up: constant, cosine or linear down to `floor`."""
    warmup: int = 0
    """Steps over which the learning rate rises from 0 in a line."""
    floor: float = 0.0
    """Share of lr at which cosine and linear end."""
    weight_decay: float = 0.1
    """On matrices only."""
    beta1: float = 0.9
    beta2: float = 0.95
    momentum: float = 0.0
    """Of sgd."""
    clip: float = 0.0
    """Largest norm of the gradient; 0 for no clipping, which treats the losses alike."""

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        _one_of(self, "name", OPTIMISERS)
        _one_of(self, "schedule", SCHEDULES)
        _within(self, "lr", 0.0, above=True)
        _within(self, "warmup", 0, whole=True)
        _within(self, "weight_decay", 0.0)
        _within(self, "clip", 0.0)
        for name in ("floor", "beta1", "beta2", "momentum"):
            _within(self, name, 0.0, 1.0)
        if 1.0 in (self.beta1, self.beta2, self.momentum):
            raise InvalidInput("beta1, beta2 and momentum must be below 1.")


@dataclass(frozen=True)
class ProbeConfig:
    """What is measured along the way, and where."""

    every: int = 0
    """Steps between probes; 0 for 0, 1, 2, 5, 10, 20, 40, 80, ... and the last step."""
    windows: int = 8
    """Held-out sequences that are measured."""
    mu: float = 0.5
    boundary: Literal["below", "reach"] = "below"
    watched: tuple[int, ...] = (15, 40, 63, 96, 127, 160, 191, 224)
    """Positions of the first held-out sequence whose whole distributions are kept."""
    prompts: tuple[str, ...] = ()
    """Texts the samples continue; empty for the beginnings of the first held-out sequences."""
    samples: int = 3
    """Number of such beginnings where no prompts are given; 0 for no samples."""
    sample_tokens: int = 24

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        object.__setattr__(self, "watched", tuple(self.watched))
        object.__setattr__(self, "prompts", tuple(self.prompts))
        _within(self, "every", 0, whole=True)
        _within(self, "windows", 1, 10_000, whole=True)
        _within(self, "samples", 0, 16, whole=True)
        _within(self, "sample_tokens", 1, 512, whole=True)
        Settings(self.mu, self.boundary)
        if len(self.watched) > 64 or not all(isinstance(place, int) and place >= 0 for place in self.watched):
            raise InvalidInput("watched must list at most 64 positions, each a whole number of at least 0.")
        if len(self.prompts) > 16 or not all(isinstance(text, str) and text for text in self.prompts):
            raise InvalidInput("prompts must list at most 16 texts, none of them empty.")

    def steps(self, last: int) -> tuple[int, ...]:
        """The steps that are measured in a run of `last` steps, in order."""
        if self.every:
            return tuple(sorted({*range(0, last + 1, self.every), last}))
        found = {0, 1, 2, 5, last}
        step = 10
        while step < last:
            found.add(step)
            step *= 2
        return tuple(sorted(step for step in found if step <= last))


@dataclass(frozen=True)
class DistillConfig:
    """One run: a teacher, one start, several losses from that start on the same sequences in the same order."""

    teacher: str = "bundled:teacher"
    student: str = "bundled:start"
    losses: tuple[str, ...] = ("forward_kl", "reverse_kl", "akl")
    """Loss specifications, KEY or KEY:NAME=VALUE,...; written in one canonical way once checked."""
    steps: int = 40
    seed: int = 0
    kd_ratio: float = 1.0
    """Share of the divergence in the loss; the rest is the language-model loss on the text."""
    temperature: float = 1.0
    """Both models' logits are divided by it inside the divergence."""
    data: DataConfig = field(default_factory=DataConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    checkpoint_every: int = 20
    """Steps between checkpoints; the last step and a stop always write one; 0 for those alone."""
    keep: int = 0
    """Checkpoints kept per loss, the newest ones; 0 for all."""
    lora_rank: int = 0
    """Rank of a LoRA adapter that is trained instead of all weights; 0 for all weights. Needs peft."""
    lora_alpha: float = 16.0
    dropout: bool = False
    """Whether the student's dropout is on while training."""
    device: str = "auto"
    precision: str = "auto"
    """float32, or bfloat16 arithmetic on float32 weights; auto: bfloat16 on a GPU that has it."""
    cache_mb: int = 256
    """Memory for the teacher's logits of sequences that come again."""

    def __post_init__(self) -> None:
        """Refuse values outside their range, and write the losses in their canonical form."""
        given: object = self.losses
        if isinstance(given, str) or not given:
            raise InvalidInput("A run needs at least one loss: name one, for example forward_kl.")
        object.__setattr__(self, "losses", tuple(str(LossSpec.parse(str(loss))) for loss in self.losses))
        folders = [loss_folder(loss) for loss in self.losses]
        repeated = sorted({loss for loss, place in zip(self.losses, folders, strict=True) if folders.count(place) > 1})
        if repeated:
            raise InvalidInput(f"The loss {repeated[0]} is listed twice: list each loss once.")
        for name in ("teacher", "student", "device"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise InvalidInput(f"The {name} is not named: give it.")
        _one_of(self, "precision", PRECISIONS)
        _within(self, "steps", 1, 10_000_000, whole=True)
        _within(self, "seed", 0, 2**63 - 1, whole=True)
        _within(self, "kd_ratio", 0.0, 1.0)
        Settings(temperature=self.temperature)
        for name in ("checkpoint_every", "keep", "lora_rank", "cache_mb"):
            _within(self, name, 0, 1_000_000, whole=True)
        _within(self, "lora_alpha", 0.0, above=True)

    @property
    def probe_steps(self) -> tuple[int, ...]:
        """The steps at which every student is measured."""
        return self.probe.steps(self.steps)

    def to_json(self) -> dict[str, Any]:
        """The configuration as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> DistillConfig:
        """The configuration `to_json` wrote.

        Raises:
            InvalidInput: not an object of known fields, or a value outside its range.
        """
        sections = {"data": DataConfig, "optimiser": OptimiserConfig, "probe": ProbeConfig}
        given = dict(_known(cls, "the configuration", value))
        if isinstance(given.get("data"), Mapping) and given["data"]:
            # Runs from before there was a choice learnt on the last response of a chat, and go on so.
            given["data"] = {"responses": "last", **given["data"]}
        for name, section in sections.items():
            if name in given:
                given[name] = _built(section, name, given[name])
        if not isinstance(given.get("losses", ()), list | tuple):
            raise InvalidInput("losses must be a list of loss specifications.")
        built: DistillConfig = _built(cls, "the configuration", given)
        return built


def loss_folder(loss: str) -> str:
    """The name a loss has on disk: its specification with every other sign than a-z, 0-9, dot and _ as a dash."""
    return re.sub(r"[^a-z0-9._]", "-", loss)


def _known(kind: type, name: str, value: Any) -> Mapping[str, Any]:
    """The value, if it is an object whose keys are all fields."""
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} must be an object of settings.")
    unknown = sorted(set(map(str, value)) - {each.name for each in fields(kind)})
    if unknown:
        raise InvalidInput(f"{name} has no setting {unknown[0]!r}: remove it.")
    return value


def _built(kind: type, name: str, value: Any) -> Any:
    """A section from its JSON object."""
    try:
        return kind(**_known(kind, name, value))
    except (TypeError, OverflowError) as error:
        # JSON's whole numbers may be too long for a float.
        raise InvalidInput(f"{name} holds a value of the wrong kind: write it as the program does.") from error
