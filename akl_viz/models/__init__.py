"""From a model reference to logits: references, checkpoints, devices, vocabularies, tokens.

Importing this package loads neither torch nor transformers: each name is fetched on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from akl_viz.models.bundled import BundledModel, bundled_models
    from akl_viz.models.checkpoint import Checkpoint, load_checkpoint
    from akl_viz.models.device import resolve_device, resolve_dtype
    from akl_viz.models.logits import LogitBlocks, logit_blocks
    from akl_viz.models.memory import MemoryPlan, is_out_of_memory, memory_plan
    from akl_viz.models.pool import ModelPool
    from akl_viz.models.reading import Reading, reading_of
    from akl_viz.models.reference import Policy, Reference, parse_reference
    from akl_viz.models.text import Encoded, Parts, encode
    from akl_viz.models.token_labels import token_label
    from akl_viz.models.vocab import check_scored, compare_tokenizers, match_vocabularies

__all__ = [
    "BundledModel",
    "Checkpoint",
    "Encoded",
    "LogitBlocks",
    "MemoryPlan",
    "ModelPool",
    "Parts",
    "Policy",
    "Reading",
    "Reference",
    "bundled_models",
    "check_scored",
    "compare_tokenizers",
    "encode",
    "is_out_of_memory",
    "load_checkpoint",
    "logit_blocks",
    "match_vocabularies",
    "memory_plan",
    "parse_reference",
    "reading_of",
    "resolve_device",
    "resolve_dtype",
    "token_label",
]

_HOMES = {
    "BundledModel": "bundled",
    "bundled_models": "bundled",
    "Checkpoint": "checkpoint",
    "load_checkpoint": "checkpoint",
    "MemoryPlan": "memory",
    "is_out_of_memory": "memory",
    "memory_plan": "memory",
    "resolve_device": "device",
    "resolve_dtype": "device",
    "LogitBlocks": "logits",
    "logit_blocks": "logits",
    "ModelPool": "pool",
    "Reading": "reading",
    "reading_of": "reading",
    "Policy": "reference",
    "Reference": "reference",
    "parse_reference": "reference",
    "Encoded": "text",
    "Parts": "text",
    "encode": "text",
    "token_label": "token_labels",
    "check_scored": "vocab",
    "compare_tokenizers": "vocab",
    "match_vocabularies": "vocab",
}


def __getattr__(name: str) -> object:
    """Fetch a public name from the module that holds it (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"akl_viz.models.{_HOMES[name]}"), name)
