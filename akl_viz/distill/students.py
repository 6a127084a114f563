"""Teacher and student of a run: loaded, made trainable, and saved so that transformers loads them."""

from __future__ import annotations

import copy
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from akl_viz.distill import toy_language
from akl_viz.distill.config import TOY_TEXT, DistillConfig
from akl_viz.distill.seeds import seeded_default
from akl_viz.errors import InvalidInput
from akl_viz.models import Checkpoint, Policy, compare_tokenizers, load_checkpoint, match_vocabularies, parse_reference
from akl_viz.models.checkpoint import Progress
from akl_viz.models.quiet import quiet
from akl_viz.records import SharedVocabulary


def load_pair(
    config: DistillConfig, device: torch.device, policy: Policy, tell: Progress
) -> tuple[Checkpoint, Checkpoint, SharedVocabulary]:
    """Teacher and student of a run and the vocabulary they share; the student in float32.

    Raises:
        CheckpointUnavailable: one of them cannot be loaded.
        VocabularyMismatch: they number their tokens differently.
        InvalidInput: a toy model without the toy text, or an unknown one.
    """
    toys = [reference.startswith(toy_language.PREFIX) for reference in (config.teacher, config.student)]
    if any(toys) or config.data.text == TOY_TEXT:
        known = (toy_language.TEACHER, toy_language.STUDENT)
        if config.data.text != TOY_TEXT or config.teacher != known[0] or not toys[1] or config.student != known[1]:
            raise InvalidInput(
                f"The toy language has its own pair: use teacher {known[0]}, student {known[1]}, text toy."
            )
        with quiet(offline=True):
            teacher, student = (toy_language.toy_checkpoint(name, config.seed) for name in known)
        teacher.model.to(device)
        student.model.to(device)
        return teacher, student, match_vocabularies(teacher, student)
    compare_tokenizers(parse_reference(config.teacher, policy), parse_reference(config.student, policy), policy)
    teacher = load_checkpoint(
        config.teacher, device=str(device), policy=policy, progress=lambda share, text: tell(share / 2, text)
    )
    student = load_checkpoint(
        config.student,
        device=str(device),
        dtype="float32",
        policy=policy,
        progress=lambda share, text: tell(0.5 + share / 2, text),
    )
    return teacher, student, match_vocabularies(teacher, student)


def trainable(start: Checkpoint, config: DistillConfig) -> Any:
    """A copy of the start whose weights, or whose new LoRA adapter, take gradients.

    A start that is an adapter itself is merged into its base first.

    Raises:
        InvalidInput: LoRA is asked for and peft is not installed, or the model has no linear layers peft knows.
    """
    model = copy.deepcopy(start.model)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    if not config.lora_rank:
        return model.requires_grad_(True)
    if find_spec("peft") is None:
        raise InvalidInput("LoRA needs the package peft: pip install peft, or train all weights (rank 0).")
    from peft import LoraConfig, get_peft_model

    kind: Any = LoraConfig
    adapter = kind(r=config.lora_rank, lora_alpha=config.lora_alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    try:
        with quiet(offline=True), seeded_default(config.seed, "lora"):
            adapted: Any = get_peft_model(model, adapter)
    except ValueError as error:
        raise InvalidInput(f"LoRA does not fit {config.student}: train all weights (rank 0).") from error
    for entry in adapted.peft_config.values():
        entry.base_model_name_or_path = _base_place(config)
    return adapted


def reloaded(folder: Path, device: torch.device) -> Any:
    """The model of a checkpoint of ours with exactly the weights that were saved, trainable as it was.

    Raises:
        CheckpointUnavailable: it is damaged.
    """
    model = load_checkpoint(str(folder), device=str(device), dtype="float32", policy=Policy()).model
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name or not hasattr(model, "peft_config"))
    return model


def save_model(model: Any, folder: Path) -> None:
    """Write a model into a folder as safetensors with its configuration.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    with quiet(offline=True):
        try:
            model.save_pretrained(folder)
        except SafetensorError as error:
            # The library reports a full disk as an error of its own kind.
            code = 28 if "code: 28" in str(error) or "No space" in str(error) else 5
            raise OSError(code, str(error)) from error


def tokenizer_files(tokenizer: Any) -> dict[str, bytes]:
    """Name -> content of the files a tokenizer is saved as: made once, written with every checkpoint."""
    with quiet(offline=True), tempfile.TemporaryDirectory() as place:
        tokenizer.save_pretrained(place)
        return {file.name: file.read_bytes() for file in sorted(Path(place).iterdir()) if file.is_file()}


def _base_place(config: DistillConfig) -> str:
    """Where an adapter finds its base: a folder, or the hub id."""
    reference = parse_reference(config.student, Policy())
    return str(reference.path) if reference.path is not None else reference.name
