"""LoRA adapters load on their base, and only on it."""

import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models import Policy, encode, load_checkpoint, logit_blocks
from akl_viz.models.fingerprint import stamp
from akl_viz.models.quiet import quiet
from tests.checkpoints import VOCABULARY, make_tokenizer

SPARE = VOCABULARY + 10
MERGE_ATOL = 1e-5
"""Adding the low-rank product to the weights first rounds differently in float32."""


@pytest.fixture
def adapter(families, tmp_path, edit_json):
    """An adapter folder beside a copy of its base, which it names by a relative path."""
    base = shutil.copytree(families / "llama", tmp_path / "base")
    with quiet(offline=True):
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(r=2, target_modules=["q_proj"]))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(tmp_path / "adapter")
    edit_json(tmp_path / "adapter" / "adapter_config.json", base_model_name_or_path="../base", task_type="CAUSAL_LM")
    return tmp_path / "adapter"


def refusal(folder, **options) -> str:
    with pytest.raises(CheckpointUnavailable) as caught:
        load_checkpoint(str(folder), **options)
    return str(caught.value)


def test_an_adapter_loads_on_its_base(adapter):
    adapted, base = load_checkpoint(str(adapter)), load_checkpoint(str(adapter.parent / "base"))
    assert adapted.info.architecture == "LlamaForCausalLM + LoRA"
    assert adapted.info.parameters > base.info.parameters
    assert adapted.info.revision != base.info.revision
    assert (adapted.info.vocab_size, adapted.info.context) == (base.info.vocab_size, base.info.context)
    ids = encode(adapted.tokenizer, "It is a truth", 64).ids
    ours, bare = (torch.cat(list(logit_blocks(one, ids, rows=320, block=3))) for one in (adapted, base))
    assert not torch.allclose(ours, bare)
    merged = adapted.model.merge_and_unload()
    with torch.no_grad():
        wanted = merged(torch.tensor([ids])).logits[0, :-1]
    torch.testing.assert_close(ours, wanted, atol=MERGE_ATOL, rtol=MERGE_ATOL)


def test_adapter_and_base_have_one_dtype(adapter):
    model = load_checkpoint(str(adapter), dtype="float64").model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}


@pytest.mark.parametrize("named", ["../elsewhere", "/no/where", "someone/some-base-that-is-not-cached"])
def test_missing_base(adapter, edit_json, named):
    edit_json(adapter / "adapter_config.json", base_model_name_or_path=named)
    assert refusal(adapter) == (
        f"The base model {named} that {adapter / 'adapter_config.json'} names is not on this machine: "
        "put its folder there, or set base_model_name_or_path to where it is."
    )


def test_an_adapter_never_makes_the_hub_be_asked(adapter, edit_json, monkeypatch):
    asked = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **options: asked.append(args) or [])
    edit_json(adapter / "adapter_config.json", base_model_name_or_path="someone/some-base-that-is-not-cached")
    refusal(adapter)
    assert asked == []


def test_no_base_named(adapter, edit_json):
    edit_json(adapter / "adapter_config.json", base_model_name_or_path=None)
    assert refusal(adapter) == (
        f"{adapter / 'adapter_config.json'} names no base model: set base_model_name_or_path to the base's folder."
    )


def test_base_outside_the_roots(adapter):
    assert "lies outside the folders this app may read" in refusal(adapter, policy=Policy(roots=(adapter,)))


def test_base_that_is_an_adapter(adapter, edit_json):
    edit_json(adapter / "adapter_config.json", base_model_name_or_path=".")
    assert "is itself an adapter: merge it into its base first." in refusal(adapter)


def test_adapter_of_another_base(adapter, families, edit_json):
    edit_json(adapter / "adapter_config.json", base_model_name_or_path=str(families / "gpt2"))
    assert refusal(adapter) == (
        f"The adapter {adapter / 'adapter_model.safetensors'} does not fit its base {families / 'gpt2'}: "
        "set base_model_name_or_path in adapter_config.json to the model it was trained on."
    )


def test_adapter_that_lacks_tensors(adapter, edit_json):
    edit_json(adapter / "adapter_config.json", target_modules=["q_proj", "v_proj"])
    said = refusal(adapter)
    assert said.startswith(f"{adapter / 'adapter_model.safetensors'} lacks the tensor base_model.model.model.layers.0.")
    assert said.endswith("against its adapter_config.json: copy both again.")


