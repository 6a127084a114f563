"""A prepared run: models, text, probe and lanes, loaded once, and how they are saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from akl_viz.distill import toy_language
from akl_viz.distill.config import BUNDLED_TEXT, TOY_TEXT, DistillConfig
from akl_viz.distill.control import Control
from akl_viz.distill.corpus import Corpus, Scored, load_corpus
from akl_viz.distill.lane import Lane
from akl_viz.distill.parallel import Processes
from akl_viz.distill.places import text_digest
from akl_viz.distill.probes import Probe
from akl_viz.distill.records import ProbeDetail, ProbeRow
from akl_viz.distill.runs import RESUME_FILE, resume_point, watched_positions
from akl_viz.distill.sampling import Vocabulary
from akl_viz.distill.sequences import Batch
from akl_viz.distill.starting import Plan
from akl_viz.distill.store import RunStore
from akl_viz.distill.students import load_pair, reloaded, save_model, tokenizer_files, trainable
from akl_viz.distill.supply import Supply
from akl_viz.distill.teacher import Teacher
from akl_viz.errors import InvalidInput
from akl_viz.models import Checkpoint, Policy, check_scored, reading_of

Tell = Callable[[float, str], None]
Check = Callable[[], None]
Arithmetic = Callable[[], AbstractContextManager[object]]


@dataclass
class Session:
    """Everything the steps of a run need."""

    config: DistillConfig
    processes: Processes
    store: RunStore | None
    lanes: list[Lane]
    supply: Supply
    teacher: Teacher
    probe: Probe
    check: Check
    """Raises where a measurement or a sampling is to be given up."""
    check_last: Check
    """Raises where also the measurement of a stopped run is to be given up."""
    tokenizer: dict[str, bytes] = field(default_factory=dict)
    """Name -> content of the tokenizer's files."""

    def portions(self, step: int, lanes: list[Lane]) -> Iterator[tuple[list[Batch], list[Lane]]]:
        """(micro-batches, the lanes that learn on them): one for all, or one per lane where students sample."""
        if self.config.data.source != "student":
            yield self.supply.batches(step), lanes
            return
        for lane in lanes:
            yield self.supply.batches(step, lane.model), [lane]

    def missing(self, lane: Lane) -> bool:
        """Whether the step a lane stands at is still to be told: the start, or a measurement that was cut short."""
        # The main process knows; all measure together.
        return bool(self.processes.agree(int(self._untold(lane))))

    def whole(self) -> bool:
        """Whether every loss has taken and told all its steps, as far as this process knows."""
        return not any(lane.step < self.config.steps or self._untold(lane) for lane in self.lanes)

    def _untold(self, lane: Lane) -> bool:
        if self.store is None:
            return lane.step == 0
        return lane.step in self.config.probe_steps and not self.has_row(lane)

    def has_row(self, lane: Lane) -> bool:
        """Whether the step a lane stands at is in the history, as far as this process knows."""
        return self.store is not None and self.store.has_row(lane.loss, lane.step)

    def measured(self, lane: Lane, *, last: bool = False) -> tuple[ProbeRow, ProbeDetail]:
        """A measurement, in which all processes take part; the `last` one of a run is made although it is stopped."""
        check = self.check_last if last else self.check
        return self.probe.measure(lane.model, check=check, processes=self.processes)

    def keep(self, lane: Lane, row: ProbeRow, detail: ProbeDetail) -> None:
        """Write a measurement."""
        if self.store is None:
            return
        now = lane.progress
        self.store.detail(lane.loss, lane.step, detail)
        self.store.row(lane.loss, lane.step, row, seconds=now.seconds, tokens=now.tokens, train_loss=now.train_loss)

    def save_all(self) -> None:
        """Write a checkpoint of every lane that has moved since its last one and is sound."""
        if self.store is None:
            return
        self.store.settle()
        for lane in self.lanes:
            if lane.step > lane.saved and lane.healthy():
                # Weights that may be ruined never push out those before them.
                keep = self.config.keep if lane.sound else 0
                self.store.checkpoint(lane.loss, lane.step, partial(self._write, lane), keep=keep)
                lane.saved = lane.step

    def before(self, lane: Lane) -> int:
        """Step of the newest checkpoint of a lane before the step it stands at; 0 where there is none."""
        steps = self.store.checkpoints(lane.loss) if self.store is not None else ()
        return max((step for step in steps if step < lane.step), default=0)

    def settle(self) -> None:
        """Wait until every checkpoint is on the disk."""
        if self.store is not None:
            self.store.settle()

    def _write(self, lane: Lane, folder: Path) -> None:
        _write_model(lane.model, self.tokenizer, folder)
        (folder / RESUME_FILE).write_bytes(lane.resume_bytes())


