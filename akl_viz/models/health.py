"""Checks on a model that was just loaded: complete, of the right shapes, every weight a number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models.device import dtype_name
from akl_viz.models.passes import one_pass
from akl_viz.models.source import Source

_STALE = ("rotary_emb.inv_freq", "attn.bias", "attn.masked_bias", "attention.bias", "attention.masked_bias")
"""Buffers that older versions of transformers stored and newer ones compute: harmless left-overs."""


def check_loading_report(report: dict[str, Any], model: Any, source: Source) -> tuple[str, ...]:
    """Refuse a model some of whose weights did not come from its files, or that leaves out weights that count.

    A stored tensor the model has no place for is refused when it lies inside the parts the model runs (the
    configuration then describes another model: fewer layers, no biases). Others, such as a value head, are noted.

    Args:
        report: what transformers says about missing, mismatched and unexpected tensors.
        model: the loaded model.
        source: the files, for their names.

    Returns:
        Notes about tensors that were left out.

    Raises:
        CheckpointUnavailable: a tensor is missing, has another shape, or counts and would be left out.
    """
    mismatched = sorted(report.get("mismatched_keys") or ())
    if mismatched:
        name, stored, expected = (*mismatched[0], None, None)[:3]
        shapes = f"has shape {_shape(stored)}, but config.json asks for {_shape(expected)}"
        raise CheckpointUnavailable(
            f"The tensor {name} in {_file(source, name)} {shapes}: use the config.json that was saved with the weights."
        )
    missing = sorted(report.get("missing_keys") or ())
    if missing:
        raise CheckpointUnavailable(
            f"{_file(source, missing[0])} lacks {_count(missing)}: copy the complete checkpoint or save it again; "
            "AKL Viz does not fill weights with random numbers."
        )
    unexpected = sorted(report.get("unexpected_keys") or ())
    counting = [name for name in unexpected if _would_count(name, model)]
    if counting:
        raise CheckpointUnavailable(
            f"{_file(source, counting[0])} holds {_count(counting)} that config.json has no place for: "
            "use the config.json that was saved with the weights."
        )
    if not unexpected:
        return ()
    return (f"{_file(source, unexpected[0])} holds {_count(unexpected)} that a language model does not use.",)


def check_weights(model: Any, source: Source, dtype: torch.dtype) -> None:
    """Refuse weights that are NaN or infinite.

    Args:
        model: the loaded model, still on the CPU.
        source: the files, for their names.
        dtype: the format it was loaded in: float16 can overflow where the stored numbers do not.

    Raises:
        CheckpointUnavailable: names the first such tensor.
    """
    for name, parameter in model.named_parameters():
        low, high = torch.aminmax(parameter.detach())
        if not (torch.isfinite(low) and torch.isfinite(high)):
            narrow = dtype == torch.float16 and source.stored_dtype != "F16"
            remedy = "choose float32 or bfloat16" if narrow else "use a checkpoint from before the training diverged"
            raise CheckpointUnavailable(
                f"The tensor {name} in {_file(source, name)} holds NaN or infinite values "
                f"(read as {dtype_name(dtype)}): {remedy}."
            )


def check_causal(model: Any, config: Path | str) -> None:
    """Refuse a model whose predictions depend on later tokens, by trying it: four tokens with two different ends.

    Args:
        model: in evaluation mode.
        config: the file that describes it, for messages.

    Raises:
        CheckpointUnavailable: the logits before the end differ.
    """
    ids = torch.tensor([[0, 1, 2, 0], [0, 1, 2, 1]], device=model.device) % model.get_input_embeddings().weight.shape[0]
    with torch.inference_mode():
        first, second = one_pass(model, ids)[:, :-1]
    # Half the digits of the format: rounding between two rows of one batch stays far below, a leak far above.
    allowed = torch.finfo(first.dtype).eps ** 0.5 * float(first.abs().max())
    difference = float((first - second).abs().max())
    if difference > allowed:
        raise CheckpointUnavailable(
            f"{config} describes a model that reads the tokens after the one it predicts "
            f"({type(model).__name__}, as masked language models do): use a causal language model."
        )


def _would_count(name: str, model: Any) -> bool:
    """Whether a stored tensor lies inside a part that the model runs."""
    if name.endswith(_STALE):
        return False
    parts = {child for child, _ in model.named_children()} | {child for child, _ in model.base_model.named_children()}
    return name.split(".", 1)[0] in parts


def _file(source: Source, name: str) -> str:
    """The file that holds a tensor, or the first file for one that is in none."""
    header = source.tensors.get(name)
    return str(header.file if header else source.weights[0])


def _count(names: list[str]) -> str:
    """Name the first of some tensors, and say how many more there are."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"the tensor {names[0]}{more}"


def _shape(shape: Any) -> str:
    """A shape as a reader writes it: 64 x 32."""
    return " x ".join(str(side) for side in shape or ())
