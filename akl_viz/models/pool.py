"""The models that are held in memory: at most two, the least recently used one goes first."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch

from akl_viz.models.checkpoint import Checkpoint, Progress, load_checkpoint
from akl_viz.models.device import DEFAULT_DTYPE, dtype_name, resolve_device, resolve_dtype
from akl_viz.models.fingerprint import stamp
from akl_viz.models.memory import require_room
from akl_viz.models.reference import Policy, Reference, parse_reference
from akl_viz.models.vocab import compare_tokenizers

Key = tuple[Any, ...]


class ModelPool:
    """Loaded checkpoints, shared by all threads.

    The key is everything that changes what is loaded: the resolved reference, the stamp of its files, device and
    dtype. A model that is held is returned at once, also while another one loads; loads take turns.
    """

    def __init__(self, capacity: int = 2, loader: Callable[..., Checkpoint] = load_checkpoint) -> None:
        """Make an empty pool.

        Args:
            capacity: most models held, at least the two of a pair.
            loader: what loads a checkpoint.
        """
        if capacity < 2:
            raise ValueError(f"a pool holds at least the two models of a pair, not {capacity}")
        self._capacity = capacity
        self._loader = loader
        self._held: OrderedDict[Key, Checkpoint] = OrderedDict()
        self._state = threading.Lock()
        self._loading = threading.Lock()

    def __len__(self) -> int:
        """Number of models held."""
        return len(self._held)

    def get(
        self,
        reference: str | Reference,
        *,
        device: str = "auto",
        dtype: str = DEFAULT_DTYPE,
        policy: Policy | None = None,
        progress: Progress | None = None,
    ) -> Checkpoint:
        """The model, from memory or loaded now; see `load_checkpoint` for the arguments and errors."""
        return self._get((reference,), device, dtype, policy, progress)[0]

    def pair(
        self,
        teacher: str | Reference,
        student: str | Reference,
        *,
        device: str = "auto",
        dtype: str = DEFAULT_DTYPE,
        policy: Policy | None = None,
        progress: Progress | None = None,
    ) -> tuple[Checkpoint, Checkpoint]:
        """Teacher and student; loading one never drops the other, and one model in both roles is held once.

        Their tokenizers are compared before any weights are read, also where one of the two is held already. See
        `load_checkpoint` for the other arguments and the errors.
        """
        first, second = self._get((teacher, student), device, dtype, policy, progress)
        return first, second

    def clear(self) -> None:
        """Let every model go."""
        with self._state:
            self._held.clear()
        _free()

    def _get(
        self,
        wanted: tuple[str | Reference, ...],
        device: str,
        dtype: str,
        policy: Policy | None,
        progress: Progress | None,
    ) -> list[Checkpoint]:
        """The wanted models; none of them is dropped for another."""
        policy = policy or Policy.for_command_line()
        parsed = [parse_reference(one, policy) if isinstance(one, str) else one for one in wanted]
        for one in parsed:
            policy.check_kind(one.kind, str(one))
            if one.kind == "local" and one.path is not None:
                policy.check_path(one.path)
        keys = [_key(one, device, dtype) for one in parsed]
        held = self._find(keys)
        if held is not None:
            return held
        with self._loading:
            found = self._make_room(keys)
            missing = {key: one for key, one in zip(keys, parsed, strict=True) if key not in found}
            if missing and len(set(keys)) > 1:
                compare_tokenizers(parsed[0], parsed[1], policy)
            if len(missing) > 1:
                require_room(list(missing.values()), device, dtype, policy)
            for key, one in missing.items():
                found[key] = self._loader(one, device=device, dtype=dtype, policy=policy, progress=progress)
                with self._state:
                    self._held[key] = found[key]
        return [found[key] for key in keys]

    def _find(self, keys: list[Key]) -> list[Checkpoint] | None:
        """The models, marked as used just now, where all of them are held."""
        with self._state:
            if not all(key in self._held for key in keys):
                return None
            for key in keys:
                self._held.move_to_end(key)
            return [self._held[key] for key in keys]

    def _make_room(self, wanted: list[Key]) -> dict[Key, Checkpoint]:
        """Drop models until all that are wanted may be held, the longest unused first; return those that are held.

        Room is made for both models of a pair before the first is loaded: one that must go for the second would
        otherwise take memory from the first, which might then falsely not fit.
        """
        dropped = False
        with self._state:
            found = {key: self._held[key] for key in wanted if key in self._held}
            while len(self._held) + len(set(wanted)) - len(found) > self._capacity:
                del self._held[next(key for key in self._held if key not in wanted)]
                dropped = True
        if dropped:
            _free()
        return found


def _key(reference: Reference, device: str, dtype: str) -> Key:
    """Everything that changes what is loaded."""
    target = resolve_device(device)
    # Only a CPU's "auto" is known without the files; elsewhere it is a choice of its own, which loads the same twice
    # at worst and never the wrong one.
    format_name = dtype_name(resolve_dtype(dtype, target)) if dtype != DEFAULT_DTYPE or target.type == "cpu" else dtype
    place = stamp(reference.path) if reference.path is not None else ()
    return (reference.kind, reference.name, reference.revision, str(reference.path), place, str(target), format_name)


def _free() -> None:
    """Give the memory of dropped models back: reference cycles inside models keep them until a collection."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