def prepare(plan: Plan, store: RunStore | None, control: Control, tell: Tell, policy: Policy) -> Session:
    """Load models and text, put every lane where it was, and run the teacher over the held-out sequences.

    Raises:
        InvalidInput: the text cannot be used, or models or text are not those the run was started with.
        CheckpointUnavailable: a model cannot be loaded, or the text lies where the policy lets nothing be read.
        Cancelled: the run was stopped meanwhile.
    """
    config, processes = plan.config, plan.processes
    check = processes.between(control.check)
    if config.data.text not in (BUNDLED_TEXT, TOY_TEXT):
        # A run.json may come from anywhere: to resume it reads no file that could not be chosen.
        policy.check_path(Path(config.data.text))

    def told(share: float, sentence: str) -> None:
        check()
        tell(share, sentence)

    teacher, student, shared = load_pair(config, processes.device, policy, lambda s, text: told(0.5 * s, text))
    digest = text_digest(config.data.text)
    _same_as_before(plan, teacher, student, digest)
    told(0.5, "Reading the text")
    context = min(teacher.info.context, student.info.context)
    reading = reading_of(teacher, student)
    corpus = _corpus(config, reading.tokenizer, context, check, _scored(teacher, student, shared.size))
    vocabulary = Vocabulary(reading.tokenizer, shared.size, context)
    told(0.7, "Running the teacher over the held-out text")
    session = _assembled(plan, (teacher, student), corpus, vocabulary, check)
    session.check_last = processes.between(control.check_cancelled)
    session.store = store
    if store is not None:
        # A student that learnt in the teacher's template is saved with it, and no other student is.
        session.tokenizer = tokenizer_files(reading.tokenizer if corpus.chats else student.tokenizer)
        if plan.resume:
            session.probe.positions = watched_positions(store.folder) or session.probe.positions
        notes = reading.notes(texts=True, ended=True, chats=corpus.chats) + corpus.notes
        _introduce(plan, store, session, (teacher, student), (replace(corpus, notes=notes), digest))
        if not plan.resume or not store.has_teacher_detail():
            store.teacher_detail(session.probe.teacher_detail(check=check))
    told(1.0, "Ready")
    return session


def _assembled(
    plan: Plan, pair: tuple[Checkpoint, Checkpoint], corpus: Corpus, vocabulary: Vocabulary, check: Check
) -> Session:
    """The parts of a run from its models and text; nothing is written yet."""
    config, processes = plan.config, plan.processes
    teacher, student = pair
    supply = Supply(corpus, config, processes, vocabulary, teacher=teacher.model, check=check)
    arithmetic = _arithmetic(config.precision, processes.device)
    cache = config.cache_mb * 1_000_000
    probe = Probe(
        teacher.model,
        corpus.held_out,
        vocabulary,
        config.probe,
        seed=config.seed,
        cache_bytes=cache,
    )
    kept = Teacher(
        teacher,
        vocabulary.rows,
        config.data,
        seed=config.seed,
        cache_bytes=cache if supply.repeats else 0,
        arithmetic=arithmetic,
    )
    lanes = [_lane(plan, loss, student, vocabulary.rows, arithmetic) for loss in config.losses]
    return Session(config, processes, None, lanes, supply, kept, probe, check, check)


def _corpus(config: DistillConfig, tokenizer: Any, context: int, check: Check, scored: Scored | None) -> Corpus:
    """The text of the run as sequences."""
    if config.data.text == TOY_TEXT:
        prompt = config.data.prompt_tokens if config.data.source != "text" else 1
        return toy_language.toy_corpus(config.data.window, prompt, config.probe.windows)
    return load_corpus(config.data, tokenizer, context, config.probe.windows, check, scored)


def _scored(teacher: Checkpoint, student: Checkpoint, size: int) -> Scored | None:
    """Refuses a text with a token that only one of the two has, as `inspect` does; None where there is none."""
    if max(len(teacher.tokenizer), len(student.tokenizer)) <= size:
        return None
    # First the model whose tokenizer cut the text.
    return partial(check_scored, student, teacher, size)


def _arithmetic(precision: str, device: torch.device) -> Arithmetic:
    """Makes the context of a forward pass: bfloat16 where it is asked for, or where a GPU has it."""
    able = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if precision == "bfloat16" or (precision == "auto" and able):
        return lambda: torch.autocast(device.type, torch.bfloat16)
    return nullcontext


def _lane(plan: Plan, loss: str, start: Checkpoint, rows: int, arithmetic: Arithmetic) -> Lane:
    """A lane at its start, or where its newest checkpoint left it."""
    point = resume_point(plan.folder, loss) if plan.resume and plan.folder is not None else None
    model = reloaded(point[1], plan.processes.device) if point else trainable(start, plan.config)
    lane = Lane(loss, model, plan.config, rows=rows, processes=plan.processes, arithmetic=arithmetic)
    if point:
        lane.restore(point[1])
    return lane


def _same_as_before(plan: Plan, teacher: Checkpoint, student: Checkpoint, digest: str) -> None:
    """Refuse to go on with other weights, or another text, than the run was started with."""
    for role, now in (("teacher", teacher.info.revision), ("student", student.info.revision)):
        then = (plan.meta.get(role) or {}).get("revision", now)
        if then != now:
            raise InvalidInput(f"The {role} is not the one the run was started with ({then}): start a new run.")
    if plan.meta.get("text_digest", digest) != digest:
        raise InvalidInput("The text is not the one the run was started with: start a new run, or put it back.")


def _introduce(
    plan: Plan, store: RunStore, session: Session, pair: tuple[Checkpoint, Checkpoint], text: tuple[Corpus, str]
) -> None:
    """Write who takes part, and forget what came after the checkpoints the lanes go on from."""
    teacher, student = pair
    corpus, digest = text
    count = session.processes.count
    together = (f"The run was shared by {count} processes.",) if count > 1 else ()
    notes = [*corpus.notes, *session.probe.notes, *teacher.notes, *student.notes, *together]
    store.update(
        config=plan.config.to_json(),
        teacher=asdict(teacher.info),
        student=asdict(student.info),
        notes=notes,
        text_digest=digest,
    )
    for lane in session.lanes:
        store.go_on_from(lane.loss, lane.step, keep=plan.config.keep)
    if plan.config.teacher == toy_language.TEACHER:
        store.teacher(lambda folder: _write_model(teacher.model, session.tokenizer, folder))


def _write_model(model: Any, tokenizer: dict[str, bytes], folder: Path) -> None:
    """A model with its tokenizer."""
    save_model(model, folder)
    for name, content in tokenizer.items():
        (folder / name).write_bytes(content)
