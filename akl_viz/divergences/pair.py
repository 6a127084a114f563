"""Teacher and student rows side by side, with everything two divergences share computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from torch import Tensor

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

    Raises:
        InvalidInput: shapes differ, there is no vocabulary axis, an entry is NaN or clearly above 0, or a row
            is -inf throughout.
    """

    def __init__(self, teacher: Tensor, student: Tensor) -> None:
        _check_shapes(teacher, student)
        dtype = torch.promote_types(_working_dtype(teacher), _working_dtype(student))
        self.teacher = teacher.to(dtype)
        """(..., V) log p, nats."""
        self.student = student.to(dtype)
        """(..., V) log q, nats."""
        self._kept: dict[Hashable, Any] = {}
        for side, rows in (("teacher", self.teacher), ("student", self.student)):
            maximum = rows.detach().amax(-1)
            _check_rows(maximum, side, str)
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
        position_name: Callable[[int], str] = str,
    ) -> Pair:
        """The pair softmax(logits / temperature) of both models, normalised to the last digit of the dtype.

        bf16 and fp16 are computed in fp32; fp32 and fp64 stay. Both sides share the wider of the two dtypes.
        No autograd graph is kept.

        Args:
            teacher_logits: (..., V) finite or -inf.
            student_logits: (..., V) finite or -inf.
            temperature: above 0; both rows are divided by it.
            position_name: turns a flat row number into the name used in an error message.

        Raises:
            InvalidInput: shapes differ, an entry is NaN or +inf, a row is -inf throughout, or the temperature is
                not a positive number.
        """
        _check_shapes(teacher_logits, student_logits)
        dtype = torch.promote_types(_working_dtype(teacher_logits), _working_dtype(student_logits))
        pair = cls.__new__(cls)
        with torch.no_grad():
            pair.teacher, p = _normalised(teacher_logits.to(dtype), temperature, "teacher", position_name)
            pair.student, q = _normalised(student_logits.to(dtype), temperature, "student", position_name)
        pair._kept = {"p": p, "q": q}
        return pair

    def once(self, key: Hashable, compute: Callable[[], _Result]) -> _Result:
        """The result of `compute`, computed on the first call with this key and kept with the pair."""
        if key not in self._kept:
            self._kept[key] = compute()
        result: _Result = self._kept[key]
        return result

    @property
    def p(self) -> Tensor:
        """(..., V) teacher probabilities."""
        return self.once("p", self.teacher.exp)

    @property
    def q(self) -> Tensor:
        """(..., V) student probabilities."""
        return self.once("q", self.student.exp)

    @property
    def excess(self) -> Tensor:
        """(..., V) q - p: what the student gives too much."""
        return self.once("excess", lambda: self.q - self.p)

    @property
    def absolute_gap(self) -> Tensor:
        """(..., V) abs(p - q)."""
        return self.once("absolute_gap", self.excess.abs)

    @property
    def log_ratio(self) -> Tensor:
        """(..., V) log p - log q, nats; 0 where both are -inf, otherwise the infinite value of the definition."""
        return self._ratio_and_support()[0]

    @property
    def full_support(self) -> bool:
        """Whether no entry of either side is -inf (then no rule about zeros is needed)."""
        return self._ratio_and_support()[1]

    @property
    def teacher_entropy(self) -> Tensor:
        """(...) -sum p log p, nats."""
        return self.once("teacher_entropy", lambda: entropy_of(self.teacher, self.p, self.full_support))

    @property
    def student_entropy(self) -> Tensor:
        """(...) -sum q log q, nats."""
        return self.once("student_entropy", lambda: entropy_of(self.student, self.q, self.full_support))

    def teacher_terms(self, values: Tensor) -> Tensor:
        """(..., V) p * values, 0 outside the teacher's support and infinite where values are infinite on it."""
        return self.p * values if self.full_support else _weighed(self.p, values, self.teacher)

    def student_terms(self, values: Tensor) -> Tensor:
        """(..., V) q * values, 0 outside the student's support and infinite where values are infinite on it."""
        return self.q * values if self.full_support else _weighed(self.q, values, self.student)

    def _ratio_and_support(self) -> tuple[Tensor, bool]:
        """log_ratio by the rules for -inf, and whether none was needed."""

        def compute() -> tuple[Tensor, bool]:
            ratio = self.teacher - self.student
            # One sum finds any -inf (it makes the sum infinite or NaN) for a fraction of the cost of isfinite.
            if bool(ratio.detach().sum().isfinite()):
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
    _check_vocabulary(logits, "logits")
    shifted = _shifted(logits.to(_working_dtype(logits)), temperature, "logits", str)
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


