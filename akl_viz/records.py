"""What travels between layers: plain, frozen, shape-checked data without torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from akl_viz.errors import InvalidInput

Boundary = Literal["below", "reach"]
BOUNDARIES: tuple[Boundary, ...] = get_args(Boundary)
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

TOKEN_FIELDS: tuple[str, ...] = (
    "forward_kl",
    "reverse_kl",
    "jsd",
    "tvd",
    "akl",
    "head_gap",
    "tail_gap",
    "head_size",
    "weight_forward",
    "weight_reverse",
    "teacher_entropy",
    "student_entropy",
    "teacher_logprob",
    "student_logprob",
    "teacher_rank",
    "student_rank",
    "top1_agree",
)
"""The statistics of one scored token, in the order of the JSON (DESIGN: schema 1)."""

WHOLE_FIELDS = frozenset({"head_size", "teacher_rank", "student_rank"})
"""Fields that are whole numbers in JSON and tables."""

FLAG_FIELDS = frozenset({"top1_agree"})
"""Fields that are true or false in JSON and tables."""

GRADIENT_LOSSES: tuple[str, ...] = ("forward_kl", "reverse_kl", "akl")
"""The losses whose logit gradients a trace keeps, by registry key."""

_FORMAT = 1


@dataclass(frozen=True)
class ModelInfo:
    """One loaded model as it is named in records: enough to load the same one again and to tell two apart."""

    reference: str
    architecture: str
    parameters: int
    vocab_size: int
    context: int
    dtype: str
    device: str
    revision: str
    """Hash prefix of the weights, or the hub commit."""
    notes: tuple[str, ...] = ()
    """What is worth saying although nothing is wrong: stored tensors that this kind of model does not use."""

    def __post_init__(self) -> None:
        """Make the notes a tuple again: JSON knows only lists."""
        object.__setattr__(self, "notes", tuple(self.notes))


@dataclass(frozen=True)
class Settings:
    """How a pair is compared: head boundary, head mass and temperature."""

    mu: float = 0.5
    boundary: Boundary = "below"
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values outside their range with a sentence a user can act on."""
        if not 0.0 < self.mu < 1.0:
            raise InvalidInput(f"mu is the head's probability mass and must lie between 0 and 1, not {self.mu:g}.")
        if self.boundary not in BOUNDARIES:
            raise InvalidInput(f"boundary must be one of {', '.join(BOUNDARIES)}, not {self.boundary!r}.")
        if not 0.01 <= self.temperature <= 100.0:
            raise InvalidInput(f"temperature must lie between 0.01 and 100, not {self.temperature:g}.")


@dataclass(frozen=True)
class Cut:
    """Where a text was cut because a model's context ended."""

    tokens_kept: int
    tokens_dropped: int
    character: int
    """Index in the full text of the first character that was not scored."""
    context: int


@dataclass(frozen=True)
class SharedVocabulary:
    """The rows both models score, and what a padded embedding loses by the cut to them."""

    size: int
    teacher_dropped_rows: int = 0
    student_dropped_rows: int = 0
    teacher_dropped_mass: float = 0.0
    """Largest probability mass the teacher gave to dropped rows, over the scored positions, at temperature 1."""
    student_dropped_mass: float = 0.0


