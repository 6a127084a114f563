"""Store the comparison that the first page shows, so that it is filled before any model is loaded."""

from __future__ import annotations

import json

from text import DATA

from akl_viz.analysis.trace import token_trace
from akl_viz.models import load_checkpoint

TEACHER = "bundled:teacher"
STUDENT = "bundled:akl-80"
PASSAGE = "engaged-to-darcy"
OUT = DATA / "traces" / "overview.npz"


def main() -> None:
    """Trace the passage and store it without timings."""
    lines = (DATA / "prompts" / "passages.jsonl").read_text(encoding="utf-8").splitlines()
    (text,) = (row["text"] for row in map(json.loads, lines) if row["id"] == PASSAGE)
    trace = token_trace(load_checkpoint(TEACHER), load_checkpoint(STUDENT), text)
    OUT.parent.mkdir(exist_ok=True)
    trace.without_timing().save(OUT)
    print(f"{OUT.name}: {len(trace)} tokens, {OUT.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
