"""From a reference to files on this machine: bundled, local, cached from the hub, or an adapter and its base."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models import hub
from akl_viz.models.reference import Policy, Reference, is_hub_id
from akl_viz.models.source import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    Source,
    check_inside,
    read_folder,
    read_headers,
    read_json,
    refuse_custom_code,
    refuse_pickles,
)


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
    if reference.path.suffix == ".gguf":
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
    check_inside(weights, policy)
    base = _find_base(path, config, policy, typed_hub=typed_hub)
    return Source(folder, (weights,), config, read_headers((weights,)), base=base)


def _find_base(path: Path, config: dict[str, Any], policy: Policy, *, typed_hub: bool) -> Source:
    """The base of an adapter: a folder (relative to the adapter), or a hub model that is already on this machine.

    A base named by a file is never downloaded: only what a user typed may reach the network.
    """
    named = str(config.get("base_model_name_or_path") or "")
    if not named:
        raise CheckpointUnavailable(f"{path} names no base model: set base_model_name_or_path to the base's folder.")
    place = path.parent / Path(named).expanduser()
    folder: Path | None = None
    if not typed_hub and place.is_dir():
        folder = policy.check_path(place)
    elif "hub" in policy.kinds and is_hub_id(named):
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
