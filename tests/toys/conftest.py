"""Runs every toy test on one torch thread."""

import json
from pathlib import Path

import pytest

from tests.one_thread import one_thread

__all__ = ["one_thread"]

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "toys.json"


@pytest.fixture(scope="session")
def golden() -> dict:
    return json.loads(GOLDEN.read_text(encoding="utf-8"))
