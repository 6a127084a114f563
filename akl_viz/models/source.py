"""What lies in a checkpoint folder, read and judged before any library is allowed to load it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models.fingerprint import fingerprint
from akl_viz.models.reference import Policy, is_folder

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_FLOATS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}


@dataclass(frozen=True)
class TensorHeader:
    """Name of the number format and shape of one stored tensor, as its file's header gives them."""

    dtype: str
    shape: tuple[int, ...]
    file: Path

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.shape)


@dataclass(frozen=True)
class Source:
    """A model on this machine that passed every check that needs no model code."""

    place: Path
    """The folder, or the GGUF file."""
    weights: tuple[Path, ...]
    """The safetensors (or GGUF) files."""
    config: dict[str, Any]
    """config.json, or adapter_config.json of an adapter; empty for a GGUF file."""
    tensors: dict[str, TensorHeader]
    base: Source | None = None
    """What a LoRA adapter sits on."""
    commit: str | None = None
    """The hub commit the files are of."""

    @property
    def revision(self) -> str:
        """The hub commit, or the fingerprint of the weights (an adapter's includes its base)."""
        files = self.weights + (self.base.weights if self.base else ())
        return self.commit or fingerprint(files)

    @property
    def entries(self) -> int:
        """Number of stored floating-point entries, the base's included."""
        own = sum(tensor.size for tensor in self.tensors.values() if tensor.dtype in _FLOATS)
        return own + (self.base.entries if self.base else 0)

    @property
    def stored_dtype(self) -> str | None:
        """The floating-point format that most entries are stored in ("F16", "BF16", "F32", ...)."""
        if self.base:
            return self.base.stored_dtype
        sizes: Counter[str] = Counter()
        for tensor in self.tensors.values():
            if tensor.dtype in _FLOATS:
                sizes[tensor.dtype] += tensor.size
        return sizes.most_common(1)[0][0] if sizes else None


def read_folder(folder: Path, policy: Policy) -> Source:
    """Read a checkpoint folder's configuration and weight headers, without loading anything.

    Args:
        folder: a folder written by `save_pretrained`.
        policy: files reached through symlinks must stay inside its roots.

    Raises:
        CheckpointUnavailable: a file is missing, broken, a pickle, quantised, or asks for its own code to run.
    """
    if not is_folder(folder):
        raise CheckpointUnavailable(f"There is no folder {folder}: check the path of the checkpoint.")
    config = read_json(folder / "config.json", policy)
    refuse_custom_code(folder / "config.json", config)
    _refuse_foreign_kinds(folder / "config.json", config)
    weights = _find_weights(folder, policy)
    _check_tokenizer_files(folder, policy)
    return Source(folder, weights, config, read_headers(weights))


