"""What a row of the table of divergences is: facts, parameters, value and gradient together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from akl_viz.divergences.pair import Pair
from akl_viz.errors import InvalidInput

Value = Callable[..., Tensor]
ValueAndGradient = Callable[..., tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Param:
    """One parameter of a divergence: a number in an interval, or one of some words."""

    name: str
    default: float | str
    meaning: str
    lower: float = 0.0
    upper: float = 1.0
    open_ends: bool = False
    """Whether lower and upper themselves are excluded."""
    choices: tuple[str, ...] = ()
    """The words allowed; empty for a number."""
    symbol: str = ""
    """How the formula writes it, where not by its name."""
    only: tuple[str, str] | None = None
    """(another parameter, its value): it has a say at that value only; None where it always has."""

    @property
    def allowed(self) -> str:
        """The range in words, as error messages and help texts state it."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        ends = " (ends excluded)" if self.open_ends else ""
        return f"a number from {self.lower:g} to {self.upper:g}{ends}"

    def check(self, value: Any) -> float | str:
        """The value if it is allowed. Raises InvalidInput that states the range."""
        if self.choices:
            if value in self.choices:
                return str(value)
        elif not isinstance(value, bool) and isinstance(value, Real):
            number = float(value)
            inside = self.lower < number < self.upper if self.open_ends else self.lower <= number <= self.upper
            if inside:
                return number
        raise InvalidInput(f"{self.name} must be {self.allowed}, not {value!r}.")


@dataclass(frozen=True)
class Divergence:
    """One row of the table: everything a menu, a test, a figure or a training loop needs to know.

    Traits hold at the default parameters. `values` and `values_and_gradients` take a Pair and every parameter
    by name; callers use `value` and `value_and_grad`, which fill in defaults and check the range.
    """

    key: str
    label: str
    direction: str
    """Which way it looks, e.g. "KL(T‖S)"; "both" for a mixture."""
    formula: str
    """Plain text; p is the teacher, q the student. At the default parameters, see `written`."""
    tex: str
    source: str
    values: Value
    values_and_gradients: ValueAndGradient
    terms: Value
    """(..., V) what each token adds to the value."""
    params: tuple[Param, ...] = ()
    unit: str = "nats"
    """Of the value; "no unit" for a number that is neither nats nor a probability."""
    upper: Callable[..., float | None] | None = None
    """The largest value, in `unit`, as a function of the parameters; None if there is none, or none that holds for
    every size of vocabulary. The smallest is 0 for all."""
    finite: bool = False
    """Whether the value is finite whatever the supports."""
    symmetric: bool = False
    """Whether exchanging teacher and student leaves the value as it is."""
    smooth: bool = True
    """Whether the value has a derivative everywhere on full support."""
    constant_weights: bool = False
    """Whether the gradient treats weights, or a target, as constants, so that it is not the derivative of the whole
    value."""
    needs_target: bool = False
    """Whether it looks at the token that followed: the pair must have a target."""
    forms: Callable[..., str] | None = None
    """The formula as a function of the parameters; None where one form serves all."""

    @property
    def defaults(self) -> dict[str, float | str]:
        """Every parameter at its default."""
        return {param.name: param.default for param in self.params}

    def checked(self, params: Mapping[str, Any]) -> dict[str, float | str]:
        """All parameters by name: the given ones checked, the others at their default.

        Raises:
            InvalidInput: a name this divergence does not have, or a value outside its range.
        """
        known = {param.name: param for param in self.params}
        unknown = sorted(set(params) - set(known))
        if unknown:
            takes = ", ".join(known) if known else "no parameters"
            raise InvalidInput(f"{self.key} does not know {', '.join(unknown)}; it takes {takes}.")
        return {name: param.check(params.get(name, param.default)) for name, param in known.items()}

    def written(self, **params: float | str) -> str:
        """The formula at these parameters, in plain text."""
        return self.formula if self.forms is None else self.forms(**self.checked(params))

    def upper_bound(self, **params: float | str) -> float | None:
        """The largest value, in `unit`, at these parameters, or None if there is none."""
        return None if self.upper is None else self.upper(**self.checked(params))

    def value(self, pair: Pair, **params: float | str) -> Tensor:
        """(...) one value per position, in `unit`.

        Raises:
            InvalidInput: an unknown parameter or one outside its range, or a target that is needed and missing.
        """
        self._check_target(pair)
        return self.values(pair, **self.checked(params))

    def term_values(self, pair: Pair, **params: float | str) -> Tensor:
        """(..., V) what each token adds, in `unit`; they sum to the value up to rounding, and some may be negative.

        Raises:
            InvalidInput: an unknown parameter or one outside its range, or a target that is needed and missing.
        """
        self._check_target(pair)
        return self.terms(pair, **self.checked(params))

    def value_and_grad(self, pair: Pair, **params: float | str) -> tuple[Tensor, Tensor]:
        """The value (...) in `unit` and its gradient (..., V) with respect to the student's logits.

        For a pair made with a temperature the gradient is with respect to logits / temperature: divide it by the
        temperature for the raw logits. Entries at a student logit of -inf are 0. Do not write into the result:
        it may be shared with the pair.

        Raises:
            InvalidInput: an unknown parameter or one outside its range, or a target that is needed and missing.
        """
        return self.value_and_grad_at(pair, self.checked(params))

    def value_and_grad_at(self, pair: Pair, checked: Mapping[str, float | str]) -> tuple[Tensor, Tensor]:
        """`value_and_grad` at parameters that `checked` gave: a walk over many blocks has them checked once."""
        self._check_target(pair)
        value, gradient = self.values_and_gradients(pair, **checked)
        if pair.full_support:
            return value, gradient
        # Beyond the range of the dtype there is no finite direction, as where the value is infinite by definition. The
        # root of the range leaves room for what the gradient is multiplied with, 1 / temperature among it.
        most = torch.finfo(gradient.dtype).max ** 0.5
        beyond = value.isinf() & ~(gradient.abs() < most).all(-1)
        return value, gradient.masked_fill(beyond.unsqueeze(-1), 0.0) if bool(beyond.any()) else gradient

    def _check_target(self, pair: Pair) -> None:
        """Refuse a pair without the tokens that followed where they are needed."""
        if self.needs_target and pair.target is None:
            raise InvalidInput(f"{self.key} needs the tokens that followed: pass target=, one token id per position.")
