"""What a probe says is what its definition says, whoever shares the work, and prompts leave room for a sample."""

import json
import math

import numpy as np
import pytest
import torch

from akl_viz.distill import Control, ProbeConfig, distill, open_run
from akl_viz.distill.parallel import Processes
from akl_viz.distill.probes import Probe
from akl_viz.distill.sampling import Sampler, Vocabulary
from akl_viz.distill.sequences import TokenSequence
from akl_viz.distill.toy_language import toy_checkpoint, toy_text, transitions
from akl_viz.errors import InvalidInput
from tests.checkpoints import make_tokenizer
from tests.distill.conftest import GPT2_CONTEXT, run, toy
from tests.models.test_text import with_bos
from tests.tolerances import SINGLE

CONFIG = ProbeConfig(mu=0.6, watched=(3, 9), samples=2, sample_tokens=5)
TEXT = toy_text(200)
SEQUENCES = [
    TokenSequence(TEXT[:20]),
    TokenSequence(TEXT[30:48], prompt=6, response_only=True),
    TokenSequence(TEXT[60:91]),
]


@pytest.fixture(scope="module")
def pair():
    return toy_checkpoint("toy:teacher", 0), toy_checkpoint("toy:student", 0)


def probe(pair, config=CONFIG, context=0) -> Probe:
    return Probe(pair[0].model, SEQUENCES, Vocabulary(pair[0].tokenizer, 64, context), config)


def distributions(checkpoint, sequence) -> np.ndarray:
    """(T - 1, V) float64 probabilities of one pass."""
    with torch.no_grad():
        logits = checkpoint.model(input_ids=sequence.ids[None]).logits[0, :-1]
    return logits.double().softmax(-1).numpy()


def by_definition(pair, mu: float) -> dict[str, np.ndarray]:
    """Every quantity at every position that counts, written out with numpy."""
    found = {}
    for sequence in SEQUENCES:
        counted = range(sequence.prompt - 1 if sequence.response_only else 0, len(sequence.ids) - 1)
        for place in counted:
            p, q = (distributions(one, sequence)[place] for one in pair)
            order = np.argsort(-p, kind="stable")
            size = max(1, int((np.cumsum(p[order]) <= mu).sum()))
            head, gap = order[:size], np.abs(p - q)
            head_gap, tail_gap = gap[head].sum(), gap.sum() - gap[head].sum()
            values = {
                "forward_kl": (p * np.log(p / q)).sum(),
                "reverse_kl": (q * np.log(q / p)).sum(),
                "head_gap": head_gap,
                "tail_gap": tail_gap,
                "weight_forward": head_gap / (head_gap + tail_gap),
                "top1_agreement": float(p.argmax() == q.argmax()),
                "entropy": -(q * np.log(q)).sum(),
                "loss": -math.log(q[int(sequence.ids[place + 1])]),
                "head_size": size,
            }
            for name, value in values.items():
                found.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in found.items()}


def test_a_row_is_the_mean_of_the_definitions(pair):
    row, detail = probe(pair).measure(pair[1].model)
    expected = by_definition(pair, CONFIG.mu)
    means = {name: float(values.mean()) for name, values in expected.items()}
    means["perplexity"] = math.exp(means.pop("loss"))
    del means["head_size"]
    # Both models answer in float32.
    assert row.as_dict() == pytest.approx(means, rel=2e-5)
    assert len(expected["loss"]) == 19 + 12 + 30 == detail.weight_counts.sum()
    assert detail.weight_counts.tolist() == np.histogram(expected["weight_forward"], 40, (0.0, 1.0))[0].tolist()
    watched = distributions(pair[1], SEQUENCES[0])[[2, 8]]
    np.testing.assert_allclose(np.exp(detail.watched), watched, rtol=2e-5)


