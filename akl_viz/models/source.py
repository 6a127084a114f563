"""What lies in a checkpoint folder, read and judged before any library is allowed to load it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models.files import check_file, check_folder, read_json
from akl_viz.models.fingerprint import fingerprint
from akl_viz.models.headers import TensorHeader, read_headers
from akl_viz.models.kinds import holds_key, quantisation, refuse_endless_parts, refuse_foreign_kinds
from akl_viz.models.reference import Policy, is_folder

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_PICKLES = ("pytorch_model*.bin", "adapter_model*.bin", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
"""Where pickled weights may lie, the names that only weights have first."""
_NO_WEIGHTS = ("training_args", "optimizer", "scheduler", "scaler", "rng_state")
"""How the other files begin that a trainer pickles."""
_INSIDE = ("checkpoint-*", "checkpoints/*/step-*", "step-*")
"""Where trainers, our own runs and a loss of such a run keep their checkpoints."""
_SHOWN = 3
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_FLOATS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}


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
    quantised: str | None = None
    """The method that the weights are expanded from while they are read."""

    @property
    def revision(self) -> str:
        """The hub commit, or the fingerprint of the weights (an adapter's includes its base)."""
        files = self.weights + (self.base.weights if self.base else ())
        return self.commit or fingerprint(files)

    @property
    def entries(self) -> int:
        """Number of entries that are loaded, the base's included."""
        own = sum(tensor.size for tensor in self.tensors.values() if tensor.dtype in _FLOATS)
        if self.quantised == "mxfp4":
            own += sum(2 * tensor.size for tensor in self.tensors.values() if tensor.dtype == "U8")  # two in a byte
        return own + (self.base.entries if self.base else 0)

    @property
    def stored_dtype(self) -> str | None:
        """The floating-point format that most entries are stored in ("F16", "BF16", "F32", ...)."""
        if self.base:
            return self.base.stored_dtype
        sizes: Counter[str] = Counter()
        for tensor in self.tensors.values():
            if _FLOATS.get(tensor.dtype, 1) > 1:  # nothing runs in eight bits: such weights are expanded
                sizes[tensor.dtype] += tensor.size
        return sizes.most_common(1)[0][0] if sizes else None


def read_folder(folder: Path, policy: Policy) -> Source:
    """Read a checkpoint folder's configuration and weight headers, without loading anything.

    Args:
        folder: a folder written by `save_pretrained`.
        policy: files reached through symlinks must stay inside its roots.

    Raises:
        CheckpointUnavailable: a file is missing, broken, a pickle, no plain file, or quantised in an unknown way.
    """
    if not is_folder(folder):
        raise CheckpointUnavailable(f"There is no folder {folder}: check the path of the checkpoint.")
    check_folder(folder, policy)
    path = folder / "config.json"
    if not path.exists():
        _refuse_runs(folder)
    config = read_json(path, policy)
    refuse_foreign_kinds(path, config)
    weights = _find_weights(folder, policy)
    tensors = read_headers(weights)
    refuse_endless_parts(path, config, len(tensors))
    _check_tokenizer_files(folder, policy)
    return Source(folder, weights, config, tensors, quantised=quantisation(path, config, tensors))


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds a tokenizer of its own."""
    return any((folder / name).exists() for name in _TOKENIZERS)


def refuse_custom_code(path: Path, config: dict[str, Any]) -> None:
    """Refuse a configuration that can only be read by code of the checkpoint.

    Raises:
        CheckpointUnavailable: there is an `auto_map`, at any depth.
    """
    if holds_key(config, "auto_map"):
        raise CheckpointUnavailable(
            f"{path} asks to run code that comes with the checkpoint (auto_map), which AKL Viz never does: "
            "use a version of the model that is built into transformers."
        )


def refuse_pickles(folder: Path, wanted: str) -> None:
    """Say that weights are missing, and why the pickle that may lie there is not read.

    Raises:
        CheckpointUnavailable: always.
    """
    found = [file.name for glob in _PICKLES for file in sorted(folder.glob(glob))]
    pickles = [name for name in found if not name.startswith(_NO_WEIGHTS)]
    if pickles:
        raise CheckpointUnavailable(
            f"{folder / pickles[0]} is a pickle, which can run code and is never read: "
            f"save the model as safetensors (model.save_pretrained(folder)) so that {wanted} is there."
        )
    raise CheckpointUnavailable(f"{folder / wanted} is missing: copy the weights there, or save the model again.")


def _refuse_runs(folder: Path) -> None:
    """Name the newest checkpoints inside a folder of a run or of a trainer, given in place of one of them.

    Raises:
        CheckpointUnavailable: there are some.
    """
    found = [place for glob in _INSIDE for place in folder.glob(glob) if is_checkpoint(place)]
    if found:
        newest = sorted(found, key=lambda place: (place.stat().st_mtime_ns, place.name), reverse=True)
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise CheckpointUnavailable(
            f"{folder} is the folder of a run, not a model: give one of the checkpoints in it, "
            f"{', '.join(map(str, newest[:_SHOWN]))}{more}."
        )


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder looks like one that holds a model."""
    return any((folder / name).is_file() for name in ("config.json", ADAPTER_CONFIG))


def _find_weights(folder: Path, policy: Policy) -> tuple[Path, ...]:
    """The safetensors files of a folder: one file, or the shards its index lists."""
    single = folder / _SINGLE
    if single.exists():
        check_file(single, policy)
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
        check_file(shard, policy)
    return shards


def _check_tokenizer_files(folder: Path, policy: Policy) -> None:
    """Refuse a folder without a tokenizer."""
    if not has_tokenizer(folder):
        raise CheckpointUnavailable(
            f"{folder} has no tokenizer ({_TOKENIZERS[0]} is missing): copy the tokenizer files of the model there "
            "(tokenizer.save_pretrained(folder))."
        )
    check_tokenizer_code(folder, policy)


def check_tokenizer_code(folder: Path, policy: Policy) -> None:
    """Refuse a tokenizer that only code of the checkpoint can read."""
    settings = folder / "tokenizer_config.json"
    if settings.exists():
        content = read_json(settings, policy)
        if not (folder / "tokenizer.json").exists():
            refuse_custom_code(settings, content)
