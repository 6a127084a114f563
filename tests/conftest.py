"""Hypothesis profiles: "fast" by default, "nightly" with AKL_VIZ_HYPOTHESIS=nightly."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("fast", max_examples=25, derandomize=True, deadline=None)
settings.register_profile("nightly", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("AKL_VIZ_HYPOTHESIS", "fast"))
