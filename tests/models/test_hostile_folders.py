"""A checkpoint folder made to hang or fill the machine is refused by one sentence, before anything large is read."""

import json
import os
import shutil
import struct
from pathlib import Path

import pytest

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models import ModelPool, Policy, load_checkpoint
from tests.models.refusing import refusal

FILES = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "chat_template.jinja"]


@pytest.mark.parametrize("file", [*FILES, "generation_config.json", "model.safetensors.index.json"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_file_that_never_ends_is_not_opened(llama, file, kind):
    path = llama / file
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    assert refusal(llama) == (
        f"{path} is a device or a pipe, not a file: copy the checkpoint again from where it came from."
    )


def test_a_template_in_a_sub_folder_that_never_ends_is_not_opened(llama):
    (llama / "additional_chat_templates").mkdir()
    os.mkfifo(llama / "additional_chat_templates" / "tools.jinja")
    assert "tools.jinja is a device or a pipe" in refusal(llama)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "generation_config.json"])
def test_a_text_file_beyond_every_size_is_not_read(llama, file):
    with (llama / file).open("wb") as opened:
        opened.truncate(3_000_000_000)
    assert f"{llama / file} is larger than " in refusal(llama)


def test_files_that_are_not_read_may_be_long_or_of_any_kind(llama):
    with (llama / "trainer_state.json").open("wb") as opened:
        opened.truncate(3_000_000_000)
    os.mkfifo(llama / "log")
    load_checkpoint(str(llama))


@pytest.mark.parametrize("depth", [101, 500, 900, 50_000])
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("kind", [('{"a":', "}"), ("[", "]")], ids=["objects", "lists"])
def test_entries_within_entries_without_end(families, llama, depth, file, kind):
    path, (opening, closing) = llama / file, kind
    path.write_text(f'{path.read_text()[:-2]}, "x": {opening * depth}1{closing * depth}}}', encoding="utf-8")
    deep = f"{path} nests its entries more than 100 levels deep, which no such file of a checkpoint does: "
    for ask in (lambda: load_checkpoint(str(llama)), lambda: ModelPool().pair(str(llama), str(families / "gpt2"))):
        with pytest.raises(CheckpointUnavailable) as caught:
            ask()
        assert str(caught.value).startswith((deep, f"{path} is not a valid JSON file"))


def test_entries_within_a_hundred_entries_are_read(llama):
    path = llama / "config.json"
    path.write_text(f'{path.read_text()[:-2]}, "x": {"[" * 98}{"]" * 98}}}', encoding="utf-8")
    assert load_checkpoint(str(llama)).info.vocab_size == 320


@pytest.mark.parametrize(
    "change",
    [{"text_config": {}}, {"text_config": []}, {"vocab_size": None}, {"vocab_size": []}, {"rope_parameters": 7}],
    ids=str,
)
@pytest.mark.parametrize("place", [0, 1], ids=["teacher", "student"])
def test_a_configuration_that_fails_in_the_comparison_is_left_to_the_loader(families, llama, edit_json, change, place):
    edit_json(llama / "config.json", **change)
    pair = [str(llama), str(families / "gpt2")]
    with pytest.raises(CheckpointUnavailable, match=str(llama)):
        ModelPool().pair(pair[place], pair[1 - place])


@pytest.mark.parametrize("name", ["num_hidden_layers", "num_labels"])
def test_more_parts_than_the_files_have_tensors(llama, edit_json, name):
    edit_json(llama / "config.json", **{name: 100_000_000})
    assert refusal(llama).startswith(f"{llama / 'config.json'} asks for {name} = 100,000,000, but the files beside it")


@pytest.mark.parametrize("change", [{"vocab_size": 10**11}, {"intermediate_size": 10**10}, {"head_dim": 10**10}])
def test_sizes_far_beyond_the_stored_weights_are_not_allocated(llama, edit_json, change):
    edit_json(llama / "config.json", **change)
    assert refusal(llama).endswith("use the config.json that was saved with the weights.")


def write_header(path: Path, tensors: int) -> None:
    """A safetensors file of that many empty tensors."""
    row = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({f"model.layers.{number}.weight": row for number in range(tensors)}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


@pytest.mark.parametrize("tensors", [200_001, 400_000])
def test_a_header_of_more_tensors_than_any_model_has(llama, tensors):
    write_header(llama / "model.safetensors", tensors)
    assert "lists more than 200,000 tensors, which no model has" in refusal(llama)


def test_a_snapshot_of_links_into_blobs_loads(llama, tmp_path):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "0123"
    shutil.copytree(llama, blobs)
    snapshot.mkdir(parents=True)
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(Path("../../blobs") / file.name)
    assert load_checkpoint(str(snapshot), policy=Policy(roots=(tmp_path,))).info.architecture == "LlamaForCausalLM"


def test_the_message_about_pickles_names_the_weights(llama):
    (llama / "model.safetensors").unlink()
    for name in ("optimizer.pt", "scheduler.pt", "rng_state_0.pth", "training_args.bin", "a.bin", "pytorch_model.bin"):
        (llama / name).write_bytes(b"0")
    assert refusal(llama).startswith(f"{llama / 'pytorch_model.bin'} is a pickle")
    for name in ("a.bin", "pytorch_model.bin"):
        (llama / name).unlink()
    assert refusal(llama).startswith(f"{llama / 'model.safetensors'} is missing")


@pytest.mark.parametrize("inner", ["checkpoint-{}", "checkpoints/akl/step-{:06}", "step-{:06}"])
def test_a_folder_of_a_run_names_its_newest_checkpoints(families, tmp_path, inner):
    places = [tmp_path / "run" / inner.format(step) for step in (5, 10, 15, 20)]
    for time, place in enumerate(places):
        shutil.copytree(families / "llama", place)
        os.utime(place, (time, time))
    assert refusal(tmp_path / "run") == (
        f"{tmp_path / 'run'} is the folder of a run, not a model: give one of the checkpoints in it, "
        f"{places[3]}, {places[2]}, {places[1]} and 1 more."
    )


@pytest.mark.parametrize(
    "file", ["model.safetensors", "config.json", "tokenizer.json", "generation_config.json", "chat_template.jinja"]
)
def test_a_file_that_is_a_symlink_out_of_the_roots(llama, tmp_path_factory, file):
    outside = tmp_path_factory.mktemp("outside") / file
    if (llama / file).exists():
        (llama / file).rename(outside)
    else:
        outside.write_text("{}", encoding="utf-8")
    (llama / file).symlink_to(outside)
    policy = Policy(roots=(llama.parent,))
    assert refusal(llama, policy=policy).startswith(f"{llama / file} lies outside the folders this app may read (")
