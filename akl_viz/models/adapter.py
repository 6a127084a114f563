"""LoRA adapters: put on a loaded base, with the same refusals as for whole models."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models.source import ADAPTER_CONFIG, Source


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

    try:
        adapted = PeftModel.from_pretrained(model, source.place, is_trainable=False, autocast_adapter_dtype=False)
    except (RuntimeError, ValueError, KeyError) as error:
        raise CheckpointUnavailable(
            f"The adapter {source.weights[0]} does not fit its base {source.base.place if source.base else ''}: "
            f"set base_model_name_or_path in {ADAPTER_CONFIG} to the model it was trained on."
        ) from error
    wanted = set(get_peft_model_state_dict(adapted))
    stored = set(source.tensors)
    if wanted != stored:
        odd = sorted(wanted ^ stored)[0]
        what = "lacks" if odd in wanted else "holds"
        raise CheckpointUnavailable(
            f"{source.weights[0]} {what} the tensor {odd}, against its {ADAPTER_CONFIG}: copy both again."
        )
    return adapted.to(dtype)
