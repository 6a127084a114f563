"""Whether a model fits, said before it is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from akl_viz.errors import AklVizError, CheckpointUnavailable
from akl_viz.models.device import dtype_name, resolve_device, resolve_dtype
from akl_viz.models.locate import locate
from akl_viz.models.reference import Policy, Reference, parse_reference
from akl_viz.models.source import Source

HEADROOM = 1.15
"""Share of the weights' bytes that must be free: the weights, and activations and buffers beside them."""

_GGUF_BITS = 5
"""Bits per weight of the Q4_1 format, the only GGUF format read: 4, and two half floats per 32 weights."""

_ALLOCATOR_SAYS = ("not enough memory", "DefaultCPUAllocator", "out of memory")
"""What torch's allocators say in a plain RuntimeError: Windows, Linux, and mps or an old driver."""

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class MemoryPlan:
    """What loading a model would take, and what there is."""

    weights_bytes: int | None
    """Bytes of the weights in the chosen dtype; None for a hub model that is not yet on this machine."""
    free_bytes: int | None
    """Bytes free on the device; None where the system does not say."""
    fits: bool
    """False only when it is known not to fit."""
    sentence: str


def memory_plan(
    reference: str | Reference, device: str = "auto", dtype: str = "auto", *, policy: Policy | None = None
) -> MemoryPlan:
    """Say whether a model fits on a device, from the headers of its files; nothing is loaded or downloaded.

    Args:
        reference: the model.
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: auto, float32, bfloat16, float16 or float64.
        policy: what may be used.

    Raises:
        CheckpointUnavailable: the files are there and broken, or not allowed.
        InvalidInput: an unknown reference, device or dtype.
    """
    policy = policy or Policy.for_command_line()
    parsed = parse_reference(reference, policy) if isinstance(reference, str) else reference
    target = resolve_device(device)
    try:
        source = locate(parsed, policy, download=False)
    except CheckpointUnavailable:
        if parsed.kind != "hub":
            raise
        sentence = f"{parsed} is not on this machine yet, so the memory it needs is unknown until it is downloaded."
        return MemoryPlan(None, free_bytes(target), True, sentence)
    return plan_for(source, str(parsed), target, resolve_dtype(dtype, target, source.stored_dtype))


def plan_for(source: Source, name: str, device: torch.device, dtype: torch.dtype) -> MemoryPlan:
    """The plan for files that were found; see `memory_plan`.

    A model for an accelerator passes through the machine's own memory, so the smaller of the two decides.
    """
    entries = source.entries if source.tensors else source.place.stat().st_size * 8 // _GGUF_BITS
    need = entries * dtype.itemsize
    found = [(free, where) for where in {device, torch.device("cpu")} if (free := free_bytes(where)) is not None]
    wanted = f"{name} needs {_readable(need)} for its weights in {dtype_name(dtype)}"
    if not found:
        return MemoryPlan(need, None, True, f"{wanted}; how much is free on {device} is not known.")
    free, where = min(found, key=lambda pair: pair[0])
    if need * HEADROOM > free:
        remedy = "choose a smaller dtype or model, or free some memory"
        return MemoryPlan(need, free, False, f"{wanted}, but only {_readable(free)} are free on {where}: {remedy}.")
    return MemoryPlan(need, free, True, f"{wanted}; {_readable(free)} are free on {where}.")


def require_room(references: Sequence[Reference], device: str, dtype: str, policy: Policy) -> None:
    """Refuse models that fit one by one but not together, before any of them is loaded.

    Raises:
        CheckpointUnavailable: it is known that they do not fit; the message says what they need and what is free.
    """
    target = resolve_device(device)
    try:
        plans = [memory_plan(one, device, dtype, policy=policy) for one in references]
    except (AklVizError, OSError, ValueError, KeyError):
        return  # something is wrong with the files: the loader looks closer and says what
    need = sum(plan.weights_bytes or 0 for plan in plans)
    free = free_bytes(target)
    if free is not None and need * HEADROOM > free:
        raise CheckpointUnavailable(
            f"{' and '.join(map(str, references))} together need {_readable(need)} for their weights, but only "
            f"{_readable(free)} are free on {target}: choose a smaller dtype or smaller models, or free some memory."
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ended, whichever allocator says it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _ALLOCATOR_SAYS)


def free_bytes(device: torch.device) -> int | None:
    """Bytes that can still be allocated on a device; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    known = [value for value in (_machine_bytes(), _container_bytes()) if value is not None]
    return min(known) if known else None


def _machine_bytes() -> int | None:
    """Free memory of the machine: what the kernel calls available, else free pages, else all pages."""
    try:
        for line in _MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    names = getattr(os, "sysconf_names", {})
    for pages in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):
        if pages in names:
            return int(os.sysconf(pages)) * int(os.sysconf("SC_PAGE_SIZE"))
    return None


def _container_bytes() -> int | None:
    """What a container's own limit leaves; file cache counts as free, as the kernel gives it back."""
    try:
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        stat = (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    cache = sum(int(line.split()[1]) for line in stat if line.startswith(("inactive_file ", "active_file ")))
    return max(0, limit - used + cache)


def _readable(count: int) -> str:
    """Bytes with a unit a reader knows: "513 MB"."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count / 1e3:.3g} kB"
