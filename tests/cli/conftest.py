"""A pair of tiny checkpoints for the command, and two ways to run it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from akl_viz.cli import main
from tests.checkpoints import save_llama

__all__ = ["ROOT"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def pair(tmp_path_factory) -> list[str]:
    """The options that name a teacher and a student."""
    root = tmp_path_factory.mktemp("cli")
    teacher, student = save_llama(root / "teacher", 1, hidden=32), save_llama(root / "student", 2)
    return ["--teacher", str(teacher), "--student", str(student)]


@pytest.fixture
def run(capsys):
    """Run the command in this process: `run("inspect", ...)`."""

    def call(*argv: str) -> Outcome:
        capsys.readouterr()
        try:
            code = main([str(part) for part in argv])
        except SystemExit as stop:
            code = int(stop.code or 0)
        told = capsys.readouterr()
        return Outcome(code, told.out, told.err)

    return call


@pytest.fixture
def shell():
    """Run `python -m akl_viz` as a process of its own; arguments may be bytes."""

    def call(*argv, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "akl_viz", *argv],
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            timeout=120,
        )

    return call
