"""Teacher and student rows side by side, with everything two divergences share computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from torch import Tensor

from akl_viz.divergences.buffers import Buffers
from akl_viz.divergences.checks import (
    check_rows,
    check_shapes,
    check_temperature,
    check_vocabulary,
    checked_target,
    working_dtype,
)
from akl_viz.divergences.side import Side, log_ratio_of, side_of
from akl_viz.errors import InvalidInput

_Result = TypeVar("_Result")
_LOG_PROB_SLACK = 1e-2
"""How far above 0 a log-probability may lie before it is taken for a logit: bf16 rounding stays below this."""


class Pair:
    """Log-probabilities of a teacher and a student for the same positions: the one input of every divergence.

    p is the teacher, q the student. What several divergences need (p, q, log p - log q, entropies, heads) is
    computed when first asked for and kept, so asking for six divergences costs far less than six times one.
    Tensors handed out are shared: do not write into them.

    Entries of -inf mean probability zero and decide the support; an entry whose probability merely underflows
    still belongs to it. log_ratio is 0 where both are -inf, +inf where only the student is, -inf where only the
    teacher is.

    Args:
        teacher: (..., V) log-probabilities, nats; normalised over the last axis.
        student: (..., V) log-probabilities, nats.
        target: (...) integer ids of the tokens that followed, for divergences that look at them; None if unknown.

    Raises:
        InvalidInput: shapes differ, there is no vocabulary axis, an entry is NaN or clearly above 0, a row is
            -inf throughout, or a target is no token of the vocabulary.
    """

    def __init__(self, teacher: Tensor, student: Tensor, *, target: Tensor | None = None) -> None:
        check_shapes(teacher, student)
        dtype = torch.promote_types(working_dtype(teacher), working_dtype(student))
        self.target = checked_target(target, teacher.shape, teacher.device)
        """(...) int64 ids of the tokens that followed, or None."""
        self._kept: dict[Hashable, Any] = {"teacher": teacher.to(dtype), "student": student.to(dtype)}
        self._buffers: Buffers | None = None
        self._sides: tuple[Side, Side] | None = None
        for side, rows in (("teacher", self.teacher), ("student", self.student)):
            maximum = rows.detach().amax(-1)
            check_rows(maximum, side, str)
            if bool((maximum > _LOG_PROB_SLACK).any()):
                raise InvalidInput(
                    f"The {side}'s log-probabilities reach {float(maximum.max()):.3g}, above 0: "
                    "pass logits through log_probs first."
                )

    @classmethod
    def from_logits(
        cls,
        teacher_logits: Tensor,
        student_logits: Tensor,
        temperature: float = 1.0,
        *,
        target: Tensor | None = None,
        buffers: Buffers | None = None,
        position_name: Callable[[int], str] = str,
    ) -> Pair:
        """The pair softmax(logits / temperature) of both models, normalised to the last digit of the dtype.

        bf16 and fp16 are computed in fp32; fp32 and fp64 stay. Both sides share the wider of the two dtypes.
        No autograd graph is kept.

        Args:
            teacher_logits: (..., V) finite or -inf.
            student_logits: (..., V) finite or -inf.
            temperature: above 0; both rows are divided by it.
            target: (...) integer ids of the tokens that followed, or None.
            buffers: memory for everything of size (..., V). The pair is then valid until the next one is made with
                it and while the logits stay as they are.
            position_name: turns a flat row number into the name used in an error message.

        Raises:
            InvalidInput: shapes differ, an entry is NaN or +inf, a row is -inf throughout, the temperature is not
                a positive number, or a target is no token of the vocabulary.
        """
        check_shapes(teacher_logits, student_logits)
        dtype = torch.promote_types(working_dtype(teacher_logits), working_dtype(student_logits))
        pair = cls.__new__(cls)
        pair.target = checked_target(target, teacher_logits.shape, teacher_logits.device)
        with torch.no_grad():
            teacher = side_of(teacher_logits.to(dtype), temperature, "teacher", position_name, buffers)
            student = side_of(student_logits.to(dtype), temperature, "student", position_name, buffers)
        pair._kept, pair._buffers = {"p": teacher.p, "q": student.p}, buffers
        if buffers is None:
            pair._kept |= {"teacher": teacher.log_p(None), "student": student.log_p(None)}
        pair._sides = None if buffers is None else (teacher, student)
        return pair

    def once(self, key: Hashable, compute: Callable[[], _Result]) -> _Result:
        """The result of `compute`, computed on the first call with this key and kept with the pair."""
        if key not in self._kept:
            self._kept[key] = compute()
        result: _Result = self._kept[key]
        return result

    def room(self, name: str) -> Tensor | None:
        """Where to write a result of shape (..., V): `out=pair.room(NAME)`; None, for fresh memory, without buffers.

        A name belongs to one quantity, which `once` keeps; "scratch" to nothing that outlives the statement.
        """
        if self._buffers is None:
            return None
        return self._buffers.take(name, self.q.shape, self.q.dtype, self.q.device)

    @property
    def teacher(self) -> Tensor:
        """(..., V) log p, nats."""
        return self.once("teacher", lambda: self._side_of(0).log_p(self.room("teacher")))

    @property
    def student(self) -> Tensor:
        """(..., V) log q, nats."""
        return self.once("student", lambda: self._side_of(1).log_p(self.room("student")))

    @property
    def p(self) -> Tensor:
        """(..., V) teacher probabilities."""
        return self.once("p", lambda: self.teacher.exp())

    @property
    def q(self) -> Tensor:
        """(..., V) student probabilities."""
        return self.once("q", lambda: self.student.exp())

    @property
    def excess(self) -> Tensor:
        """(..., V) q - p: what the student gives too much."""
        return self.once("excess", lambda: torch.sub(self.q, self.p, out=self.room("excess")))

    @property
    def absolute_gap(self) -> Tensor:
        """(..., V) abs(p - q)."""
        return self.once("absolute_gap", lambda: torch.abs(self.excess, out=self.room("absolute_gap")))

    @property
    def log_ratio(self) -> Tensor:
        """(..., V) log p - log q, nats; 0 where both are -inf, otherwise the infinite value of the definition."""
        return self._ratio_and_support()[0]

    @property
    def full_support(self) -> bool:
        """Whether no rule about zeros and ranges is needed: no entry is -inf, and no log-ratio is huge."""
        return self._ratio_and_support()[1]

    @property
    def teacher_entropy(self) -> Tensor:
        """(...) -sum p log p, nats."""
        return self.once("teacher_entropy", lambda: self._entropy(0))

    @property
    def student_entropy(self) -> Tensor:
        """(...) -sum q log q, nats."""
        return self.once("student_entropy", lambda: self._entropy(1))

    def teacher_terms(self, values: Tensor) -> Tensor:
        """(..., V) p * values, 0 outside the teacher's support and infinite where values are infinite on it."""
        return self.p * values if self.full_support else weighed(self.p, values, self.teacher)

    def student_terms(self, values: Tensor) -> Tensor:
        """(..., V) q * values, 0 outside the student's support and infinite where values are infinite on it."""
        return self.q * values if self.full_support else weighed(self.q, values, self.student)

    def teacher_sum(self, values: Tensor) -> Tensor:
        """(...) the sum of teacher_terms(values), without keeping the terms."""
        if self.full_support:
            return torch.mul(self.p, values, out=self.room("scratch")).sum(-1)
        return self.teacher_terms(values).sum(-1)

    def student_sum(self, values: Tensor) -> Tensor:
        """(...) the sum of student_terms(values), without keeping the terms."""
        if self.full_support:
            return torch.mul(self.q, values, out=self.room("scratch")).sum(-1)
        return self.student_terms(values).sum(-1)

    def taken(self, ids: Tensor) -> Pair:
        """The pair of K tokens per row (..., K) by id: their log-probabilities, which sum to less than one."""
        if self._sides is None:
            return Pair(self.teacher.gather(-1, ids), self.student.gather(-1, ids))
        return Pair(*(side.log_p_of(ids) for side in self._sides))

    def _entropy(self, number: int) -> Tensor:
        """(...) nats, of the teacher (0) or the student (1)."""
        if self._sides is not None and self.full_support:
            return self._sides[number].entropy(self.room("scratch"))
        rows, weights = ((self.teacher, self.p), (self.student, self.q))[number]
        return entropy_of(rows, weights, self.full_support)

    def _side_of(self, number: int) -> Side:
        """The teacher's (0) or the student's (1) rows of a pair made from logits."""
        assert self._sides is not None
        return self._sides[number]

    def _ratio_and_support(self) -> tuple[Tensor, bool]:
        """log_ratio by the rules for -inf, and whether none was needed."""

        def compute() -> tuple[Tensor, bool]:
            if self._sides is None:
                ratio = self.teacher - self.student
            else:
                ratio = log_ratio_of(*self._sides, self.room("log_ratio"))
            # One pass finds any -inf, NaN or ratio beyond the root of the dtype's range: its square is not finite.
            flat = ratio.detach().reshape(-1)
            if bool(torch.dot(flat, flat).isfinite()):
                return ratio, True
            return torch.where(ratio.isnan(), torch.zeros_like(ratio), ratio), False

        return self.once("log_ratio", compute)