@dataclass(frozen=True)
class PositionTable:
    """Per position the tokens worth drawing: arrays of shape (T, K), sorted by teacher probability, descending.

    A row holds the teacher's likeliest tokens, the student's likeliest, the token that stands in the text and
    the tokens most affected by the gradient of each loss. Unused slots have id -1 and zeros.
    """

    ids: IntArray
    """(T, K) token ids, -1 where empty."""
    teacher: FloatArray
    """(T, K) teacher probabilities."""
    student: FloatArray
    """(T, K) student probabilities."""
    forward_terms: FloatArray
    """(T, K) p log(p/q), nats: contributions to KL(T‖S)."""
    reverse_terms: FloatArray
    """(T, K) q log(q/p), nats: contributions to KL(S‖T)."""
    in_head: BoolArray
    """(T, K) whether the token is in the teacher's head."""
    gradients: FloatArray
    """(T, K, 3) d loss / d student logit for GRADIENT_LOSSES, nats per unit of logit."""
    head_mass: FloatArray
    """(T,) teacher probability mass of the whole head."""

    def __post_init__(self) -> None:
        """Check that all arrays describe the same slots."""
        shape = self.ids.shape
        for name in ("teacher", "student", "forward_terms", "reverse_terms", "in_head"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, expected {shape}")
        if self.gradients.shape != (*shape, len(GRADIENT_LOSSES)):
            raise ValueError(f"gradients have shape {self.gradients.shape}, expected {(*shape, len(GRADIENT_LOSSES))}")
        if self.head_mass.shape != shape[:1]:
            raise ValueError(f"head_mass has shape {self.head_mass.shape}, expected {shape[:1]}")


@dataclass(frozen=True)
class TokenTrace:
    """Everything measured about one text under one pair: a row per token, scored or not.

    The value at token t scores the prediction *of* t from its prefix; a token without a prefix is not scored
    and has NaN in every column.
    """

    text: str
    """The scored text; the pieces joined give it back."""
    teacher: ModelInfo
    student: ModelInfo
    settings: Settings
    ids: IntArray
    """(T,) token ids."""
    pieces: tuple[str, ...]
    """(T) the stretch of the text each token stands for; "" for the later bytes of a split character."""
    labels: tuple[str, ...]
    """(T) how each token is shown, with whitespace and partial bytes visible."""
    scored: BoolArray
    """(T,)"""
    columns: dict[str, FloatArray]
    """field -> (T,), NaN where not scored; fields are TOKEN_FIELDS."""
    table: PositionTable
    vocabulary: dict[int, str]
    """id -> label of every token that occurs in the table."""
    shared: SharedVocabulary
    cut: Cut | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    """CPU time of the forward passes ("models") and of the statistics ("analysis")."""
    notes: tuple[str, ...] = ()
    """What is worth saying about how the text was read: it brings its own begin token."""

    def __post_init__(self) -> None:
        """Check that every column has one entry per token and that the pieces rebuild the text."""
        length = len(self.ids)
        sizes = {len(self.pieces), len(self.labels), len(self.scored), len(self.table.ids)}
        if sizes != {length}:
            raise ValueError(f"pieces, labels, scored and table disagree about the length: {sizes} for {length} ids")
        if tuple(self.columns) != TOKEN_FIELDS:
            raise ValueError(f"columns are {tuple(self.columns)}, expected {TOKEN_FIELDS}")
        for name, column in self.columns.items():
            if column.shape != (length,):
                raise ValueError(f"column {name} has shape {column.shape}, expected {(length,)}")

    def __len__(self) -> int:
        """Number of tokens, scored or not."""
        return len(self.ids)

    @property
    def n_scored(self) -> int:
        """Number of scored tokens: the n beside every mean."""
        return int(self.scored.sum())

    def frame(self) -> pd.DataFrame:
        """One row per token: index, id, text, scored and the TOKEN_FIELDS (missing where not scored)."""
        frame = pd.DataFrame({"index": range(len(self)), "id": self.ids})
        frame["text"] = list(self.pieces)
        frame["scored"] = self.scored
        for name, column in self.columns.items():
            frame[name] = _typed(name, column)
        return frame

    def save(self, path: Path) -> None:
        """Write the trace as one .npz file: numeric arrays, and the rest as JSON text inside it (no pickle)."""
        meta = {
            "format": _FORMAT,
            "text": self.text,
            "teacher": asdict(self.teacher),
            "student": asdict(self.student),
            "settings": asdict(self.settings),
            "pieces": self.pieces,
            "labels": self.labels,
            "vocabulary": {str(key): value for key, value in self.vocabulary.items()},
            "shared": asdict(self.shared),
            "cut": asdict(self.cut) if self.cut else None,
            "seconds": self.seconds,
        }
        arrays: dict[str, Any] = {f"column.{name}": column for name, column in self.columns.items()}
        arrays |= {f"table.{name}": getattr(self.table, name) for name in self.table.__dataclass_fields__}
        np.savez_compressed(path, meta=np.array(json.dumps(meta)), ids=self.ids, scored=self.scored, **arrays)

    @classmethod
    def load(cls, path: Path) -> TokenTrace:
        """Read what `save` wrote. Raises InvalidInput for a file of another format."""
        with np.load(path, allow_pickle=False) as stored:
            meta = json.loads(str(stored["meta"]))
            if meta["format"] != _FORMAT:
                raise InvalidInput(f"{path.name} has trace format {meta['format']}, expected {_FORMAT}: make it again.")
            table = PositionTable(**{name: stored[f"table.{name}"] for name in PositionTable.__dataclass_fields__})
            return cls(
                text=meta["text"],
                teacher=ModelInfo(**meta["teacher"]),
                student=ModelInfo(**meta["student"]),
                settings=Settings(**meta["settings"]),
                ids=stored["ids"],
                pieces=tuple(meta["pieces"]),
                labels=tuple(meta["labels"]),
                scored=stored["scored"],
                columns={name: stored[f"column.{name}"] for name in TOKEN_FIELDS},
                table=table,
                vocabulary={int(key): value for key, value in meta["vocabulary"].items()},
                shared=SharedVocabulary(**meta["shared"]),
                cut=Cut(**meta["cut"]) if meta["cut"] else None,
                seconds=meta["seconds"],
            )

    def without_timing(self) -> TokenTrace:
        """The same trace with no timings: what two runs of the same settings must agree on."""
        return replace(self, seconds={})


def _typed(name: str, column: FloatArray) -> pd.Series[Any]:
    """The column in a nullable type that shows an unscored token as missing."""
    series = pd.Series(column)
    if name in WHOLE_FIELDS:
        return series.astype("Int64")
    return series.astype("boolean") if name in FLAG_FIELDS else series
