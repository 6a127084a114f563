"""Pairs of tiny random checkpoints, loaded by name."""

from pathlib import Path

import pytest

from akl_viz.models import ModelPool
from tests.checkpoints import VOCABULARY, save_llama

__all__ = ["PADDING"]

PADDING = 24


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Checkpoint folders by name: a teacher, a student, and a student whose embedding is padded."""
    root = tmp_path_factory.mktemp("pair")
    return {
        "teacher": save_llama(root / "teacher", 1, hidden=32),
        "student": save_llama(root / "student", 2),
        "padded": save_llama(root / "padded", 3, rows=VOCABULARY + PADDING),
        "long": save_llama(root / "long", 4, context=2048),
    }


@pytest.fixture(scope="session")
def load(folders):
    """Load two of the checkpoints by name: `load("teacher", "student", dtype="float32")`."""
    pool = ModelPool(capacity=8)

    def pair(teacher: str, student: str, dtype: str = "float32"):
        return pool.pair(str(folders[teacher]), str(folders[student]), dtype=dtype, device="cpu")

    return pair
