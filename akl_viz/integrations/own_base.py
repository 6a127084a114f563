"""The base of an adapted student as its teacher: one copy of the weights, the adapter off for the teacher's pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from akl_viz.errors import InvalidInput
from akl_viz.models.positions import fresh

_REMEDY = "load the teacher a second time"


def is_own_base(teacher: nn.Module, student: Any) -> bool:
    """Whether a teacher is what an adapted student is without its adapter.

    Raises:
        InvalidInput: it is another model that shares weights with the student, with which it would be trained.
    """
    if hasattr(student, "peft_config") and teacher is student.get_base_model():
        return True
    theirs = {_memory(one) for one in teacher.parameters()}
    if any(_memory(one) in theirs for one in student.parameters()):
        raise InvalidInput(
            f"Teacher and student share weights: {_REMEDY}, or give student.get_base_model() to learn from the base of "
            "a PEFT student."
        )
    return False


def _memory(weight: Tensor) -> tuple[torch.device, int]:
    """Where a weight lies; what lies nowhere yet is its own place."""
    return weight.device, weight.untyped_storage().data_ptr() or id(weight)


class OwnBase(nn.Module):
    """The student without its adapter, in evaluation mode and without gradient; it holds no weights of its own."""

    def __init__(self, student: Any) -> None:
        """Check that what is left without the adapter is a fixed teacher.

        Raises:
            InvalidInput: weights outside of the adapter are trained too.
        """
        super().__init__()
        # In the dictionary, so that it is no part of this module: the trainer has it already.
        self.__dict__["student"] = student
        with self._alone():
            trained = next((name for name, one in student.named_parameters() if one.requires_grad), None)
        if trained is not None:
            raise InvalidInput(
                f"The student without its adapter would not stay as it is, since {trained} is trained too: {_REMEDY}."
            )

    @property
    def config(self) -> Any:
        """Of the student."""
        return self.__dict__["student"].config

    def get_output_embeddings(self) -> Any:
        """Of the base."""
        head = self.__dict__["student"].get_base_model().get_output_embeddings()
        return getattr(head, "original_module", getattr(head, "base_layer", head))

    def forward(self, **batch: Any) -> Any:
        """The base's outputs."""
        student = self.__dict__["student"]
        with self._alone(), fresh(student):
            return student.get_base_model()(**batch)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The adapter off and every module in evaluation mode; then all as it was, what takes gradients included."""
        student = self.__dict__["student"]
        training = [module for module in student.modules() if module.training]
        taking = [(one, one.requires_grad) for one in student.parameters()]
        student.eval()
        try:
            with torch.no_grad(), student.disable_adapter():
                yield
        finally:
            for module in training:
                module.training = True
            for one, takes in taking:
                one.requires_grad_(takes)
