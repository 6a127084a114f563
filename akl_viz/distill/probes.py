"""The fixed held-out positions every student is measured on, and the measurement; the teacher's side is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from akl_viz.distill.config import ProbeConfig
from akl_viz.distill.parallel import Processes
from akl_viz.distill.records import WEIGHT_BINS, ProbeDetail, ProbeRow, TeacherDetail
from akl_viz.distill.sampling import Sampler, Vocabulary
from akl_viz.distill.seeds import generator
from akl_viz.distill.sequences import TokenSequence
from akl_viz.divergences import DIVERGENCES, Pair, gaps_of, head_of, rows_per_block, weights_of
from akl_viz.errors import InvalidInput
from akl_viz.models.passes import one_pass
from akl_viz.models.text import Parts, part_ids

_LARGEST_LOSS = 700.0
"""exp of more is no float64."""
_CONTEXT_SHOWN = 60
"""Characters of text before a watched position."""
_PROMPT_TOKENS = 8
"""Length of a prompt that is the beginning of a held-out sequence."""
_PROMPT_SHOWN = 40
"""Characters of a prompt that is refused."""
_MEASURED = (
    "forward_kl",
    "reverse_kl",
    "head_gap",
    "tail_gap",
    "weight_forward",
    "top1_agreement",
    "entropy",
    "loss",
)
"""What is measured at a position: the columns of a row, and the loss its perplexity comes from."""
_ALONE = Processes("cpu")

Check = Callable[[], None]


def _nothing() -> None:
    """Nobody gives up."""


class Probe:
    """Measures students against one teacher on held-out sequences.

    Everything is at temperature 1, in nats, at the positions that count. For another program's training:
    `Probe(teacher_model, [TokenSequence(ids), ...], Vocabulary(tokenizer, rows))`, then `measure(student_model)`.
    """

    def __init__(
        self,
        teacher: Any,
        sequences: Sequence[TokenSequence],
        vocabulary: Vocabulary,
        config: ProbeConfig | None = None,
        *,
        seed: int = 0,
        cache_bytes: int = 256_000_000,
    ) -> None:
        """Choose what is measured; the teacher runs when its side is first needed.

        Args:
            teacher: a causal language model in evaluation mode.
            sequences: what is measured on, at least one.
            vocabulary: tokenizer, and number of shared rows.
            config: mu, boundary, watched positions, prompts.
            seed: of the samples.
            cache_bytes: memory for the teacher's logits; sequences beyond it are run again at every measurement.

        Raises:
            InvalidInput: a prompt that has no tokens, or leaves no room for a sample; watched positions of which none
                counts in the first sequence.
        """
        self._teacher = teacher
        self._sequences = tuple(sequences)
        self._vocabulary = vocabulary
        self._rows = vocabulary.rows
        self._config = config or ProbeConfig()
        self._seed = seed
        self._kept: dict[int, Tensor] = {}
        self._room = cache_bytes
        self.positions = _positions(self._config, self._sequences[0])
        """Watched positions of the first sequence; a run that goes on keeps those it began with."""
        self._begins: list[str] = []
        self._prompts = self._prompt_ids()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth saying: prompts with a begin token of their own, and chosen positions that are not watched."""
        chosen = self._config.watched if self._config.watched != ProbeConfig().watched else ()
        left = [str(place) for place in chosen if place not in self.positions]
        said = f"Of the watched positions {', '.join(left)} are left out: nothing is measured there."
        return (*self._begins, said) if left else tuple(self._begins)

    @torch.no_grad()
    def measure(
        self, student: Any, *, check: Check = _nothing, processes: Processes = _ALONE
    ) -> tuple[ProbeRow, ProbeDetail]:
        """Measure a student; it is left in the mode it was in.

        Several processes, each with the same student, measure every so manyth sequence and add up what they found;
        watched positions and samples are the main one's alone.

        Args:
            student: a causal language model on any device.
            check: called between sequences; raises to give up.
            processes: who shares the sequences; all of them must be here.
        """
        training = student.training
        student.eval()
        try:
            parts: list[dict[str, Tensor]] = []
            watched = np.zeros((0, self._rows), dtype=np.float32)
            for index in range(processes.rank, len(self._sequences), processes.count):
                check()
                sequence = self._sequences[index]
                logits = logits_of(student, sequence.ids, self._rows)
                if index == 0:
                    watched = self._watched(logits)
                parts += self._compared(index, sequence, logits)
            samples = self._samples(student, check) if processes.main else ()
        finally:
            student.train(training)
        means, counts = _gathered(parts, processes)
        perplexity = math.exp(min(means.pop("loss"), _LARGEST_LOSS))
        return ProbeRow(perplexity=perplexity, **means), ProbeDetail(counts, watched, samples)

    @torch.no_grad()
    def teacher_detail(self, *, check: Check = _nothing) -> TeacherDetail:
        """The teacher's side: its watched distributions and samples, and what is watched.

        Args:
            check: called between sequences; raises to give up.
        """
        sequence = self._sequences[0]
        ids = sequence.ids.tolist()
        observed = [ids[place] for place in self.positions]
        texts = [self._vocabulary.text(ids[:place]) for place in self.positions]
        return TeacherDetail(
            watched=self._watched(self._teacher_logits(0)),
            positions=np.array(self.positions, dtype=np.int64),
            observed=np.array(observed, dtype=np.int64),
            contexts=tuple(text[-_CONTEXT_SHOWN:] for text in texts),
            observed_text=tuple(self._vocabulary.text([token]) for token in observed),
            prompts=tuple(self._vocabulary.text(prompt) for prompt in self._prompts),
            samples=self._samples(self._teacher, check),
            facts=self._facts(check),
        )

    def _facts(self, check: Check) -> dict[str, float]:
        """How sharp the teacher is on the held-out positions."""
        parts: list[dict[str, Tensor]] = []
        for index, sequence in enumerate(self._sequences):
            check()
            logits = self._teacher_logits(index)
            parts += self._compared(index, sequence, logits, sizes=True)
        values = {name: torch.cat([part[name] for part in parts]).cpu().double() for name in parts[0]}
        return {
            "positions": float(len(values["loss"])),
            "perplexity": math.exp(min(float(values["loss"].mean()), _LARGEST_LOSS)),
            "entropy": float(values["entropy"].mean()),
            "mean_head_size": float(values["head_size"].mean()),
            "one_token_heads": float((values["head_size"] == 1).double().mean()),
        }

    def _compared(
        self, index: int, sequence: TokenSequence, student: Tensor, *, sizes: bool = False
    ) -> list[dict[str, Tensor]]:
        """Every quantity at the counting positions of one sequence, chunk by chunk of rows: each (rows of a chunk,)."""
        kept = sequence.counts.nonzero().squeeze(-1).to(student.device)
        teacher = self._teacher_logits(index).to(student.device)
        targets = sequence.ids[1:].to(student.device)
        size = rows_per_block(self._rows, torch.float32, student.device.type)
        return [
            self._values(teacher[part], student[part], targets[part], sizes)
            for part in torch.tensor_split(kept, max(1, round(len(kept) / size)))
            if len(part)
        ]

    def _values(self, teacher: Tensor, student: Tensor, targets: Tensor, sizes: bool) -> dict[str, Tensor]:
        """The quantities of one chunk of positions."""
        pair = Pair.from_logits(teacher, student)
        mu, boundary = self._config.mu, self._config.boundary
        head_gap, tail_gap = gaps_of(pair, mu, boundary)
        values = {
            "forward_kl": DIVERGENCES["forward_kl"].value(pair),
            "reverse_kl": DIVERGENCES["reverse_kl"].value(pair),
            "head_gap": head_gap,
            "tail_gap": tail_gap,
            "weight_forward": weights_of(pair, mu, boundary)[0],
            "top1_agreement": (teacher.argmax(-1) == student.argmax(-1)).to(head_gap.dtype),
            "entropy": pair.student_entropy,
            "loss": -pair.student.gather(-1, targets.unsqueeze(-1)).squeeze(-1),
        }
        return values | ({"head_size": head_of(pair, mu, boundary).size} if sizes else {})

    def _teacher_logits(self, index: int) -> Tensor:
        """(T - 1, rows) logits of the teacher, kept while there is room."""
        if index in self._kept:
            return self._kept[index]
        logits = logits_of(self._teacher, self._sequences[index].ids, self._rows)
        size = logits.numel() * logits.element_size()
        if size <= self._room:
            self._room -= size
            self._kept[index] = logits.contiguous()
        return logits

    def _watched(self, logits: Tensor) -> np.ndarray:
        """(P, rows) float32 log-probabilities at the watched positions of the first sequence."""
        places = torch.tensor([place - 1 for place in self.positions], device=logits.device)
        found: np.ndarray = logits[places].float().log_softmax(-1).cpu().numpy()
        return found

    def _prompt_ids(self) -> list[Tensor]:
        """The prompts of the samples as tokens."""
        given = [self._given(text) for text in self._config.prompts]
        beginnings = [
            sequence.ids[: max(sequence.prompt if sequence.prompt > 1 else _PROMPT_TOKENS, 1)]
            for sequence in self._sequences[: self._config.samples]
        ]
        return given or beginnings

    def _given(self, text: str) -> Tensor:
        """A prompt as tokens, with room for a sample after it."""
        shown = repr(text if len(text) <= _PROMPT_SHOWN else f"{text[:_PROMPT_SHOWN]}…")
        # What is to be continued has no end token, which some tokenizers put after every text.
        parts, note = part_ids(self._vocabulary.tokenizer, Parts((text,)))
        ids = torch.tensor(parts[0], dtype=torch.int64)
        if note:
            self._begins.append(f"In the prompt {shown}: {note}")
        if not len(ids):
            raise InvalidInput(f"The prompt {shown} has no tokens in the models' vocabulary: write some text.")
        context = self._vocabulary.context
        if context and len(ids) >= context:
            raise InvalidInput(
                f"The prompt {shown} has {len(ids)} tokens, and the models take {context}, the sample included: "
                "shorten it."
            )
        return ids

    def _samples(self, model: Any, check: Check) -> tuple[str, ...]:
        """One continuation per prompt, drawn with the same generator at every step."""
        texts = []
        sampler = Sampler(self._vocabulary, check=check)
        for place, prompt in enumerate(self._prompts):
            length = len(prompt) + self._config.sample_tokens
            draws = [generator(self._seed, "sample", place)]
            ids = sampler.continued(model, prompt[None], length, draws)[0]
            texts.append(self._vocabulary.text(ids[len(prompt) :]))
        return tuple(texts)


