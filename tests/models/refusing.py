"""How the tests ask what a checkpoint is refused with."""

import pytest

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models import load_checkpoint


def refusal(reference, **options) -> str:
    """The sentence a reference is refused with; it must be one line."""
    with pytest.raises(CheckpointUnavailable) as caught:
        load_checkpoint(str(reference), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)
