"""Runs of the toy language: two or three losses, some tens of steps, about a second each."""

import dataclasses
import hashlib
import multiprocessing
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from transformers import GPT2Config

from akl_viz.distill import DataConfig, DistillConfig, ProbeConfig, StepRecord, distill, open_run
from akl_viz.distill.runs import RESUME_FILE
from tests.checkpoints import VOCABULARY, make_tokenizer, random_model, save_llama

GPT2_CONTEXT = 24
PROBE = ProbeConfig(windows=2, watched=(3, 9), samples=1, sample_tokens=4)
DATA = DataConfig(text="toy", window=24, rows=2)
TOY = DistillConfig(
    teacher="toy:teacher",
    student="toy:student",
    losses=("forward_kl", "akl"),
    steps=8,
    data=DATA,
    probe=PROBE,
    checkpoint_every=3,
)


def toy(**changes) -> DistillConfig:
    """The toy run with some settings changed; those of the text by their own names."""
    own = {field.name for field in dataclasses.fields(DataConfig)}
    data = {name: changes.pop(name) for name in list(changes) if name in own}
    return dataclasses.replace(TOY, data=dataclasses.replace(DATA, **data), **changes)


def run(config: DistillConfig | None, folder: Path | None = None, **options) -> list[StepRecord]:
    """All records of a run."""
    return list(distill(config, folder, **options))


def numbers(folder: Path) -> pd.DataFrame:
    """The history of a run without what the clock says."""
    return open_run(folder).history().drop(columns=["run", "seconds"])


def digests(folder: Path) -> dict[str, str]:
    """Checkpoint file -> hash, for the weights; the optimiser's file tells the time, so its tensors are hashed."""
    from safetensors.torch import load_file

    found = {}
    for path in sorted((folder / "checkpoints").rglob("*.safetensors")):
        name = str(path.relative_to(folder))
        if path.name == RESUME_FILE:
            tensors = load_file(path)
            content = b"".join(key.encode() + tensors[key].numpy().tobytes() for key in sorted(tensors))
        else:
            content = path.read_bytes()
        found[name] = hashlib.sha256(content).hexdigest()
    return found


@pytest.fixture(scope="session")
def family_pair(tmp_path_factory) -> tuple[Path, Path, Path]:
    """A teacher, a student and a text file: tiny Llamas saved as anyone's would be."""
    root = tmp_path_factory.mktemp("pair")
    text = root / "text.txt"
    text.write_text("It is a truth universally acknowledged, that a man must be in want of a wife. " * 60)
    return save_llama(root / "teacher", 1, hidden=32), save_llama(root / "student", 2), text


@pytest.fixture(scope="session")
def gpt2_pair(tmp_path_factory) -> tuple[Path, Path, Path]:
    """The same in another family: a table of 24 positions, and dropout."""
    root = tmp_path_factory.mktemp("gpt2")
    text = root / "text.txt"
    text.write_text("a single man in possession of a good fortune must be in want of a wife. " * 60)
    for name, seed, width in (("teacher", 1, 32), ("student", 2, 16)):
        config = GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=GPT2_CONTEXT,
            n_embd=width,
            n_layer=1,
            n_head=2,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=2,
        )
        random_model(config, seed).save_pretrained(root / name)
        make_tokenizer().save_pretrained(root / name)
    return root / "teacher", root / "student", text


@pytest.fixture(scope="package")
def nursery():
    """A server that has imported everything and has no threads: each child starts at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "akl_viz.distill.engine",
            "pyarrow.dataset",
            "pyarrow.parquet",
            "transformers.models.llama.modeling_llama",
            "tests.distill.conftest",
        ]
    )
    return context


@contextmanager
def no_file_of_main():
    """A child runs the file of __main__ again, and Streamlit's AppTest leaves the file of its page there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        yield


@pytest.fixture
def children(nursery):
    """Where children are started."""
    with no_file_of_main():
        yield nursery


@pytest.fixture(scope="package")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(toy(), folder)
    return folder


@pytest.fixture
def copied(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))
