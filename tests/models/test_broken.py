"""What a broken checkpoint says: one sentence that names the file and the remedy, and nothing half-loaded."""

import json
import shutil

import pytest
import torch
from transformers import GPT2Model

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models import load_checkpoint
from tests.models.refusing import refusal

LAST = "model.layers.1.mlp.up_proj.weight"


def test_missing_folder(tmp_path):
    folder = tmp_path / "nowhere"
    assert refusal(folder) == f"There is no folder {folder}: check the path of the checkpoint."


def test_missing_config(llama):
    (llama / "config.json").unlink()
    assert refusal(llama) == (
        f"{llama / 'config.json'} is missing: give a folder that save_pretrained wrote, with config.json in it."
    )


@pytest.mark.parametrize("content", ["{", "\x00\xff", "[" * 100_000])
def test_broken_config(llama, content):
    (llama / "config.json").write_text(content, encoding="utf-8")
    assert refusal(llama) == (
        f"{llama / 'config.json'} is not a valid JSON file: copy it again from where the checkpoint came from."
    )


def test_config_that_is_no_object(llama):
    (llama / "config.json").write_text("[1]", encoding="utf-8")
    assert refusal(llama) == (
        f"{llama / 'config.json'} does not hold a JSON object: copy it again from the checkpoint's source."
    )


@pytest.mark.parametrize("change", [{"hidden_size": "wide"}, {"num_attention_heads": 0}])
def test_config_that_describes_no_model(llama, edit_json, change):
    edit_json(llama / "config.json", **change)
    assert refusal(llama) == (
        f"{llama / 'config.json'} describes no model that can be built: "
        "copy it again from where the checkpoint came from."
    )


def test_config_that_fails_while_the_model_is_built(llama, edit_json):
    edit_json(llama / "config.json", hidden_act="nonesuch")
    assert refusal(llama) == (
        f"{llama} could not be loaded (KeyError; the log has the details): "
        "check that config.json and the weights belong together, or copy the checkpoint again."
    )


@pytest.mark.parametrize("architectures", [5, ["LlamaForCausalLM", 7], "LlamaForCausalLM"])
def test_architectures_of_any_type_give_no_traceback(llama, edit_json, architectures):
    edit_json(llama / "config.json", architectures=architectures)
    try:
        load_checkpoint(str(llama))
    except CheckpointUnavailable as error:
        assert str(llama) in str(error)  # noqa: PT017 (loading it is as good an answer)


@pytest.mark.parametrize("kept", [4, 200, -40])
def test_truncated_weights(llama, kept):
    path = llama / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(llama) == f"{path} is truncated or is not a safetensors file: download or copy it again."


def test_pickle_only(llama):
    (llama / "model.safetensors").unlink()
    torch.save({}, llama / "pytorch_model.bin")
    assert refusal(llama) == (
        f"{llama / 'pytorch_model.bin'} is a pickle, which can run code and is never read: "
        "save the model as safetensors (model.save_pretrained(folder)) so that model.safetensors is there."
    )


def test_no_weights_at_all(llama):
    (llama / "model.safetensors").unlink()
    assert refusal(llama) == (
        f"{llama / 'model.safetensors'} is missing: copy the weights there, or save the model again."
    )


