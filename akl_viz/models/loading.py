"""The calls into transformers, and what their failures mean."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import torch

from akl_viz.errors import CheckpointUnavailable, OutOfMemory
from akl_viz.models.kinds import other_senses
from akl_viz.models.memory import is_out_of_memory
from akl_viz.models.positions import stated_context
from akl_viz.models.reference import GGUF, SMOLLM2_REMEDY
from akl_viz.models.source import Source, has_tokenizer, refuse_custom_code

LOG = logging.getLogger(__name__)
_MOST_SHARE = 4
"""Numbers a model may have for each stored one: two where a byte holds two, and room for tensors that are missing."""
_MOST_BUFFERS = 500_000_000
"""Numbers a model may have besides, in masks and tables of positions that no file holds."""
_FEW = 1_000_000
"""Numbers that cost nothing, whatever the files hold."""
_UNBOUNDED_CONTEXT = 2048
"""Context of models whose positions have no end (ALiBi) and whose configuration names none."""


def build_plan(source: Source) -> tuple[Any, Any]:
    """Find the model class that transformers has for a configuration; nothing is built yet.

    Returns:
        The configuration and the class; both None for the GGUF file, which carries its own.

    Raises:
        CheckpointUnavailable: no such class, or a configuration it refuses.
    """
    if source.place.suffix == GGUF:
        return None, None
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = source.config.get("model_type")
    path = source.place / "config.json"
    if not isinstance(kind, str) or kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        refuse_custom_code(path, source.config)
        senses = other_senses(source.config)
        if senses:
            raise CheckpointUnavailable(
                f"{path} describes a model that also reads {senses} ({kind}), which is not scored here: "
                "save its language model alone (the text part, with its tokenizer), or use a text-only checkpoint."
            )
        raise CheckpointUnavailable(
            f"{path} names the model type {kind!r}, which is no causal language model of the installed transformers: "
            "use a model of a built-in type, or a newer transformers."
        )
    try:
        config = AutoConfig.from_pretrained(source.place, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise CheckpointUnavailable(
            f"{path} describes no model that can be built: copy it again from where the checkpoint came from."
        ) from error
    return config, AutoModelForCausalLM._model_mapping[type(config)]


def load_model(source: Source, plan: tuple[Any, Any], dtype: torch.dtype) -> tuple[Any, dict[str, Any]]:
    """Load a causal language model from safetensors (or the one GGUF file) on the CPU.

    Returns:
        The model, and transformers' report of missing, unexpected and mismatched tensors.
    """
    options: dict[str, Any] = {
        "dtype": dtype,
        "local_files_only": True,
        "trust_remote_code": False,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,
    }
    config, model_class = plan
    if config is None:
        return _load_gguf(source.place, options)
    if source.quantised:
        options["quantization_config"] = _expanding(source.quantised)
    elif hasattr(config, "quantization_config"):
        del config.quantization_config  # the weights are plain numbers: see `kinds.quantisation`
    model, report = model_class.from_pretrained(
        source.place, config=config, use_safetensors=True, attn_implementation=_attention(model_class), **options
    )
    if source.quantised:
        model.to(dtype)
    return model, report


def check_sizes(source: Source, plan: tuple[Any, Any]) -> None:
    """Refuse a configuration that asks for far more numbers than the files hold, before any of them is allocated.

    Raises:
        CheckpointUnavailable: says how many of both.
    """
    config, model_class = plan
    if config is None:
        return
    config = copy.deepcopy(config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        model = model_class._from_config(config, attn_implementation=_attention(model_class))
    weights, asked = (sum(part.numel() for part in parts) for parts in (model.parameters(), model.buffers()))
    stored = sum(tensor.size for tensor in source.tensors.values())
    if weights > _MOST_SHARE * stored + _FEW or asked > _MOST_SHARE * stored + _MOST_BUFFERS:
        asked += weights
        raise CheckpointUnavailable(
            f"{source.place / 'config.json'} describes a model of {asked:,} numbers, but the files beside it hold "
            f"{stored:,}: use the config.json that was saved with the weights."
        )


def _attention(model_class: Any) -> str:
    """The attention of a model; without a choice of ours its configuration could name one to be fetched."""
    return "sdpa" if getattr(model_class, "_supports_sdpa", False) else "eager"


def _expanding(method: str) -> Any:
    """What tells transformers to expand quantised weights to plain numbers while it reads them."""
    import transformers

    return getattr(transformers, {"fp8": "FineGrainedFP8Config", "mxfp4": "Mxfp4Config"}[method])(dequantize=True)


def load_tokenizer(source: Source) -> Any:
    """Load a fast tokenizer: that of an adapter's own folder, else that of its base.

    Raises:
        CheckpointUnavailable: there is none, or it does not say which stretch of text a token stands for.
    """
    from transformers import AutoTokenizer

    root = source.base if source.base and not has_tokenizer(source.place) else source
    folder, extra = root.place, {}
    if folder.suffix == GGUF:
        folder, extra = folder.parent, {"gguf_file": folder.name}
    if root is source and source.base:
        extra = {"config": build_plan(source.base)[0]}  # an adapter has no config.json that names the kind
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, use_fast=True, local_files_only=True, trust_remote_code=False, **extra
        )
    except Exception as error:
        if "gguf_file" in extra and not _has_gguf():
            raise _no_gguf() from error
        raise CheckpointUnavailable(
            f"The tokenizer in {folder} cannot be read: copy tokenizer.json and tokenizer_config.json there "
            "(tokenizer.save_pretrained(folder))."
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise CheckpointUnavailable(
            f"The tokenizer in {folder} is a slow one, which does not say where in the text its tokens lie: "
            "save it as a fast one (tokenizer.json)."
        )
    template = source.place / "chat_template.jinja"
    if root is not source and template.exists():
        tokenizer.chat_template = template.read_text(encoding="utf-8", errors="replace")
    return tokenizer


def vocabulary_rows(model: Any) -> int:
    """Number of logits per position: rows of the output embedding."""
    head = model.get_output_embeddings()
    weight = getattr(head, "weight", None)
    return int(weight.shape[0] if weight is not None else model.config.get_text_config().vocab_size)


def context_length(model: Any, tokenizer: Any) -> int:
    """Most tokens the model was made for, by its configuration, else by its tokenizer."""
    stated = stated_context(model)
    if stated is not None:
        return stated
    limit = int(getattr(tokenizer, "model_max_length", 0) or 0)
    return limit if 0 < limit < 10**7 else _UNBOUNDED_CONTEXT


def explain(error: Exception, place: str) -> CheckpointUnavailable:
    """What an error that no check foresaw means to a user; the error itself goes to the log."""
    if is_out_of_memory(error):
        return OutOfMemory(f"{place} did not fit into memory: choose a smaller dtype or model, or the device cpu.")
    LOG.warning("loading %r failed", place, exc_info=error)
    if isinstance(error, ImportError):
        return CheckpointUnavailable(
            f"{place} needs the package {error.name or 'named in the log'}, which is not installed: "
            "install it, or use another model."
        )
    return CheckpointUnavailable(
        f"{place} could not be loaded ({type(error).__name__}; the log has the details): "
        "check that config.json and the weights belong together, or copy the checkpoint again."
    )


def _load_gguf(file: Path, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Load the one GGUF file we ship a recipe for; its quantised weights are expanded to the dtype."""
    from transformers import AutoModelForCausalLM, modeling_gguf_pytorch_utils

    if not _has_gguf():
        raise _no_gguf()
    reader: Any = modeling_gguf_pytorch_utils
    loader: Any = AutoModelForCausalLM
    bar, reader.tqdm = reader.tqdm, lambda tensors, **words: tensors  # this bar has no switch of its own
    try:
        model, report = loader.from_pretrained(file.parent, gguf_file=file.name, attn_implementation="sdpa", **options)
    finally:
        reader.tqdm = bar
    return model, report


def _has_gguf() -> bool:
    """Whether the package that reads GGUF files is installed."""
    from importlib.util import find_spec

    return find_spec("gguf") is not None


def _no_gguf() -> CheckpointUnavailable:
    """What to do without that package."""
    return CheckpointUnavailable(f"bundled:smollm2 needs the package gguf: {SMOLLM2_REMEDY}.")
