"""From a reference to files on this machine: bundled, local, cached from the hub, or an adapter and its base."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models import hub
from akl_viz.models.files import check_folder, read_json
from akl_viz.models.fingerprint import base_places
from akl_viz.models.headers import read_headers
from akl_viz.models.reference import GGUF, Policy, Reference, is_folder, is_hub_id
from akl_viz.models.source import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    Source,
    check_tokenizer_code,
    is_checkpoint,
    read_folder,
    refuse_custom_code,
    refuse_pickles,
)

_NESTED = re.compile(r"\)[*+{]")
_OPEN = re.compile(r"[*+]|\{\d*,\d*\}")
_MOST_OPEN = 4
"""Open repeats of a pattern: each multiplies the time of a search by the length of a layer's name."""


def locate(reference: Reference, policy: Policy, *, download: bool = True) -> Source:
    """Find and check the files of a model.

    Args:
        reference: a parsed reference.
        policy: checked again, so that a stored reference cannot get past a stricter policy.
        download: whether a hub id that is not on this machine may be fetched.

    Raises:
        CheckpointUnavailable: the files are missing, broken or not allowed, or the weights are not the pinned ones.
    """
    policy.check_kind(reference.kind, str(reference))
    if reference.kind == "hub":
        folder, commit = hub.fetch(reference.name, reference.revision, download=download)
        return replace(_read(folder, replace(policy, roots=None), typed_hub=True), commit=commit)
    if reference.path is None:
        raise CheckpointUnavailable(f"{reference} has no place on this machine: parse the reference again.")
    if reference.path.suffix == GGUF:
        source = Source(reference.path, (reference.path,), {}, {})
    elif reference.kind == "bundled":
        source = _read(reference.path, replace(policy, roots=None))
    else:
        source = _read(policy.check_path(reference.path), policy)
    if reference.revision and not source.revision.startswith(reference.revision):
        raise CheckpointUnavailable(
            f"The weights of {reference.name} have the fingerprint {source.revision}, not {reference.revision}: "
            "leave the part after # out to use them as they are."
        )
    return source


def _read(folder: Path, policy: Policy, *, typed_hub: bool = False) -> Source:
    """Read a full checkpoint, or an adapter with its base."""
    if (folder / ADAPTER_CONFIG).exists():
        return _read_adapter(folder, policy, typed_hub=typed_hub)
    return read_folder(folder, policy)


def _read_adapter(folder: Path, policy: Policy, *, typed_hub: bool) -> Source:
    """Read a LoRA adapter folder and the base it names."""
    check_folder(folder, policy)
    path = folder / ADAPTER_CONFIG
    config = read_json(path, policy)
    refuse_custom_code(path, config)
    if config.get("peft_type") != "LORA" or config.get("megatron_config"):
        raise CheckpointUnavailable(
            f"{path} describes an adapter of type {config.get('peft_type')}, but only plain LoRA is read: "
            "merge the adapter into its base (merge_and_unload) and save that."
        )
    weights = folder / ADAPTER_WEIGHTS
    if not weights.exists():
        refuse_pickles(folder, ADAPTER_WEIGHTS)
    check_tokenizer_code(folder, policy)
    _refuse_patterns(path, config)
    base = _find_base(path, config, policy, typed_hub=typed_hub)
    tensors = read_headers((weights,))
    _refuse_ranks(path, config, max(max(tensor.shape, default=0) for tensor in tensors.values()))
    return Source(folder, (weights,), config, tensors, base=base)


def _refuse_patterns(path: Path, config: dict[str, Any]) -> None:
    """Refuse patterns of layers whose search may never end: repeated groups, or many open repeats one after another."""
    given: list[Any] = [config.get(name) for name in ("target_modules", "exclude_modules", "layers_pattern")]
    given += [
        list(part) for part in (config.get("rank_pattern"), config.get("alpha_pattern")) if isinstance(part, dict)
    ]
    for pattern in [one for part in given for one in (part if isinstance(part, list) else [part])]:
        if isinstance(pattern, str) and (_NESTED.search(pattern) or len(_OPEN.findall(pattern)) > _MOST_OPEN):
            raise CheckpointUnavailable(
                f"{path} finds its layers by the pattern {pattern[:80]!r}, whose search may take forever: "
                "list the names of the layers instead."
            )


def _refuse_ranks(path: Path, config: dict[str, Any], widest: int) -> None:
    """Refuse a rank beyond every side of the stored tensors: it would be allocated before it is compared."""
    pattern = config.get("rank_pattern")
    ranks = [config.get("r"), *(pattern.values() if isinstance(pattern, dict) else ())]
    for rank in ranks:
        if isinstance(rank, int | float) and rank > widest:
            raise CheckpointUnavailable(
                f"{path} asks for the rank {rank:,}, but no tensor of {ADAPTER_WEIGHTS} has a side beyond {widest:,}: "
                "copy both again."
            )


def _find_base(path: Path, config: dict[str, Any], policy: Policy, *, typed_hub: bool) -> Source:
    """The base of an adapter: a folder, or a hub model that is already on this machine.

    A base named by a file is never downloaded: only what a user typed may reach the network.
    """
    named = str(config.get("base_model_name_or_path") or "")
    if not named:
        raise CheckpointUnavailable(f"{path} names no base model: set base_model_name_or_path to the base's folder.")
    folder = None if typed_hub else _local_base(path, named, policy)
    if folder is None and "hub" in policy.kinds and is_hub_id(named):
        folder = hub.cached(named)
        policy = replace(policy, roots=None)
    if folder is None:
        raise CheckpointUnavailable(
            f"The base model {named} that {path} names is not on this machine: "
            "put its folder there, or set base_model_name_or_path to where it is."
        )
    if (folder / ADAPTER_CONFIG).exists():
        raise CheckpointUnavailable(f"The base {folder} of {path} is itself an adapter: merge it into its base first.")
    return read_folder(folder, policy)


def _local_base(path: Path, named: str, policy: Policy) -> Path | None:
    """The folder an adapter names, relative to itself or to the working directory; None where there is none.

    Raises:
        CheckpointUnavailable: it lies outside the policy's roots, or both places have one.
    """
    found: list[Path] = []
    refused: CheckpointUnavailable | None = None
    for place in _places(path, named):
        try:
            folder = policy.check_path(place)
        except CheckpointUnavailable as error:
            refused = refused or error
            continue
        if is_folder(folder) and folder not in found:
            found.append(folder)
    found = [folder for folder in found if is_checkpoint(folder)] or found[:1]
    if len(found) > 1:
        raise CheckpointUnavailable(
            f"The base {named} that {path} names may be {found[0]} or {found[1]}: "
            "set base_model_name_or_path to the full path of the right one."
        )
    if not found and refused is not None and not is_hub_id(named):
        raise refused
    return found[0] if found else None


def _places(path: Path, named: str) -> tuple[Path, ...]:
    """Where the base may lie; a path that names the home of nobody is no place."""
    try:
        return base_places(path.parent, named)
    except RuntimeError:
        return ()
