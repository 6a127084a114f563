"""One loaded model with its tokenizer, or one sentence that says why it was not loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from akl_viz.errors import AklVizError, CheckpointUnavailable, OutOfMemory
from akl_viz.models import loading
from akl_viz.models.adapter import put_adapter
from akl_viz.models.device import dtype_name, resolve_device, resolve_dtype
from akl_viz.models.health import check_causal, check_loading_report, check_weights
from akl_viz.models.kinds import holds_key
from akl_viz.models.locate import locate
from akl_viz.models.memory import plan_for
from akl_viz.models.quiet import quiet
from akl_viz.models.reference import Policy, Reference, parse_reference
from akl_viz.models.source import Source
from akl_viz.records import ModelInfo

Progress = Callable[[float, str], None]
"""Told the share of the load that is done, 0 to 1, and what is being done; may raise to stop the load."""


@dataclass(frozen=True)
class Checkpoint:
    """A causal language model in evaluation mode, its tokenizer, and how both are named in records."""

    info: ModelInfo
    model: Any
    """The transformers (or peft) model; its parameters take no gradient."""
    tokenizer: Any
    """A fast tokenizer: it knows which stretch of the text each token stands for."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth saying although nothing is wrong; see `ModelInfo.notes`."""
        return self.info.notes


def load_checkpoint(
    reference: str | Reference,
    *,
    device: str = "auto",
    dtype: str = "auto",
    policy: Policy | None = None,
    progress: Progress | None = None,
) -> Checkpoint:
    """Load a model from safetensors, refusing everything that would make its numbers other than the checkpoint's.

    No pickle is read, no code of the checkpoint runs, nothing is silently re-initialised, and the network is
    reached only for a hub id.

    Args:
        reference: `bundled:NAME`, a local folder (also of a LoRA adapter) or a hub id, or a parsed reference.
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: auto, float32, bfloat16, float16 or float64.
        policy: what may be used; None for the command line's policy.
        progress: told what is being done.

    Raises:
        CheckpointUnavailable: the model cannot be loaded; the message names the file and the remedy.
        InvalidInput: an unknown reference, device or dtype.
    """
    policy = policy or Policy.for_command_line()
    tell = progress or (lambda share, sentence: None)
    parsed = parse_reference(reference, policy) if isinstance(reference, str) else reference
    target = resolve_device(device)
    tell(0.0, f"Looking at the files of {parsed}")
    with quiet(offline=parsed.kind != "hub"):
        try:
            source = locate(parsed, policy)
            plan = plan_for(source, str(parsed), target, resolve_dtype(dtype, target, source.stored_dtype))
            if not plan.fits:
                raise CheckpointUnavailable(plan.sentence)
            tell(0.05, plan.sentence)
            return _load(parsed, source, target, resolve_dtype(dtype, target, source.stored_dtype), tell)
        except AklVizError:
            raise
        except Exception as error:
            sentence = loading.explain(error, str(parsed.path or parsed))
            if not isinstance(sentence, OutOfMemory):
                raise sentence from error
    # Outside the handler: the failed allocation's frames hold what was loaded, and this error must not hold them.
    raise sentence


def _load(reference: Reference, source: Source, device: torch.device, dtype: torch.dtype, tell: Progress) -> Checkpoint:
    """Load files that passed every check that needs no model code."""
    tell(0.1, f"Reading the tokenizer of {reference}")
    root = source.base or source
    plan = loading.build_plan(root)
    loading.check_sizes(root, plan)
    tokenizer = loading.load_tokenizer(source)
    tell(0.2, f"Reading the weights of {reference}")
    model, report = loading.load_model(root, plan, dtype)
    notes = (*_read_otherwise(root), *check_loading_report(report, model, root))
    if source.base:
        model = put_adapter(model, source, dtype)
    tell(0.7, f"Checking the weights of {reference}")
    check_weights(model, source, dtype)
    model = model.to(device).eval().requires_grad_(False)
    check_causal(model, root.place / "config.json")
    tell(0.9, f"Naming the weights of {reference}")
    info = ModelInfo(
        reference=str(reference),
        architecture=type(model).__name__ if not source.base else f"{type(model.get_base_model()).__name__} + LoRA",
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        vocab_size=loading.vocabulary_rows(model),
        context=loading.context_length(model, tokenizer),
        dtype=dtype_name(dtype),
        device=str(device),
        revision=source.revision,
        notes=notes,
    )
    tell(1.0, f"Loaded {reference}")
    return Checkpoint(info, model, tokenizer)


def _read_otherwise(source: Source) -> tuple[str, ...]:
    """What config.json says of a checkpoint that was not done, or done in our own way."""
    path, notes = source.place / "config.json", []
    if holds_key(source.config, "auto_map"):
        notes.append(f"{path} names code of its own (auto_map), which was not run: the built-in class was loaded.")
    if source.quantised:
        notes.append(f"The weights of {source.place} are stored as {source.quantised} and were expanded.")
    elif source.config.get("quantization_config"):
        notes.append(f"{path} describes quantised weights, but plain ones are stored, and these were loaded.")
    return tuple(notes)
