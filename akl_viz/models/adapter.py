"""LoRA adapters: put on a loaded base, with the same refusals as for whole models."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from safetensors import safe_open

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models.source import ADAPTER_CONFIG, Source

_TABLES = (
    ".weight",
    ".base_layer.weight",
    ".modules_to_save.weight",
    ".original_module.weight",
    ".token_adapter.base_layer.weight",
    ".token_adapter.trainable_tokens_delta",
)
"""How the name of an embedding, or of its trained rows, may end that peft stores beside what it trains elsewhere."""


def put_adapter(model: Any, source: Source, dtype: torch.dtype) -> Any:
    """Put a LoRA adapter on its base; the two stay separate, as they were trained.

    Args:
        model: the loaded base.
        source: the adapter's files.
        dtype: the format the whole model runs in.

    Returns:
        The peft model.

    Raises:
        CheckpointUnavailable: peft is not installed, or the adapter does not fit the base.
    """
    if find_spec("peft") is None:
        raise CheckpointUnavailable(
            f"{source.place / ADAPTER_CONFIG} is a LoRA adapter, which needs the package peft: "
            "install it (pip install peft), or merge the adapter into its base."
        )
    from peft import PeftModel, get_peft_model_state_dict

    tables = _stored_tables(model, source)
    try:
        _resize(model, source, tables)
        adapted = PeftModel.from_pretrained(model, source.place, is_trainable=False, autocast_adapter_dtype=False)
    except (RuntimeError, ValueError, KeyError, IndexError, TypeError) as error:
        raise CheckpointUnavailable(
            f"The adapter {source.weights[0]} does not fit its base {source.base.place if source.base else ''}: "
            f"set base_model_name_or_path in {ADAPTER_CONFIG} to the model it was trained on."
        ) from error
    wanted = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    stored = set(source.tensors)
    odd = sorted((wanted - stored) | (stored - wanted - set(tables)))
    if odd:
        what = "lacks" if odd[0] in wanted else "holds"
        raise CheckpointUnavailable(
            f"{source.weights[0]} {what} the tensor {odd[0]}, against its {ADAPTER_CONFIG}: copy both again."
        )
    _check_tables(adapted, source, set(tables) - wanted)
    return adapted.to(dtype)


def _stored_tables(model: Any, source: Source) -> dict[str, Any]:
    """Names under which an adapter's file holds whole embeddings, and the module of the base that each belongs to."""
    found: dict[str, Any] = {}
    for table in (model.get_input_embeddings(), model.get_output_embeddings()):
        name = next((name for name, module in model.named_modules() if module is table), None)
        for ending in _TABLES:
            key = f"base_model.model.{name}{ending}"
            if key in source.tensors:
                found[key] = table
    return found


def _resize(model: Any, source: Source, tables: dict[str, Any]) -> None:
    """Give the base the rows of the adapter's own embeddings: tokens were added when it was trained."""
    rows = {source.tensors[key].shape[0] for key in tables if key.endswith(".weight")}
    if len(rows) > 1:
        raise ValueError("input and output embeddings of different lengths")
    if rows and rows != {model.get_input_embeddings().weight.shape[0]}:
        model.resize_token_embeddings(rows.pop(), mean_resizing=False)


def _check_tables(adapted: Any, source: Source, names: set[str]) -> None:
    """Refuse an adapter whose stored embeddings did not reach the model.

    Raises:
        CheckpointUnavailable: names the tensor.
    """
    with safe_open(source.weights[0], framework="pt") as stored:
        # What peft keeps of the base beside a trained table is not run.
        for name in sorted(name for name in names if ".original_module." not in name):
            held = [part for own, part in adapted.named_parameters(remove_duplicate=False) if _stored_name(own) == name]
            tensor = stored.get_tensor(name)
            if not any(part.shape == tensor.shape and torch.equal(part, tensor.to(part.dtype)) for part in held):
                raise CheckpointUnavailable(
                    f"The tensor {name} in {source.weights[0]} did not reach the model: "
                    "merge the adapter into its base (merge_and_unload) and save that."
                )


def _stored_name(name: str) -> str:
    """The name under which peft stores a parameter: without the adapter's own name."""
    return name.replace(".modules_to_save.default.", ".modules_to_save.").removesuffix(".default")