def test_the_teachers_side_is_what_is_watched_and_how_sharp_it_is(pair):
    detail = probe(pair).teacher_detail()
    expected = by_definition(pair, CONFIG.mu)
    ids = SEQUENCES[0].ids
    assert detail.observed.tolist() == ids[[3, 9]].tolist()
    assert detail.observed_text == tuple(f"w{token}" for token in ids[[3, 9]].tolist())
    np.testing.assert_allclose(detail.watched, transitions()[ids[[2, 8]]], atol=1e-5)
    assert detail.facts["mean_head_size"] == pytest.approx(expected["head_size"].mean())
    assert detail.facts["positions"] == 61
    # The teacher is the language, and knows no more than the last token.
    assert detail.facts["entropy"] == pytest.approx(
        np.mean([-(row.exp() * row).sum() for row in transitions()[counted_before()]]), rel=1e-5
    )


def counted_before() -> list[int]:
    """The token before every position that counts."""
    parts = [one.ids[:-1][one.counts] for one in SEQUENCES]
    return torch.cat(parts).tolist()


def test_the_student_is_left_in_its_mode(pair):
    student = pair[1].model.train()
    probe(pair).measure(student)
    assert student.training
    student.eval()


class Share(Processes):
    """One of several processes, whose sums are taken one after the other."""

    def __init__(self, rank: int, count: int, told: list) -> None:
        super().__init__("cpu")
        self.rank, self.count, self._told = rank, count, told

    def total(self, *values):
        self._told.append(values)
        return [sum(each) for each in zip(*self._told, strict=True)]


@pytest.mark.parametrize("count", [2, 4])
def test_processes_share_the_sequences_and_add_up_what_they_found(pair, count):
    """Of four, one has no sequence at all."""
    alone_row, alone = probe(pair).measure(pair[1].model)
    told, calls = [], []
    student = pair[1].model
    counted = student.register_forward_pre_hook(
        lambda module, words, options: calls.append(options["input_ids"].shape[1]), with_kwargs=True
    )
    for rank in reversed(range(count)):
        row, detail = probe(pair).measure(student, processes=Share(rank, count, told))
    counted.remove()
    assert row.as_dict() == pytest.approx(alone_row.as_dict(), rel=1e-12)
    assert detail.weight_counts.tolist() == alone.weight_counts.tolist()
    assert np.array_equal(detail.watched, alone.watched)
    assert detail.samples == alone.samples
    assert len([length for length in calls if length > 1]) == len(SEQUENCES) + len(alone.samples)


def test_samples_are_drawn_from_the_student_and_the_same_each_time(pair):
    prompts = ProbeConfig(prompts=("w1 w2 w3", "w7"), sample_tokens=6)
    measured = [probe(pair, prompts).measure(pair[1].model)[1].samples for _ in range(2)]
    assert measured[0] == measured[1]
    assert [len(text.split()) for text in measured[0]] == [6, 6]
    teacher = probe(pair, prompts).teacher_detail()
    assert teacher.prompts == ("w1 w2 w3", "w7")
    assert teacher.samples != measured[0]


@pytest.mark.parametrize(
    ("prompt", "context", "said"),
    [
        (" ", 0, r"The prompt ' ' has no tokens in the models' vocabulary: write some text"),
        ("w1 " * 8, 8, "has 8 tokens, and the models take 8, the sample included: shorten it"),
        ("w1 " * 60, 16, "The prompt '(w1 ){13}w…' has 60 tokens"),
    ],
)
def test_a_prompt_without_tokens_or_room_is_refused(pair, prompt, context, said):
    with pytest.raises(InvalidInput, match=said):
        probe(pair, ProbeConfig(prompts=(prompt,)), context)


@pytest.mark.parametrize("prompt", ["It is", "<bos>It is"])
def test_a_prompt_begins_once_and_ends_open(pair, prompt):
    tokenizer = with_bos()
    words = tokenizer("It is", add_special_tokens=False)["input_ids"]
    made = Probe(pair[0].model, SEQUENCES, Vocabulary(tokenizer, 64), ProbeConfig(prompts=(prompt,), watched=(3,)))
    assert [ids.tolist() for ids in made._prompts] == [[tokenizer.bos_token_id, *words]]
    note = "In the prompt '<bos>It is': The text already begins with the begin token <bos>, so none is put before it."
    assert made.notes == ((note,) if prompt.startswith("<bos>") else ())


