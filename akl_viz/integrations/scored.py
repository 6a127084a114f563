"""What teacher and student say about one batch, from logits or, without ever holding those, from hidden states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from akl_viz.divergences import distillation_loss, linear_distillation_loss
from akl_viz.errors import InvalidInput
from akl_viz.models.positions import fresh

IGNORED = -100
"""The label of a position that does not count, as in transformers."""
_BLOCK = 256
"""Positions whose logits exist at once in the cross-entropy from hidden states."""


class Scored(Protocol):
    """One batch under both models; the positions are those that predict a target."""

    outputs: Any
    """Of the student, for whoever asked the trainer for them."""

    def divergence(self, key: str, **options: Any) -> Tensor:
        """The divergence of the table; options are those of distillation_loss."""
        ...

    def cross_entropy(self, targets: Tensor) -> Tensor:
        """-log q(target), nats, summed over the targets that count."""
        ...

    def rows(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Both models' logits (K, V) at K flat positions, without gradient."""
        ...


class FromLogits:
    """Full logits of both models."""

    _teacher: Tensor
    """Once the teacher has run."""

    def __init__(self, student: nn.Module, batch: Mapping[str, Any], length: int, shared: int) -> None:
        """Run the student.

        Args:
            student: the model in training, wrapped as it may be.
            batch: what its forward takes, without labels.
            length: number of positions that predict a target; the rest is cut off.
            shared: number of vocabulary rows both models have.
        """
        with fresh(student):
            self.outputs = student(**batch, use_cache=False)
        self._shared = shared
        self._student: Tensor = self.outputs.logits[..., :length, :]

    def run_teacher(self, teacher: nn.Module, batch: Mapping[str, Any]) -> None:
        """Run the teacher on what `shared_batch` leaves it of the same batch."""
        with torch.no_grad(), fresh(teacher):
            logits = teacher(**batch, use_cache=False).logits
        self._teacher = logits[..., : self._student.shape[-2], : self._shared].to(self._student.device)

    def divergence(self, key: str, **options: Any) -> Tensor:
        """See Scored."""
        return distillation_loss(key, self._teacher, self._student[..., : self._shared], **options)

    def cross_entropy(self, targets: Tensor) -> Tensor:
        """See Scored."""
        return _cross_entropy(self._student.flatten(0, -2), targets.flatten())

    def rows(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """See Scored."""
        ours = self._student.detach()[..., : self._shared]
        return _at(self._teacher, places), _at(ours, places)


class FromHidden:
    """Last hidden states and output matrices: the logits exist for a few positions at a time only."""

    _teacher: Tensor
    _teacher_head: nn.Linear
    """Both once the teacher has run."""

    def __init__(self, student: nn.Module, batch: Mapping[str, Any], length: int, shared: int) -> None:
        """Run the student; arguments as for FromLogits.

        Raises:
            InvalidInput: its logits are not hidden states times output matrix.
        """
        self._shared, self._length = shared, length
        outputs = _run(student, batch)
        self._student = _hidden(outputs, length)
        self._head = output_matrix(student, "student")
        _check_linear(outputs, self._head, "student")
        self.outputs = type(outputs)(logits=outputs.logits)

    def run_teacher(self, teacher: nn.Module, batch: Mapping[str, Any]) -> None:
        """Run the teacher on what `shared_batch` leaves it. Raises InvalidInput as the constructor does."""
        with torch.no_grad():
            outputs = _run(teacher, batch)
            self._teacher_head = output_matrix(teacher, "teacher")
            _check_linear(outputs, self._teacher_head, "teacher")
        self._teacher = _hidden(outputs, self._length).to(self._student.device)

    def divergence(self, key: str, **options: Any) -> Tensor:
        """See Scored."""
        (theirs, their_bias), (ours, our_bias) = self._cut(self._teacher_head), self._cut(self._head)
        return linear_distillation_loss(
            key, self._teacher, theirs, self._student, ours, teacher_bias=their_bias, student_bias=our_bias, **options
        )

    def cross_entropy(self, targets: Tensor) -> Tensor:
        """See Scored; each block's logits are made again in the backward pass instead of being kept."""
        counted = targets.flatten() != IGNORED
        hidden, kept = self._student.flatten(0, -2)[counted], targets.flatten()[counted]
        # Of no block the sum would be a number without a graph.
        loss = hidden.sum() * 0.0
        for start in range(0, len(kept), _BLOCK):
            part = slice(start, start + _BLOCK)
            loss = loss + checkpoint(_linear_cross_entropy, hidden[part], self._head, kept[part], use_reentrant=False)
        return loss

    def rows(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """See Scored."""
        with torch.no_grad():
            theirs = functional.linear(_at(self._teacher, places), *self._cut(self._teacher_head))
            return theirs, functional.linear(_at(self._student, places), *self._cut(self._head))

    def _cut(self, head: nn.Linear) -> tuple[Tensor, Tensor | None]:
        """Matrix and bias of the shared vocabulary, where the student is."""
        weight, bias = head.weight[: self._shared], None if head.bias is None else head.bias[: self._shared]
        device = self._student.device
        return weight.to(device), None if bias is None else bias.to(device)


def output_matrix(model: Any, side: str) -> nn.Linear:
    """The layer that turns a model's hidden states into logits.

    Raises:
        InvalidInput: it is no plain linear layer (an adapter sits on it), or something follows it.
    """
    while hasattr(model, "module"):
        model = model.module
    head = model.get_output_embeddings()
    config = model.config.get_text_config()
    if type(head) is not nn.Linear or getattr(config, "final_logit_softcapping", None) is not None:
        raise _not_linear(side)
    return head


def _run(model: nn.Module, batch: Mapping[str, Any]) -> Any:
    """A forward pass that makes the logits of the last position only."""
    with fresh(model):
        return model(**batch, use_cache=False, output_hidden_states=True, logits_to_keep=1)


def _hidden(outputs: Any, length: int) -> Tensor:
    """What the output matrix is applied to, (..., length, H)."""
    hidden: Tensor = outputs.hidden_states[-1][..., :length, :]
    return hidden


def _check_linear(outputs: Any, head: nn.Linear, side: str) -> None:
    """Refuse a model whose logits are scaled or made from other states than the last: the one position tells."""
    given = outputs.logits.detach()
    with torch.no_grad():
        expected = head(outputs.hidden_states[-1][..., -1:, :])
    half = expected.element_size() == 2
    tolerance = (0.02, 0.02) if half else (1e-3, 1e-4)
    wide = torch.promote_types(expected.dtype, torch.float32)
    if given.shape != expected.shape or not torch.allclose(given.to(wide), expected.to(wide), *tolerance):
        raise _not_linear(side)


def _not_linear(side: str) -> InvalidInput:
    return InvalidInput(
        f"The {side}'s logits are not its last hidden states times its output matrix, so they cannot be left out: "
        "train with fused=False."
    )


def _linear_cross_entropy(hidden: Tensor, head: nn.Linear, targets: Tensor) -> Tensor:
    return _cross_entropy(head(hidden), targets)


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Summed over the targets that count, in fp32 at least."""
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return functional.cross_entropy(wide, targets, ignore_index=IGNORED, reduction="sum")


def _at(tensor: Tensor, places: Tensor) -> Tensor:
    return tensor.detach().flatten(0, -2)[places]
