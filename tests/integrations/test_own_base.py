"""A LoRA student learns from its own base: one copy of the weights, the adapter off for the teacher's pass."""

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model

from akl_viz.errors import InvalidInput
from tests.checkpoints import random_model
from tests.integrations.test_batches import forward_kl
from tests.integrations.test_trainer import Padded, made, uneven_rows
from tests.integrations.training import student

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")

LORA = {"r": 2, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM", "init_lora_weights": False}


def adapted(**changes):
    with torch.random.fork_rng():
        torch.random.manual_seed(5)
        model = get_peft_model(student(dropout=0.3), LoraConfig(**LORA | changes))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.mul_(3.0)
    return model


def losses(folder, model, *, fused=False):
    trainer = made(folder, model=model, teacher=model.get_base_model(), keywords={"loss": "forward_kl", "fused": fused})
    batch = Padded()(uneven_rows())
    model.eval()
    loss = trainer.compute_loss(model, dict(batch))
    counted = batch["labels"][:, 1:] != -100
    given = {name: batch[name] for name in ("input_ids", "attention_mask")}
    # The base as it was before it got its adapter: made anew, nothing is switched off.
    base = student(dropout=0.3).eval()
    with torch.no_grad():
        right = forward_kl(base(**given).logits[:, :-1], model(**given).logits[:, :-1])[counted].mean()
    return loss, float(right), trainer


@pytest.mark.parametrize("fused", [False, True], ids=["logits", "fused"])
def test_the_teacher_is_the_base_without_the_adapter(tmp_path, fused):
    loss, right, _ = losses(tmp_path, adapted(), fused=fused)
    assert float(loss.detach()) == pytest.approx(right, rel=1e-4)
    assert right > 0.01


def test_layers_that_are_trained_whole_are_the_base_s_own_in_the_teacher(tmp_path):
    model = adapted(modules_to_save=["norm"])
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "modules_to_save" in name:
                weight.mul_(2.0)
    loss, right, _ = losses(tmp_path, model)
    assert float(loss.detach()) == pytest.approx(right, rel=1e-4)


def test_the_adapter_is_trained_and_the_base_is_not(tmp_path):
    model = adapted()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    takes = {name: weight.requires_grad for name, weight in model.named_parameters()}
    trainer = made(tmp_path, model=model, teacher=model.get_base_model(), max_steps=2)
    trainer.train()
    after = dict(model.named_parameters())
    assert {name: weight.requires_grad for name, weight in after.items()} == takes
    moved = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    assert moved
    assert all("lora_" in name for name in moved)
    assert len(trainer.model.state_dict()) == len(before)


def test_the_modes_of_the_student_are_as_they_were(tmp_path):
    model = adapted()
    trainer = made(tmp_path, model=model, teacher=model.get_base_model())
    model.train()
    model.get_base_model().lm_head.eval()
    modes = [module.training for module in model.modules()]
    trainer.compute_loss(model, Padded()(uneven_rows()))
    assert [module.training for module in model.modules()] == modes


def test_what_the_adapter_lets_train_beside_it_is_refused(tmp_path):
    model = adapted()
    model.get_base_model().model.norm.weight.requires_grad_(True)
    with pytest.raises(InvalidInput, match=r"norm\.weight is trained too: load the teacher a second time"):
        made(tmp_path, model=model, teacher=model.get_base_model())


def test_without_an_adapter_the_student_is_no_teacher_of_itself(tmp_path):
    model = adapted().merge_and_unload()
    with pytest.raises(InvalidInput, match="share weights: load the teacher a second time"):
        made(tmp_path, model=model, teacher=model)


def deeper(base):
    """Another model that has the embedding of the base."""
    config = copy.deepcopy(base.config)
    config.num_hidden_layers = 3
    config.layer_types = None
    model = random_model(config, 9)
    model.model.embed_tokens = base.model.embed_tokens
    return model


def same_memory(base):
    """Another model whose weights are other objects over the memory of the base."""
    model = random_model(base.config, 9)
    for ours, theirs in zip(model.parameters(), base.parameters(), strict=True):
        ours.data = theirs.data
    return model


@pytest.mark.parametrize("other", [deeper, same_memory])
def test_another_model_that_shares_weights_is_not_taken_for_the_base(tmp_path, other):
    base = student(dropout=0.0)
    teacher, model = other(base), get_peft_model(base, LoraConfig(**LORA))
    takes = [one.requires_grad for one in model.parameters()]
    with pytest.raises(InvalidInput, match=r"share weights: load the teacher a second time, or give student\.get_base"):
        made(tmp_path, model=model, teacher=teacher)
    assert [one.requires_grad for one in model.parameters()] == takes


def test_another_adapter_on_the_same_weights_is_refused(tmp_path):
    base = student(dropout=0.0)
    twin = same_memory(base)
    pair = [get_peft_model(one, LoraConfig(**LORA)) for one in (base, twin)]
    with pytest.raises(InvalidInput, match="share weights"):
        made(tmp_path, model=pair[0], teacher=pair[1])


def test_an_adapted_student_is_not_its_own_teacher(tmp_path):
    model = adapted()
    for teacher in (model, model.base_model):
        with pytest.raises(InvalidInput, match="share weights"):
            made(tmp_path, model=model, teacher=teacher)
    assert any(one.requires_grad for one in model.parameters())