def test_a_prompt_gets_the_begin_token_that_a_tokenizer_is_set_to_add(pair):
    tokenizer = make_tokenizer()
    words = tokenizer("It is")["input_ids"]
    tokenizer.add_bos_token = True
    made = Probe(pair[0].model, SEQUENCES, Vocabulary(tokenizer, 64), ProbeConfig(prompts=("It is",), watched=(3,)))
    assert [ids.tolist() for ids in made._prompts] == [[tokenizer.bos_token_id, *words]]


def test_positions_beyond_the_sequence_are_refused_unless_nobody_chose_them(pair):
    last = len(SEQUENCES[0].ids) - 1
    with pytest.raises(InvalidInput, match=f"choose some from 1 to {last}"):
        probe(pair, ProbeConfig(watched=(1000,)))
    assert probe(pair, ProbeConfig(watched=(1000, last))).positions == (last,)
    assert probe(pair, ProbeConfig()).positions


def responses(pair, **watched) -> Probe:
    """A probe whose first sequence counts from token 6 on, to token 17."""
    return Probe(pair[0].model, SEQUENCES[1:], Vocabulary(pair[0].tokenizer, 64, 0), ProbeConfig(samples=0, **watched))


def test_positions_are_watched_in_the_response_where_only_that_counts(pair):
    nobodys = responses(pair).positions
    assert (nobodys[0], nobodys[-1], len(nobodys)) == (6, 17, len(ProbeConfig().watched))
    assert list(nobodys) == sorted(set(nobodys))
    chosen = responses(pair, watched=(3, 7, 17, 40))
    assert chosen.positions == (7, 17)
    assert chosen.notes == ("Of the watched positions 3, 40 are left out: nothing is measured there.",)
    rows = chosen.measure(pair[1].model)[1].watched
    expected = np.log(distributions(pair[1], SEQUENCES[1])[[6, 16]])
    np.testing.assert_allclose(rows, expected, **SINGLE)
    with pytest.raises(InvalidInput, match=r"do not lie in the response .* choose some from 6 to 17"):
        responses(pair, watched=(1, 5, 18))


def test_a_run_that_goes_on_watches_where_it_began_to(tmp_path):
    """Runs written earlier watched the prompt; rows of other places would not be those of the teacher's side."""
    control = Control()
    for record in distill(toy(), tmp_path / "run", control=control):
        if record.step == 4:
            control.stop()
    config = json.loads((tmp_path / "run/run.json").read_text())
    config["config"]["probe"]["watched"] = [5, 11, 17]
    (tmp_path / "run/run.json").write_text(json.dumps(config))
    run(None, tmp_path / "run", resume=True)
    found = open_run(tmp_path / "run")
    assert found.teacher_detail().positions.tolist() == [3, 9]
    run(toy(), tmp_path / "whole")
    assert (found.detail("akl", 8).watched == open_run(tmp_path / "whole").detail("akl", 8).watched).all()


def test_a_sample_ends_where_the_models_do(pair):
    prompts = ProbeConfig(prompts=("w1 w2 w3", "w7"), sample_tokens=50)
    samples = probe(pair, prompts, context=8).measure(pair[1].model)[1].samples
    assert [len(text.split()) for text in samples] == [5, 7]


def test_a_sampler_knows_the_context(pair):
    sampler = Sampler(Vocabulary(pair[0].tokenizer, 64, 6))
    (ids,) = sampler.continued(pair[1].model, torch.tensor([[1, 2]]), 99, [torch.Generator().manual_seed(0)])
    assert len(ids) == 6


def test_a_table_of_positions_is_never_left(tmp_path, gpt2_pair):
    """GPT-2 has no position beyond its table: asking for one is an IndexError of torch."""
    teacher, student, text = gpt2_pair
    options = {"teacher": str(teacher), "student": str(student), "text": str(text), "steps": 1, "losses": ("akl",)}
    long = ProbeConfig(windows=2, prompts=("in want of a wife",), sample_tokens=40)
    run(toy(probe=long, window=99, **options), tmp_path / "run")
    assert all(open_run(tmp_path / "run").detail("akl", 1).samples)
    wrong = ProbeConfig(prompts=("in want of a wife " * 9,))
    with pytest.raises(InvalidInput, match=f"the models take {GPT2_CONTEXT}, the sample included"):
        list(distill(toy(probe=wrong, **options), tmp_path / "refused"))
    assert not (tmp_path / "refused").exists()
