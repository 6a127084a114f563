"""Head and tail gap of a training that is not ours: a callback for transformers' Trainer and those built on it."""

from __future__ import annotations

import random
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from akl_viz.distill import ProbeConfig
from akl_viz.errors import InvalidInput
from akl_viz.integrations.recording import Recording, Watched


class HeadTailCallback(TrainerCallback):
    """Measures the model in training against a teacher and appends every measurement to a run folder.

    At steps 0, 1, 2, 5, 10, 20, 40, ... and the last (or every N: `probe=ProbeConfig(every=N)`) the same held-out
    sequences are scored, and their means become a row of history.parquet: KL(T‖S) and KL(S‖T) in nats, head and tail
    gap, forward weight of adaptive KL, top-1 agreement, perplexity, entropy. The folder is a run like those of
    `akl-viz distill`: the race page shows it while the training goes on.

    The training is not disturbed: its random numbers and the modes of its modules are as they were, so its weights
    are those of a training without the callback. Only the first process measures and writes; the others wait for it
    at their next exchange. Nothing that goes wrong after the first step ends the training: a measurement that fails is
    left out, rows that cannot be written are written as soon as they can be, and one warning is logged. A training
    resumed from a checkpoint appends to its run.

    Column `train_loss` is the trainer's logged loss where it logs at that step, else NaN; `tokens` counts where the
    trainer does (include_num_input_tokens_seen), else 0; `seconds` leaves the measurements out.

    Raises (when the training begins; nothing is left behind):
        InvalidInput: texts or folder cannot be used, or the weights are spread over several processes.
        CheckpointUnavailable: the teacher cannot be loaded.
        VocabularyMismatch: teacher and model do not number the same tokens in the same way.
    """

    def __init__(
        self,
        teacher: Any,
        held_out: Any,
        folder: Path | str,
        *,
        tokenizer: Any = None,
        probe: ProbeConfig | None = None,
        window: int = 256,
    ) -> None:
        """Say what to measure; models are loaded when the training begins.

        Args:
            teacher: a model reference ("bundled:teacher", a folder, a hub id), a Checkpoint, or a module, which is
                taken to have the trainer's tokenizer.
            held_out: a text, texts, lists of token ids, or a dataset with a column input_ids or text.
            folder: of the run; missing or empty, or the one a resumed training began.
            tokenizer: where the trainer has none (its processing_class).
            probe: steps, number of sequences (8), mu and boundary of the head, watched positions, samples.
            window: most tokens of a held-out sequence.

        Raises:
            InvalidInput: a window below 2.
        """
        if window < 2:
            raise InvalidInput(f"window must be a number of tokens of at least 2, not {window}.")
        self._watched = Watched(teacher, held_out, Path(folder), tokenizer, probe or ProbeConfig(), window)
        self._recording: Recording | None = None
        self._left: weakref.finalize[..., HeadTailCallback] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """Check everything, measure the start, open the folder."""
        self.close()
        if not state.is_world_process_zero:
            return
        model = known["model"]
        _refuse_spread(args, model)
        with undisturbed():
            recording = Recording(
                self._watched, model, known.get("processing_class"), step=state.global_step, steps=state.max_steps
            )
        self._recording = recording
        # A training that ends by an error tells its callbacks nothing: the folder is free again with this object.
        self._left = weakref.finalize(self, recording.close)

    def on_step_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """Measure the step that was made, where it is a probed one."""
        if self._recording is not None:
            with undisturbed():
                self._recording.at(state.global_step, known["model"], state.num_input_tokens_seen)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **known: Any) -> None:
        """Take the loss of the step over."""
        if self._recording is not None and isinstance((logs or {}).get("loss"), int | float):
            self._recording.logged(state.global_step, float((logs or {})["loss"]))

    def on_train_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """Measure the last step, where the model is still the one it made, and close the run."""
        recording = self._recording
        if recording is None:
            return
        if not args.load_best_model_at_end:
            with undisturbed():
                recording.at(state.global_step, known["model"], state.num_input_tokens_seen, ended=True)
        early = state.global_step < state.max_steps
        recording.finish(f"The trainer ended at step {state.global_step} of {state.max_steps}." if early else "")
        self.close()

    def close(self) -> None:
        """Let go of the folder after a training that ended by an error; its run then counts as interrupted."""
        if self._recording is not None:
            self._recording.close()
        if self._left is not None:
            self._left.detach()
        self._recording = self._left = None


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put every random number generator a training draws from back to where it was."""
    python, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002 - the trainer's, to be put back
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)  # noqa: NPY002


def _refuse_spread(args: Any, model: Any) -> None:
    """Refuse a model of which no process has all weights: one process alone cannot run it."""
    spread = any(hasattr(one, "ds_id") or hasattr(one, "full_tensor") for one in model.parameters())
    if spread or getattr(args, "fsdp", None):
        raise InvalidInput(
            "HeadTailCallback measures in one process, but this model's weights are spread over several (FSDP, "
            "DeepSpeed ZeRO 3 or tensor parallel): train without that, or measure its checkpoints with akl-viz inspect."
        )
