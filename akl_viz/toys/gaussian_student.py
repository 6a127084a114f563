"""The Gaussian student on a grid, and a loss as a function of its parameters.

A student is the softmax of a quadratic, logits = a y - y' L y / 2 with L positive definite: on the paper's grid the
discretised Gaussian of its toys, on a wide fine grid a plain Gaussian density (the sums are then trapezoid rules).
Parameters are a and the lower triangle of L, in coordinates y in which the mixture has mean 0 and sd 1: 2 numbers in
one dimension, 5 in two. Logits are linear in them, so that a student that runs off comes to the edge of the family,
where L is singular, and not to infinity.
"""

from __future__ import annotations

import torch
from torch import Tensor

from akl_viz.divergences import Pair
from akl_viz.records import FloatArray
from akl_viz.toys.descent import Loss

_WIDEST = 100.0
"""Largest standard deviation, in widths of the grid: there, at the edge of the family, a student is an exponential."""
_NARROWEST = 0.02
"""Smallest standard deviation, in spacings of the grid: a student there is one point of it."""
_LARGEST = 1e12
"""Beyond parameters of this size nothing is computed: a solver that went there gets the nearest ones."""


class Student:
    """The family of Gaussians on a grid: logits, and what they are as functions of the parameters."""

    def __init__(self, points: Tensor, centre: Tensor, spread: Tensor) -> None:
        """Set the family up.

        Args:
            points: (N, D) the grid.
            centre: (D,) mean of the mixture.
            spread: (D,) its standard deviations.
        """
        self.dimension = points.shape[-1]
        self._centre, self.spread = centre, spread
        self._rows, self._columns = torch.tril_indices(self.dimension, self.dimension)
        order = torch.zeros(self.dimension, self.dimension, dtype=torch.int64)
        order[self._rows, self._columns] = order[self._columns, self._rows] = torch.arange(len(self._rows))
        self._square = self.dimension + order.flatten()
        self.statistics = self._derivatives((points - centre) / spread)
        """(N, P) derivatives of the logits, which are linear in the parameters."""
        self._products = (self.statistics.unsqueeze(-1) * self.statistics.unsqueeze(1)).flatten(1)
        width = (points.amax(0) - points.amin(0)).max()
        spacing = torch.stack([axis.unique().diff().min() for axis in points.T]).min()
        self._precisions = 1.0 / (_WIDEST * width).square(), 1.0 / (_NARROWEST * spacing).square()

    def parameters(self, mean: Tensor, sd: Tensor) -> Tensor:
        """(R, P) of axis-aligned students with means and sds (R, D)."""
        precision = torch.diag_embed((self.spread / sd).square())
        linear = precision @ ((mean - self._centre) / self.spread).unsqueeze(-1)
        return torch.cat([linear.squeeze(-1), precision[:, self._rows, self._columns]], dim=-1)

    def logits(self, parameters: Tensor) -> Tensor:
        """(R, N) one row per student, also where L is not positive definite and there is none."""
        return parameters @ self.statistics.T

    def fisher(self, q: Tensor) -> Tensor:
        """(R, P, P) covariance of the derivatives under students q (R, N)."""
        mean = q @ self.statistics
        return (q @ self._products).view(*mean.shape, -1) - mean.unsqueeze(-1) * mean.unsqueeze(1)

    def moments(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Means (R, D) and covariances (R, D, D), in the units of the grid."""
        linear, precision = self._split(parameters)
        inverse = torch.linalg.inv_ex(precision)[0]
        mean = self._centre + self.spread * (inverse @ linear.unsqueeze(-1)).squeeze(-1)
        return mean, inverse * self.spread.unsqueeze(-1) * self.spread

    def look(self, parameters: Tensor) -> Tensor:
        """(R, K) what tells students apart: means in the mixture's sds, logs of sds, correlations; NaN outside."""
        mean, covariance = self.moments(parameters)
        sd = covariance.diagonal(dim1=-2, dim2=-1).sqrt()
        correlation = covariance[:, self._rows, self._columns] / (sd[:, self._rows] * sd[:, self._columns])
        look = torch.cat([mean / self.spread, sd.log(), correlation], dim=-1)
        return torch.where(self.inside(parameters).unsqueeze(-1), look, torch.nan)

    def moved(self, parameters: Tensor, step: Tensor) -> Tensor:
        """Parameters after a step: to first order their sum, with L positive definite however long the step is."""
        linear, precision = self._split(parameters)
        along, change = self._split(step)
        lower = torch.linalg.cholesky_ex(precision)[0]
        half = torch.linalg.solve_triangular(lower, change, upper=False)
        relative = torch.linalg.solve_triangular(lower, half.mT, upper=False)
        shares, axes = torch.linalg.eigh(0.5 * (relative + relative.mT))
        # What grows is added to; what shrinks is divided, and so never comes to zero.
        factors = torch.where(shares < 0.0, 1.0 / (1.0 - shares), 1.0 + shares)
        sides = lower @ axes
        new = (sides * factors.unsqueeze(-2)) @ sides.mT
        return torch.cat([linear + along, new[:, self._rows, self._columns]], dim=-1)

    def inside(self, parameters: Tensor) -> Tensor:
        """(R,) whether parameters are those of a Gaussian: neither all but an exponential nor one point of the grid."""
        _, precision = self._split(parameters)
        scaled = precision / (self.spread.unsqueeze(-1) * self.spread)
        # The eigenvalues of a matrix of at most two rows, from its trace and its determinant.
        trace, det = scaled.diagonal(dim1=-2, dim2=-1).sum(-1), torch.linalg.det(scaled)
        high = trace if self.dimension == 1 else 0.5 * (trace + (trace.square() - 4.0 * det).clamp_min(0.0).sqrt())
        low = trace if self.dimension == 1 else det / high
        return (low > self._precisions[0]) & (high < self._precisions[1]) & parameters.isfinite().all(-1)

    def _split(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """a (R, D) and L (R, D, D)."""
        square = parameters.index_select(1, self._square).view(-1, self.dimension, self.dimension)
        return parameters[:, : self.dimension], square

    def _derivatives(self, places: Tensor) -> Tensor:
        products = places[:, self._rows] * places[:, self._columns]
        return torch.cat([places, products * torch.where(self._rows == self._columns, -0.5, -1.0)], dim=-1)


class Objective:
    """A loss as a function of a Gaussian student's parameters."""

    def __init__(self, loss: Loss, log_target: Tensor, student: Student) -> None:
        self._loss = loss
        self._target = log_target
        self._likeliest = log_target.argmax()
        self.student = student

    def both(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values (R,), gradients (R, P) and Fisher matrices (R, P, P)."""
        pair, value, gradient = self._slope(parameters)
        return value, gradient, self.student.fisher(pair.q)

    def single(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Value and gradient of one student, for scipy."""
        near = torch.from_numpy(parameters).clamp(-_LARGEST, _LARGEST).unsqueeze(0)
        _, value, gradient = self._slope(near)
        return float(value[0]), gradient[0].numpy()

    def _slope(self, parameters: Tensor) -> tuple[Pair, Tensor, Tensor]:
        logits = self.student.logits(parameters)
        target = self._likeliest.expand(len(logits)) if self._loss.row.needs_target else None
        pair = Pair.from_logits(self._target.expand_as(logits), logits, target=target)
        value, by_logit = self._loss.row.value_and_grad(pair, **self._loss.params)
        return pair, value, by_logit @ self.student.statistics
