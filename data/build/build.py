"""Rebuild data/ from nothing: `make data`. About an hour and a half of CPU, most of it the teacher.

Each step is a program of this folder and can be run alone with `--only`. Training steps resume from
data/build/scratch after an interruption.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from text import CORPUS, DATA

BUILD = DATA / "build"
STEPS: dict[str, tuple[str, ...]] = {
    "corpus": (),
    "tokenizer": (),
    "teacher": (),
    "students": (),
    "index": (),
    "prompts": (),
    "trace": (),
    "race": (),
    "toys": (),
    "report": (),
    "verify": (),
}
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_TOP_PAD_": "500000000"}
"""glibc settings that keep freed memory in the process: large buffers are not mapped and zeroed anew every step."""


def run(step: str) -> int:
    """Run one step as a process of its own; return its exit code."""
    path = os.pathsep.join(filter(None, [str(DATA.parent), os.environ.get("PYTHONPATH")]))
    environment = os.environ | KEEP_MEMORY | {"PYTHONPATH": path}
    command = [sys.executable, str(BUILD / f"{step}.py"), *STEPS[step]]
    return subprocess.run(command, env=environment, check=False).returncode


def main() -> None:
    """Run all steps in order, or one; stop at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=STEPS, help="run this step alone")
    only = parser.parse_args().only
    for step in [only] if only else STEPS:
        started = time.monotonic()
        print(f"== {step}", flush=True)
        code = run(step)
        if code and step == "corpus" and not only and any(CORPUS.glob("*.txt.xz")):
            print("corpus: the Debian package could not be fetched and read; the bundled text is used as it is.")
        elif code:
            sys.exit(f"{step} failed with exit code {code}.")
        print(f"== {step}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