def entropy_of(log_probabilities: Tensor, probabilities: Tensor, full_support: bool) -> Tensor:
    """(...) -sum p log p in nats; an entry of probability zero adds nothing."""
    if full_support:
        return -(probabilities * log_probabilities).sum(-1)
    return -_weighed(probabilities, log_probabilities, log_probabilities).sum(-1)


def entropy(log_probabilities: Tensor) -> Tensor:
    """How undecided a distribution is: -sum p log p, from 0 (one-hot) to ln V (uniform).

    Args:
        log_probabilities: (..., V) nats; -inf is legal and adds nothing.

    Returns:
        (...) nats.
    """
    return entropy_of(log_probabilities, log_probabilities.exp(), full_support=False)


def check_temperature(temperature: float) -> None:
    """Raise InvalidInput unless the temperature is a positive finite number."""
    if not 0.0 < temperature < float("inf"):
        raise InvalidInput(f"temperature must be a positive number, not {temperature!r}.")


def _shifted(logits: Tensor, temperature: float, side: str, name: Callable[[int], str]) -> Tensor:
    """(logits - their maximum) / temperature as a new tensor, after the checks; a difference too wide is -inf."""
    check_temperature(temperature)
    maximum = logits.amax(-1, keepdim=True)
    _check_rows(maximum.detach().squeeze(-1), side, name)
    shifted = logits - maximum
    return shifted if temperature == 1.0 else shifted / temperature


def _normalised(logits: Tensor, temperature: float, side: str, name: Callable[[int], str]) -> tuple[Tensor, Tensor]:
    """Log-probabilities and probabilities of logits / temperature.

    Written out because torch's fp32 softmax on CPU adds long rows lane by lane and is off by up to 5e-5 at 128k
    entries; torch.sum is pairwise. In place, since fresh memory costs as much as the arithmetic.
    """
    shifted = _shifted(logits, temperature, side, name)
    probabilities = shifted.exp()
    total = probabilities.sum(-1, keepdim=True)
    return shifted.sub_(total.log()), probabilities.div_(total)


def _weighed(weight: Tensor, values: Tensor, log_weight: Tensor) -> Tensor:
    """weight * values where zero weight wins over infinite values, but an underflown weight does not."""
    zero = torch.zeros_like(values)
    infinite = values.isinf()
    product = torch.where(infinite, values, weight * torch.where(infinite, zero, values))
    return torch.where(log_weight == -torch.inf, zero, product)


def _working_dtype(rows: Tensor) -> torch.dtype:
    """The dtype a row is computed in: at least fp32."""
    if not rows.is_floating_point():
        raise InvalidInput(f"Expected rows of floating-point numbers, not {rows.dtype}.")
    return torch.promote_types(rows.dtype, torch.float32)


def _check_vocabulary(rows: Tensor, what: str) -> None:
    """Refuse a tensor without a vocabulary axis."""
    if rows.dim() == 0 or rows.shape[-1] == 0:
        raise InvalidInput(f"{what} must have a vocabulary as last axis, not shape {tuple(rows.shape)}.")


def _check_shapes(teacher: Tensor, student: Tensor) -> None:
    """Refuse rows that do not score the same vocabulary at the same positions."""
    if teacher.shape != student.shape:
        raise InvalidInput(
            f"Teacher has shape {tuple(teacher.shape)} and student {tuple(student.shape)}: they must be the same."
        )
    _check_vocabulary(teacher, "teacher and student")


def _check_rows(maximum: Tensor, side: str, name: Callable[[int], str]) -> None:
    """Refuse NaN, +inf and rows that are -inf throughout, which is all visible in the (...) row maxima."""
    if bool(maximum.isfinite().all()):
        return
    row = int((~maximum.isfinite()).flatten().nonzero()[0])
    value = float(maximum.flatten()[row])
    if value == -torch.inf:
        wrong = "is -inf throughout, so no token is possible: unmask at least one token"
    else:
        found = "+inf" if value == torch.inf else "NaN"
        wrong = f"holds {found}: check the model's weights and dtype"
    raise InvalidInput(f"Row {name(row)} of the {side} {wrong}.")
