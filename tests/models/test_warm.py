"""What importing the heavy libraries leaves behind."""

import subprocess
import sys

import pytest

COUNT = """
import gc
from akl_viz.models.warm import import_libraries
import_libraries()
held = len(gc.get_objects())
import_libraries()
print(held, gc.get_freeze_count())
"""


@pytest.mark.slow
def test_garbage_collections_do_not_walk_through_the_libraries():
    """Streamlit collects after every run of a script: over torch and transformers that is 0.2 s of everybody's time."""
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    held, frozen = map(int, done.stdout.split())
    assert frozen > 100_000
    assert held < 0.1 * frozen