def test_adapter_as_a_pickle(adapter):
    (adapter / "adapter_model.safetensors").unlink()
    torch.save({}, adapter / "adapter_model.bin")
    assert refusal(adapter) == (
        f"{adapter / 'adapter_model.bin'} is a pickle, which can run code and is never read: save the model as "
        "safetensors (model.save_pretrained(folder)) so that adapter_model.safetensors is there."
    )


@pytest.mark.parametrize("change", [{"peft_type": "IA3"}, {"megatron_config": {"a": 1}, "megatron_core": "this"}])
def test_only_plain_lora(adapter, edit_json, change):
    edit_json(adapter / "adapter_config.json", **change)
    assert "but only plain LoRA is read: merge the adapter into its base" in refusal(adapter)


def test_weights_of_an_adapter_that_are_no_numbers(adapter):
    from safetensors.torch import load_file, save_file

    tensors = load_file(adapter / "adapter_model.safetensors")
    next(iter(tensors.values())).fill_(float("nan"))
    save_file(tensors, adapter / "adapter_model.safetensors", metadata={"format": "pt"})
    said = refusal(adapter)
    assert "lora_" in said
    assert str(adapter / "adapter_model.safetensors") in said


def test_without_peft_the_sentence_names_it(adapter, monkeypatch):
    monkeypatch.setattr("akl_viz.models.adapter.find_spec", lambda name: None)
    assert refusal(adapter) == (
        f"{adapter / 'adapter_config.json'} is a LoRA adapter, which needs the package peft: "
        "install it (pip install peft), or merge the adapter into its base."
    )


def test_a_rank_beyond_the_stored_tensors_is_not_allocated(adapter, edit_json):
    edit_json(adapter / "adapter_config.json", r=10**9)
    assert "asks for the rank 1,000,000,000, but no tensor of adapter_model.safetensors has a side" in refusal(adapter)


@pytest.fixture(params=["llama", "qwen2"])
def spare(families, tmp_path, request):
    """A base whose embeddings (untied, then tied) have more rows than its tokenizer has tokens."""
    with quiet(offline=True):
        model = AutoModelForCausalLM.from_pretrained(families / request.param)
        model.resize_token_embeddings(SPARE)
        model.save_pretrained(tmp_path / "spare")
    make_tokenizer().save_pretrained(tmp_path / "spare")
    return tmp_path / "spare"


def saved(base, folder, *, added=0, **options):
    """An adapter with random weights, saved with a tokenizer that has one token and a template of its own."""
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["<tool>"], special_tokens=True)
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    with quiet(offline=True):
        model = AutoModelForCausalLM.from_pretrained(base)
        if added:
            model.resize_token_embeddings(SPARE + added, mean_resizing=False)
        model = get_peft_model(
            model, LoraConfig(r=2, task_type="CAUSAL_LM", **{"target_modules": ["q_proj"], **options})
        )
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad or (added and parameter.shape[0] == SPARE + added):
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model.eval(), tokenizer


