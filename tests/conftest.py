"""One torch thread, here and in every process a test starts, and the profiles of hypothesis.

Profiles: "fast" by default, "nightly" with AKL_VIZ_HYPOTHESIS=nightly.
"""

from __future__ import annotations

import os

from hypothesis import settings

# Tests use tiny tensors and run side by side: a second thread only waits. Read when torch is imported, so set before.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("fast", max_examples=25, derandomize=True, deadline=None)
settings.register_profile("nightly", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("AKL_VIZ_HYPOTHESIS", "fast"))
