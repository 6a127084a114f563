"""Check what lies in data/: size, finite weights, and the perplexity of every checkpoint against the index.

A rebuild on another machine cannot be compared byte by byte (float results differ between processors), so this is
the test of one: perplexity of the saved weights, to a tolerance.
"""

from __future__ import annotations

import json
import sys

from index import CHECKPOINTS, INDEX, bundled, held_out_stream, load, one_thread
from language_model import perplexity
from text import DATA

MOST_BYTES = 40_000_000
UNCOUNTED = ("build/scratch", "extra")
"""Folders that git ignores: unfinished work, and models a user adds."""

PERPLEXITY_TOLERANCE = 0.002
"""Relative. The same fp16 weights in float32 differ between processors by far less than this, in the order of
summation only; one training step more or less moves a student by more."""


def bundled_bytes() -> int:
    """Size of everything in data/ that is committed."""
    ignored = [DATA / name for name in UNCOUNTED]
    files = (path for path in DATA.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sum(path.stat().st_size for path in files if not any(path.is_relative_to(folder) for folder in ignored))


def problems() -> list[str]:
    """One sentence for everything that is not as the index says; empty if all is well."""
    found = []
    if (size := bundled_bytes()) > MOST_BYTES:
        found.append(f"data/ has {size / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:.0f} MB")
    rows = json.loads(INDEX.read_text())
    if [row["name"] for row in rows] != [row["name"] for row in bundled()]:
        found.append("the index does not list the bundled checkpoints in their order")
    held_out = held_out_stream()
    for row in rows:
        try:
            with one_thread():
                measured = perplexity(load(CHECKPOINTS / row["name"]), held_out)
        except (OSError, ValueError) as error:
            found.append(f"{row['name']} cannot be used: {error}")
            continue
        if abs(measured / row["perplexity"] - 1) > PERPLEXITY_TOLERANCE:
            found.append(f"{row['name']} has perplexity {measured:.3f}, the index says {row['perplexity']:.3f}")
    return found


def main() -> None:
    """Print the problems and leave with 1 if there are any."""
    found = problems()
    for problem in found:
        print(problem)
    if found:
        sys.exit(1)
    print(f"data/ is as the index says ({bundled_bytes() / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
