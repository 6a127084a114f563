"""What a configuration says a checkpoint is, and whether its next-token scores can be read here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models.headers import TensorHeader

EXPANDED = ("fp8", "mxfp4")
"""Methods whose weights transformers expands to plain numbers on any device, without a package of its own."""

_PACKAGES = {
    "gptq": "gptqmodel",
    "awq": "autoawq or gptqmodel",
    "bitsandbytes": "bitsandbytes",
    "bitsandbytes_4bit": "bitsandbytes",
    "bitsandbytes_8bit": "bitsandbytes",
    "compressed-tensors": "compressed-tensors",
    "torchao": "torchao",
    "hqq": "hqq",
    "aqlm": "aqlm",
    "quanto": "optimum-quanto",
    "quark": "amd-quark",
    "auto-round": "auto-round",
    "eetq": "eetq",
    "fbgemm_fp8": "fbgemm-gpu",
    "vptq": "vptq",
}
_PLAIN = {"F64", "F32", "F16", "BF16", "BOOL"}
_COUNTED = re.compile(r"((num|n)_?\w*(layer|expert|block|label)s?|\w*_layers|depth)")
_FEW_PARTS = 1000
"""A number of layers, experts or labels that costs nothing to build, whatever the files hold."""

_BUFFERS = ("position_ids", "attn.bias", "attn.masked_bias", "attention.bias", "attention.masked_bias", "num_batches")
_SENSES = {"vision_config": "images", "audio_config": "sounds", "visual": "images", "vision_tower": "images"}


def refuse_foreign_kinds(path: Path, config: dict[str, Any]) -> None:
    """Refuse configurations of models that do not score the next token of a text.

    Raises:
        CheckpointUnavailable: an encoder-decoder, or a masked language model.
    """
    if holds_key(config, "is_encoder_decoder"):
        raise CheckpointUnavailable(
            f"{path} describes an encoder-decoder model, which reads a second text: use a causal language model."
        )
    named = config.get("architectures") or []
    named = named if isinstance(named, list) else [named]
    other = [name for name in named if str(name).endswith(("ForMaskedLM", "ForPreTraining"))]
    if other:
        raise CheckpointUnavailable(
            f"{path} describes a masked language model ({other[0]}), which does not predict the next token: "
            "use a causal language model."
        )


def refuse_endless_parts(path: Path, config: dict[str, Any], tensors: int) -> None:
    """Refuse more layers, experts or labels than there are tensors: building them would take forever.

    Raises:
        CheckpointUnavailable: names the entry.
    """
    for name, value in _numbers(config):
        if _COUNTED.fullmatch(name) and value > max(tensors, _FEW_PARTS):
            raise CheckpointUnavailable(
                f"{path} asks for {name} = {value:,}, but the files beside it hold {tensors:,} tensors: "
                "use the config.json that was saved with the weights."
            )


def quantisation(path: Path, config: dict[str, Any], tensors: dict[str, TensorHeader]) -> str | None:
    """The method that the weights of a checkpoint are quantised by and can be expanded from; None for plain ones.

    A configuration may name a method although the weights were saved as plain numbers again.

    Raises:
        CheckpointUnavailable: another method; the message names what would read it.
    """
    described = config.get("quantization_config")
    if not described or all(_is_plain(name, tensor) for name, tensor in tensors.items()):
        return None
    method = str(described.get("quant_method", "unknown") if isinstance(described, dict) else "unknown")[:60]
    if method in EXPANDED:
        return method
    package = _PACKAGES.get(method)
    needs = f"would need the package {package}, which AKL Viz does not use" if package else "AKL Viz does not read"
    raise CheckpointUnavailable(
        f"{path} describes weights quantised by {method} (quantization_config), which {needs}: "
        "use the unquantised checkpoint, or load it with transformers, call model.dequantize() and save that."
    )


def other_senses(config: dict[str, Any]) -> str | None:
    """What a model reads besides text ("images", "sounds"), as its configuration says; None for text alone."""
    return next((what for key, what in _SENSES.items() if holds_key(config, key)), None)


def holds_key(value: Any, key: str) -> bool:
    """Whether a JSON value holds a non-empty entry of that name anywhere."""
    if isinstance(value, dict):
        return bool(value.get(key)) or any(holds_key(part, key) for part in value.values())
    return isinstance(value, list) and any(holds_key(part, key) for part in value)


def _is_plain(name: str, tensor: TensorHeader) -> bool:
    """Whether a stored tensor is a plain floating-point one, or a buffer of whole numbers that old versions stored."""
    return tensor.dtype in _PLAIN or name.endswith(_BUFFERS)


def _numbers(value: Any) -> Iterator[tuple[str, float]]:
    """Every number of a JSON object with its name, at any depth of objects."""
    for name, part in value.items():
        if isinstance(part, dict):
            yield from _numbers(part)
        elif isinstance(part, int | float) and not isinstance(part, bool):
            yield name, part
