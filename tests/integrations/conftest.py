"""A tiny teacher, saved and loaded."""

import pytest

from akl_viz.models import load_checkpoint
from tests.checkpoints import save_llama


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Folder of the teacher."""
    return save_llama(tmp_path_factory.mktemp("pair") / "teacher", 1, hidden=32)


@pytest.fixture(scope="module")
def teacher(place):
    return load_checkpoint(str(place), device="cpu")