def _positions(config: ProbeConfig, sequence: TokenSequence) -> tuple[int, ...]:
    """The watched positions that count in the first sequence; where nobody chose any, some of a response."""
    counting = (sequence.counts.nonzero().squeeze(-1) + 1).tolist()
    inside = tuple(place for place in config.watched if place in counting)
    chosen = config.watched != ProbeConfig().watched
    if chosen and config.watched and not inside:
        where = (
            "do not lie in the response of the first held-out sequence, which alone is learnt"
            if sequence.response_only
            else "lie beyond the first held-out sequence"
        )
        raise InvalidInput(f"The watched positions {where}: choose some from {counting[0]} to {counting[-1]}.")
    if sequence.response_only and not chosen:
        # The usual places are those of a window of text; a response begins and ends anywhere.
        picked = np.linspace(0, len(counting) - 1, min(len(counting), len(config.watched))).round().astype(int)
        return tuple(counting[place] for place in picked)
    return inside or (counting[0],)


def _gathered(parts: list[dict[str, Tensor]], processes: Processes) -> tuple[dict[str, float], npt.NDArray[np.int64]]:
    """The mean of every quantity, and the histogram of the weights, over the positions of all processes."""
    none = torch.zeros(0, dtype=torch.float64)
    values = {name: torch.cat([none, *(part[name].cpu().double() for part in parts)]) for name in _MEASURED}
    counts = np.histogram(values["weight_forward"].numpy(), bins=WEIGHT_BINS, range=(0.0, 1.0))[0]
    own = [*(float(value.sum()) for value in values.values()), float(len(values["loss"])), *map(float, counts)]
    total = processes.total(*own)
    positions = total[len(values)]
    means = {name: found / positions if positions else math.nan for name, found in zip(values, total, strict=False)}
    return means, np.array(total[len(values) + 1 :]).astype(np.int64)


@torch.no_grad()
def logits_of(model: Any, ids: Tensor, rows: int) -> Tensor:
    """(T - 1, rows) logits of one sequence (T,), at least float32: row t predicts token t + 1."""
    device = next(model.parameters()).device
    logits = one_pass(model, ids[None, :-1].to(device))[0, :, :rows]
    return logits if logits.dtype == torch.float64 else logits.float()