def read_json(path: Path, policy: Policy) -> dict[str, Any]:
    """Read one JSON object of a checkpoint.

    Raises:
        CheckpointUnavailable: the file is missing, outside the policy's roots, or not a JSON object.
    """
    check_inside(path, policy)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointUnavailable(
            f"{path} is missing: give a folder that save_pretrained wrote, with {path.name} in it."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointUnavailable(
            f"{path} is not a valid JSON file: copy it again from where the checkpoint came from."
        ) from error
    if not isinstance(content, dict):
        raise CheckpointUnavailable(f"{path} does not hold a JSON object: copy it again from the checkpoint's source.")
    return content


def refuse_custom_code(path: Path, config: dict[str, Any]) -> None:
    """Refuse a configuration that asks for code of the checkpoint to run.

    Raises:
        CheckpointUnavailable: there is an `auto_map`, at any depth.
    """
    if _holds_key(config, "auto_map"):
        raise CheckpointUnavailable(
            f"{path} asks to run code that comes with the checkpoint (auto_map), which AKL Viz never does: "
            "use a version of the model that is built into transformers."
        )


def read_headers(files: tuple[Path, ...]) -> dict[str, TensorHeader]:
    """Read names, formats and shapes of all tensors from the headers of safetensors files.

    Raises:
        CheckpointUnavailable: a file is truncated or is not a safetensors file.
    """
    headers: dict[str, TensorHeader] = {}
    for file in files:
        try:
            with safe_open(file, framework="numpy") as stored:
                for name in stored.keys():  # noqa: SIM118 (the handle is no mapping)
                    piece = stored.get_slice(name)
                    headers[name] = TensorHeader(piece.get_dtype(), tuple(piece.get_shape()), file)
        except (SafetensorError, OSError) as error:
            raise CheckpointUnavailable(
                f"{file} is truncated or is not a safetensors file: download or copy it again."
            ) from error
    if not headers:
        raise CheckpointUnavailable(f"{files[0]} holds no tensors: download or copy it again.")
    return headers


def check_inside(path: Path, policy: Policy) -> None:
    """Refuse a file that a symlink takes outside the policy's roots; hub caches are checked by their own layout."""
    if path.is_symlink() and policy.roots is not None:
        policy.check_path(path)


def refuse_pickles(folder: Path, wanted: str) -> None:
    """Say that weights are missing, and why the pickle that may lie there is not read.

    Raises:
        CheckpointUnavailable: always.
    """
    pickles = sorted(file.name for glob in _PICKLES for file in folder.glob(glob) if file.name != "training_args.bin")
    if pickles:
        raise CheckpointUnavailable(
            f"{folder / pickles[0]} is a pickle, which can run code and is never read: "
            f"save the model as safetensors (model.save_pretrained(folder)) so that {wanted} is there."
        )
    raise CheckpointUnavailable(f"{folder / wanted} is missing: copy the weights there, or save the model again.")


def _holds_key(value: Any, key: str) -> bool:
    """Whether a JSON value holds a non-empty entry of that name anywhere."""
    if isinstance(value, dict):
        return bool(value.get(key)) or any(_holds_key(part, key) for part in value.values())
    return isinstance(value, list) and any(_holds_key(part, key) for part in value)


def _refuse_foreign_kinds(path: Path, config: dict[str, Any]) -> None:
    """Refuse configurations of models that do not score the next token in plain floating point."""
    if _holds_key(config, "quantization_config"):
        raise CheckpointUnavailable(
            f"{path} describes quantised weights (quantization_config), which AKL Viz does not read: "
            "use the unquantised checkpoint."
        )
    if _holds_key(config, "is_encoder_decoder"):
        raise CheckpointUnavailable(
            f"{path} describes an encoder-decoder model, which reads a second text: use a causal language model."
        )
    named = config.get("architectures") or []
    other = [name for name in named if str(name).endswith(("ForMaskedLM", "ForPreTraining"))]
    if other:
        raise CheckpointUnavailable(
            f"{path} describes a masked language model ({other[0]}), which does not predict the next token: "
            "use a causal language model."
        )


def _find_weights(folder: Path, policy: Policy) -> tuple[Path, ...]:
    """The safetensors files of a folder: one file, or the shards its index lists."""
    single = folder / _SINGLE
    if single.exists():
        check_inside(single, policy)
        return (single,)
    index = folder / _INDEX
    if not index.exists():
        refuse_pickles(folder, _SINGLE)
    shard_map = read_json(index, policy).get("weight_map")
    if not isinstance(shard_map, dict) or not shard_map:
        raise CheckpointUnavailable(f"{index} lists no files: copy it again from the checkpoint's source.")
    shards = tuple(folder / str(name) for name in sorted(set(map(str, shard_map.values()))))
    for shard in shards:
        if shard.parent != folder or shard.suffix != ".safetensors":
            raise CheckpointUnavailable(f"{index} lists {shard.name}, not a safetensors file beside it: copy it again.")
        if not shard.is_file():
            raise CheckpointUnavailable(f"{shard} is missing although {index.name} lists it: copy that file too.")
        check_inside(shard, policy)
    return shards


def _check_tokenizer_files(folder: Path, policy: Policy) -> None:
    """Refuse a folder without a tokenizer, or whose tokenizer brings code."""
    present = [folder / name for name in _TOKENIZERS if (folder / name).exists()]
    if not present:
        raise CheckpointUnavailable(
            f"{folder} has no tokenizer ({_TOKENIZERS[0]} is missing): copy the tokenizer files of the model there "
            "(tokenizer.save_pretrained(folder))."
        )
    for file in present:
        check_inside(file, policy)
    settings = folder / "tokenizer_config.json"
    if settings.exists():
        refuse_custom_code(settings, read_json(settings, policy))
