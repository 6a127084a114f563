"""How close is close enough, and why. Every name is one comparison; use them as keyword arguments."""

from __future__ import annotations

Tolerance = dict[str, float]

EXACT: Tolerance = {"rtol": 0.0, "atol": 0.0}
"""The same numbers by the same operations."""

ORACLE: Tolerance = {"rtol": 1e-11, "atol": 1e-13}
"""float64 tensors against correctly rounded Python sums: a few hundred roundings of 1e-16, values of order 1."""

AUTOGRAD: Tolerance = {"rtol": 1e-9, "atol": 1e-12}
"""float64 closed form against autograd: both exact but for rounding; log ratios of order 10 lose one or two digits."""

FINITE_DIFFERENCE: Tolerance = {"rtol": 5e-6, "atol": 1e-9}
"""Fourth-order central differences at step 1e-3: truncation about 1e-12 times a fifth derivative, rounding 1e-11."""

GOLDEN: Tolerance = {"rtol": 1e-12, "atol": 1e-14}
"""Numbers worked out by hand and stored with 17 digits."""

OTHER_KERNELS: Tolerance = {"rtol": 1e-13, "atol": 1e-15}
"""float64 of one formula by two processors' kernels, as stored numbers against fresh ones. NumPy's exponential with and
without AVX-512 differs by one unit of the last place (2e-16 relative), a sum of 100 such terms by a few."""

TRAINED_BY_OTHER_KERNELS: Tolerance = {"rtol": 1e-9, "atol": 1e-12}
"""float64 after 800 steps of an optimiser on two processors: seen up to 4e-15, and 4e-11 of a gap all but closed."""

PUBLISHED_6_DIGITS: Tolerance = {"rtol": 0.0, "atol": 5.1e-7}
"""A number printed with six decimals: two processes may round a half to either side."""

PUBLISHED_4_DIGITS: Tolerance = {"rtol": 0.0, "atol": 5.1e-5}
"""A table printed with four decimals: half a unit of the last digit, and a hair for its own rounding."""

PUBLISHED_3_DIGITS: Tolerance = {"rtol": 0.0, "atol": 5.1e-4}
"""A number printed with three decimals."""

ROUNDING: Tolerance = {"rtol": 0.0, "atol": 1e-13}
"""A float64 sum that is exactly zero on paper, with terms of order 1."""

SHIFT: Tolerance = {"rtol": 1e-9, "atol": 1e-12}
"""A constant of order 10 added to logits costs one decimal digit of each."""

SINGLE: Tolerance = {"rtol": 1e-5, "atol": 1e-6}
"""float32 against float64 on log ratios of order 10: 1e-7 relative each, and the KLs cancel one digit."""

NEAR: Tolerance = {"rtol": 1e-2, "atol": 0.0}
"""float32 against float64 on rows that nearly agree: log ratios of 1e-4 carry a rounding of some 1e-7 of their own."""

SINGLE_GRADIENT: Tolerance = {"rtol": 1e-4, "atol": 3e-7}
"""float32 gradient rows: entries are differences of probabilities, so their absolute error is that of the larger."""

SINGLE_WEIGHT: Tolerance = {"rtol": 0.0, "atol": 2e-6}
"""float32 weights: quotients of two sums of 50,000 gaps."""

HALF: Tolerance = {"rtol": 2e-2, "atol": 0.0}
"""bf16 and fp16 keep 8 and 11 bits of the result; the arithmetic is float32."""

OTHER_BLOCKS = 1e-5
"""Float32 logits of other block sizes, per largest logit: at most 6e-6 over 120 families; a fault shows at 0.1."""