FORMS = {
    "plain": {},
    "rows": {"trainable_token_indices": [5, 7]},
    "saved": {"modules_to_save": ["embed_tokens", "lm_head"]},
    "resized": {"added": 3},
    "resized, with rows": {"added": 3, "trainable_token_indices": [5, SPARE + 1]},
    "resized, with rows of both ends": {
        "added": 3,
        "trainable_token_indices": {"embed_tokens": [5, SPARE + 1], "lm_head": [5, SPARE + 2]},
    },
    "resized and saved": {"added": 3, "modules_to_save": ["embed_tokens", "lm_head"]},
    "targets embeddings": {"target_modules": ["q_proj", "embed_tokens"]},
    "dora": {"use_dora": True},
    "rank-stabilised": {"use_rslora": True, "lora_alpha": 7},
    "rank per module": {"rank_pattern": {"layers.0.self_attn.q_proj": 4}},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_adapter_is_the_model_that_was_saved_with_its_tokenizer(spare, tmp_path, form):
    model, tokenizer = saved(spare, tmp_path / "own", **FORMS[form])
    loaded = load_checkpoint(str(tmp_path / "own"))
    assert loaded.info.vocab_size == SPARE + FORMS[form].get("added", 0)
    assert loaded.tokenizer.chat_template == tokenizer.chat_template
    ids = encode(loaded.tokenizer, "It is <tool> a truth", 64).ids
    assert list(ids) == tokenizer("It is <tool> a truth")["input_ids"]
    assert len(tokenizer) - 1 in ids
    with torch.no_grad():
        wanted = model(torch.tensor([ids])).logits
        got = loaded.model(torch.tensor([ids])).logits
    torch.testing.assert_close(got, wanted, atol=MERGE_ATOL, rtol=MERGE_ATOL)


def test_trained_rows_that_are_stored_twice_and_differ_are_refused(spare, tmp_path):
    saved(spare, tmp_path / "own", **FORMS["resized, with rows"])
    file = tmp_path / "own" / "adapter_model.safetensors"
    ends = [name for name in load_file(file) if name.endswith("lm_head.token_adapter.trainable_tokens_delta")]
    if not ends:
        load_checkpoint(str(tmp_path / "own"))  # input and output embeddings are two: each row is stored once
        return
    save_file({name: part + (name in ends) for name, part in load_file(file).items()}, file, {"format": "pt"})
    assert "did not reach the model: merge the adapter into its base" in refusal(tmp_path / "own")


def test_an_adapter_without_a_tokenizer_has_that_of_its_base_and_its_own_template(adapter):
    (adapter / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    tokenizer = load_checkpoint(str(adapter)).tokenizer
    assert (tokenizer.chat_template, len(tokenizer)) == ("{{ messages }}", len(make_tokenizer()))


def test_a_base_relative_to_the_working_directory_is_found_as_peft_finds_it(adapter, edit_json, monkeypatch):
    edit_json(adapter / "adapter_config.json", base_model_name_or_path="base")
    assert "The base model base that" in refusal(adapter)
    monkeypatch.chdir(adapter.parent)
    assert load_checkpoint("adapter").info.architecture == "LlamaForCausalLM + LoRA"
    before = stamp(adapter)
    edit_json(adapter.parent / "base" / "config.json", note="written anew")
    assert stamp(adapter) != before


def test_a_base_that_may_be_two_folders_is_not_guessed(adapter, edit_json, monkeypatch):
    edit_json(adapter / "adapter_config.json", base_model_name_or_path="base")
    shutil.copytree(adapter.parent / "base", adapter / "base")
    monkeypatch.chdir(adapter.parent)
    assert refusal(adapter) == (
        f"The base base that {adapter / 'adapter_config.json'} names may be {adapter / 'base'} or "
        f"{adapter.parent / 'base'}: set base_model_name_or_path to the full path of the right one."
    )


@pytest.mark.parametrize("file", ["config.json", "chat_template.jinja", "generation_config.json"])
@pytest.mark.parametrize("folder", ["adapter", "base"])
def test_a_link_out_of_the_roots_in_an_adapter_or_its_base_is_refused(adapter, tmp_path_factory, folder, file):
    outside = tmp_path_factory.mktemp("outside") / file
    outside.write_text("{}", encoding="utf-8")
    link = adapter.parent / folder / file
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    said = refusal(adapter, policy=Policy(roots=(adapter.parent,)))
    assert said.startswith(f"{link} lies outside the folders this app may read (")


@pytest.mark.parametrize("pattern", [r"(.*)*x", r"([a-z._]+)+\d", r".*.*.*.*.*!", r"(\w{1,9}){1,99}-"])
@pytest.mark.parametrize("key", ["target_modules", "exclude_modules", "rank_pattern"])
def test_a_pattern_whose_search_may_never_end_is_not_searched(adapter, edit_json, key, pattern):
    edit_json(adapter / "adapter_config.json", **{key: {pattern: 2} if key == "rank_pattern" else pattern})
    assert "whose search may take forever: list the names of the layers instead." in refusal(adapter)


def test_a_pattern_as_people_write_it_finds_its_layers(adapter, edit_json):
    edit_json(adapter / "adapter_config.json", target_modules=r".*\.self_attn\.(q_proj|q_none)")
    assert load_checkpoint(str(adapter)).info.architecture == "LlamaForCausalLM + LoRA"
