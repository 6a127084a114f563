"""Continuations drawn from a model with a generator per row: the same whatever else is drawn beside them.

transformers' own generation draws from torch's global generator, which other threads share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from akl_viz.models.passes import one_pass, passes_of
from akl_viz.models.positions import fresh


@dataclass(frozen=True)
class Vocabulary:
    """What the ids of a run mean."""

    tokenizer: Any
    """Of both models."""
    rows: int
    """Number of tokens both models score."""
    context: int = 0
    """Most tokens both models take; 0 where that is not known."""

    @property
    def end(self) -> int | None:
        """The id after which a text ends; None where there is none."""
        found: int | None = self.tokenizer.eos_token_id
        return found

    def text(self, ids: Tensor | Sequence[int]) -> str:
        """The text of some tokens."""
        return str(self.tokenizer.decode(ids))


@dataclass(frozen=True)
class Sampler:
    """How continuations are drawn."""

    vocabulary: Vocabulary
    temperature: float = 1.0
    """Above 0; the logits are divided by it."""
    check: Callable[[], None] = lambda: None
    """Called before every token; raises to give up."""

    @torch.no_grad()
    def continued(
        self, model: Any, prompts: Tensor, length: int, generators: Sequence[torch.Generator]
    ) -> list[Tensor]:
        """Continue every prompt up to a length, token by token, or to the end token.

        Args:
            model: a causal language model; it is left in the mode it was in.
            prompts: (B, P) token ids.
            length: most tokens a sequence has in the end, its prompt included; never more than the models take.
            generators: (B) CPU generators.

        Returns:
            (B) sequences of ids on the CPU, each at most `length` long, its prompt included.
        """
        training = model.training
        model.eval()
        longest = min(length, self.vocabulary.context or length)
        try:
            with fresh(model):
                return self._continued(model, prompts.cpu(), longest, generators)
        finally:
            model.train(training)

    def _continued(self, model: Any, ids: Tensor, length: int, generators: Sequence[torch.Generator]) -> list[Tensor]:
        """The loop of `continued`."""
        device, cache = next(model.parameters()).device, None
        # A cache is used where it says what a whole pass would say.
        cached = length <= passes_of(model).cached_to
        ended = torch.zeros(len(ids), dtype=torch.bool)
        lengths = torch.full((len(ids),), ids.shape[1])
        while ids.shape[1] < length and not bool(ended.all()):
            self.check()
            step = (ids if cache is None else ids[:, -1:]).to(device)
            if cached:
                output = model(input_ids=step, past_key_values=cache, use_cache=True)
                cache, whole = output.past_key_values, output.logits
            else:
                whole = one_pass(model, step)
            logits = whole[:, -1, : self.vocabulary.rows].float() / self.temperature
            rows = logits.softmax(-1).cpu()
            # Of logits that are no numbers any token may be drawn: whoever scores it finds out, and says so.
            rows = torch.where(rows.isfinite().all(-1, keepdim=True), rows, 1.0)
            drawn = [torch.multinomial(row, 1, generator=one) for row, one in zip(rows, generators, strict=True)]
            ids = torch.cat([ids, torch.stack(drawn)], dim=1)
            lengths = torch.where(ended, lengths, ids.shape[1])
            if self.vocabulary.end is not None:
                ended |= ids[:, -1] == self.vocabulary.end
        return [row[:kept] for row, kept in zip(ids, lengths.tolist(), strict=True)]