def log_probs(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Log of softmax(logits / temperature) over the last axis, accurate to the last digits for long rows.

    Args:
        logits: (..., V) finite or -inf; fp16 and bf16 are computed and returned in fp32.
        temperature: above 0.

    Returns:
        (..., V) log-probabilities, nats.

    Raises:
        InvalidInput: an entry is NaN or +inf, a row is -inf throughout, or the temperature is not positive.
    """
    check_vocabulary(logits, "logits")
    check_temperature(temperature)
    rows = logits.to(working_dtype(logits))
    maximum = rows.amax(-1, keepdim=True)
    check_rows(maximum.detach().squeeze(-1), "logits", str)
    shifted = (rows - maximum) / temperature
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


def entropy_of(log_probabilities: Tensor, probabilities: Tensor, full_support: bool) -> Tensor:
    """(...) -sum p log p in nats; an entry of probability zero adds nothing."""
    if full_support:
        return -(probabilities * log_probabilities).sum(-1)
    return -weighed(probabilities, log_probabilities, log_probabilities).sum(-1)


def entropy(log_probabilities: Tensor) -> Tensor:
    """How undecided a distribution is: -sum p log p, from 0 (one-hot) to ln V (uniform).

    Args:
        log_probabilities: (..., V) nats; -inf is legal and adds nothing.

    Returns:
        (...) nats.
    """
    return entropy_of(log_probabilities, log_probabilities.exp(), full_support=False)


def weighed(weight: Tensor, values: Tensor, log_weight: Tensor) -> Tensor:
    """weight * values where zero weight wins over infinite values, but an underflown weight does not."""
    zero = torch.zeros_like(values)
    infinite = values.isinf()
    product = torch.where(infinite, values, weight * torch.where(infinite, zero, values))
    return torch.where(log_weight == -torch.inf, zero, product)