def test_missing_shard(llama):
    (llama / "model.safetensors").rename(llama / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (llama / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert refusal(llama) == (
        f"{llama / 'model-00002-of-00002.safetensors'} is missing although model.safetensors.index.json lists it: "
        "copy that file too."
    )


def test_shard_outside_the_folder(llama):
    (llama / "model.safetensors").rename(llama.parent / "other.safetensors")
    index = {"weight_map": {"a": "../other.safetensors"}}
    (llama / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert "lists other.safetensors, not a safetensors file beside it" in refusal(llama)


def test_sharded_weights_load_as_the_single_file_does(llama):
    whole = load_checkpoint(str(llama)).model.state_dict()
    load_checkpoint(str(llama)).model.save_pretrained(llama.parent / "sharded", max_shard_size="10KB")
    for file in llama.glob("tokenizer*"):
        shutil.copy(file, llama.parent / "sharded")
    assert (llama.parent / "sharded" / "model.safetensors.index.json").exists()
    sharded = load_checkpoint(str(llama.parent / "sharded")).model.state_dict()
    assert all(torch.equal(whole[name], sharded[name]) for name in whole)


def test_missing_tensor_is_not_made_up(llama, edit_weights):
    edit_weights(llama, lambda tensors: tensors.pop(LAST))
    assert refusal(llama) == (
        f"{llama / 'model.safetensors'} lacks the tensor {LAST}: "
        "copy the complete checkpoint or save it again; AKL Viz does not fill weights with random numbers."
    )


def test_missing_output_embedding_of_an_untied_model(llama, edit_weights):
    edit_weights(llama, lambda tensors: tensors.pop("lm_head.weight"))
    assert "lacks the tensor lm_head.weight: " in refusal(llama)


def test_a_tied_output_embedding_that_is_stored_too_is_accepted(families, tmp_path, edit_weights):
    folder = shutil.copytree(families / "qwen2", tmp_path / "tied")
    edit_weights(
        folder, lambda tensors: tensors.update({"lm_head.weight": tensors["model.embed_tokens.weight"].clone()})
    )
    checkpoint = load_checkpoint(str(folder))
    assert checkpoint.notes == ()
    assert torch.equal(checkpoint.model.lm_head.weight, checkpoint.model.model.embed_tokens.weight)


def test_an_output_embedding_that_a_tied_config_would_drop_is_not_dropped(families, tmp_path, edit_weights):
    folder = shutil.copytree(families / "qwen2", tmp_path / "untied")
    edit_weights(folder, lambda tensors: tensors.update({"lm_head.weight": tensors["model.embed_tokens.weight"] + 1}))
    model = load_checkpoint(str(folder)).model
    assert torch.equal(model.lm_head.weight, model.model.embed_tokens.weight + 1)


def test_model_without_a_language_head_needs_tied_embeddings(tmp_path, tokenizer, families):
    config = load_checkpoint(str(families / "gpt2")).model.config
    GPT2Model(config).save_pretrained(tmp_path / "body")
    tokenizer.save_pretrained(tmp_path / "body")
    checkpoint = load_checkpoint(str(tmp_path / "body"))
    assert checkpoint.model.lm_head.weight is checkpoint.model.transformer.wte.weight


def test_wrong_shape(llama, edit_json):
    edit_json(llama / "config.json", intermediate_size=48)
    said = refusal(llama)
    assert said == (
        f"The tensor model.layers.0.mlp.down_proj.weight in {llama / 'model.safetensors'} has shape 16 x 32, "
        "but config.json asks for 16 x 48: use the config.json that was saved with the weights."
    )


def test_layers_that_the_config_leaves_out(llama, edit_json):
    edit_json(llama / "config.json", num_hidden_layers=1)
    assert refusal(llama) == (
        f"{llama / 'model.safetensors'} holds the tensor model.layers.1.input_layernorm.weight and 8 more "
        "that config.json has no place for: use the config.json that was saved with the weights."
    )


def test_weights_of_another_family_are_not_read_without_their_biases(families, tmp_path, edit_json):
    folder = shutil.copytree(families / "qwen2", tmp_path / "qwen2-as-llama")
    edit_json(folder / "config.json", model_type="llama", architectures=["LlamaForCausalLM"])
    assert "self_attn.k_proj.bias" in refusal(folder)


def test_a_value_head_is_left_out_and_noted(llama, edit_weights):
    edit_weights(llama, lambda tensors: tensors.update({"v_head.summary.weight": torch.zeros(1, 16)}))
    assert load_checkpoint(str(llama)).notes == (
        f"{llama / 'model.safetensors'} holds the tensor v_head.summary.weight that a language model does not use.",
    )


def test_no_tokenizer(llama):
    for file in llama.glob("tokenizer*"):
        file.unlink()
    assert refusal(llama) == (
        f"{llama} has no tokenizer (tokenizer.json is missing): copy the tokenizer files of the model there "
        "(tokenizer.save_pretrained(folder))."
    )


def test_broken_tokenizer(llama):
    (llama / "tokenizer.json").write_text("{}", encoding="utf-8")
    assert refusal(llama) == (
        f"The tokenizer in {llama} cannot be read: copy tokenizer.json and tokenizer_config.json there "
        "(tokenizer.save_pretrained(folder))."
    )


def test_unknown_architecture(llama, edit_json):
    edit_json(llama / "config.json", model_type="hyperllama", architectures=["HyperLlamaForCausalLM"])
    assert refusal(llama) == (
        f"{llama / 'config.json'} names the model type 'hyperllama', which is no causal language model of the "
        "installed transformers: use a model of a built-in type, or a newer transformers."
    )


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_custom_code_never_runs(llama, edit_json, file, monkeypatch):
    witness = llama / "executed"
    (llama / "modeling_evil.py").write_text(f"open({str(witness)!r}, 'w').close()\n", encoding="utf-8")
    code = dict.fromkeys(("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer"), "modeling_evil.Evil")
    edit_json(llama / file, auto_map=code)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on standard input"))
    built_in = load_checkpoint(str(llama))
    assert built_in.info.architecture == "LlamaForCausalLM"
    assert [("auto_map" in note) for note in built_in.notes] == ([True] if file == "config.json" else [])
    if file == "config.json":
        edit_json(llama / file, model_type="evil")
    else:
        (llama / "tokenizer.json").rename(llama / "vocab.json")
    assert refusal(llama) == (
        f"{llama / file} asks to run code that comes with the checkpoint (auto_map), which AKL Viz never does: "
        "use a version of the model that is built into transformers."
    )
    assert not witness.exists()


def test_a_chat_template_is_not_executed(llama):
    (llama / "chat_template.jinja").write_text("{{ raise_exception('executed') }}{% for", encoding="utf-8")
    load_checkpoint(str(llama))


def test_an_attention_kernel_named_by_the_config_is_not_fetched(llama, edit_json):
    edit_json(llama / "config.json", attn_implementation="someone/kernel", _attn_implementation="someone/kernel")
    assert load_checkpoint(str(llama)).model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers(llama, edit_weights, value):
    edit_weights(llama, lambda tensors: tensors[LAST].view(-1)[3:4].fill_(value))
    assert refusal(llama) == (
        f"The tensor {LAST} in {llama / 'model.safetensors'} holds NaN or infinite values (read as float32): "
        "use a checkpoint from before the training diverged."
    )


def test_weights_that_overflow_in_float16(llama, edit_weights):
    edit_weights(llama, lambda tensors: tensors[LAST].view(-1)[3:4].fill_(1e6))
    assert load_checkpoint(str(llama)).info.dtype == "float32"
    assert refusal(llama, dtype="float16") == (
        f"The tensor {LAST} in {llama / 'model.safetensors'} holds NaN or infinite values (read as float16): "
        "choose float32 or bfloat16."
    )


def test_more_memory_than_there_is(llama, monkeypatch):
    monkeypatch.setattr("akl_viz.models.memory.free_bytes", lambda device: 50_000)
    assert refusal(llama) == (
        f"{llama} needs 59.7 kB for its weights in float32, but only 50 kB are free on cpu: "
        "choose a smaller dtype or model, or free some memory."
    )


def test_what_no_check_foresaw_is_one_sentence_and_keeps_its_cause(llama, monkeypatch):
    def fail(*args, **options):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("akl_viz.models.loading.load_model", fail)
    with pytest.raises(CheckpointUnavailable) as caught:
        load_checkpoint(str(llama))
    assert "secret detail" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_missing_package_is_named(llama, monkeypatch):
    def fail(*args, **options):
        raise ModuleNotFoundError("No module named 'kernelpack'", name="kernelpack")

    monkeypatch.setattr("akl_viz.models.loading.load_model", fail)
    assert refusal(llama) == (
        f"{llama} needs the package kernelpack, which is not installed: install it, or use another model."
    )
