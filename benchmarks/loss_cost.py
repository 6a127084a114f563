"""What the training loss costs in time, memory and digits beside what people use.

Forward and backward pass with respect to the student's logits, float32, one thread. CPU time; in every repeat the
methods take turns in one process, so that a disturbance of the machine hits all of them, and ratios are formed within a
repeat. Peak memory: the high-water mark above the inputs, one fresh process for each method.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from statistics import fmean

import torch
from torch import Tensor

from akl_viz.divergences import Pair, distillation_loss, weights_of
from benchmarks.loss_methods import METHODS, logits
from benchmarks.loss_peak import LINEAR, peak
from benchmarks.record import Result, finish, record

VOCABULARIES = (32_000, 50_257, 128_256, 151_936)
POSITIONS = (64, 256, 512)
REPEATS, QUICK_REPEATS = 5, 2
QUICK_ENTRIES = 64 * 50_257
"""The largest N V of a quick run."""
SORTED_ENTRIES = 256 * 151_936
"""The largest N V at which the sort-based form is timed: it takes a dozen tensors of that size and minutes beyond."""

AGAINST_SORTED_LONG, AGAINST_SORTED_SHORT = 0.125, 0.1666
"""8 and 6 times as fast."""
AGAINST_KL, AGAINST_KL_SMALL, AGAINST_KL_FLAT = 1.0, 1.5, 3.5
PEAK, PEAK_LINEAR = 1.25, 0.25
WEIGHT_ERROR, GRADIENT_ERROR = 2e-6, 3e-5

Case = tuple[str, int, int]
"""kind of teacher, V, N"""
Samples = dict[str, list[float]]
"""method -> nanoseconds per logit in each repeat"""


def seconds(loss: Callable[[Tensor, Tensor], Tensor], teacher: Tensor, student: Tensor) -> float:
    """CPU seconds of one forward and backward pass."""
    leaf = student.detach().requires_grad_()
    started = time.process_time()
    torch.autograd.backward(loss(teacher, leaf))
    return time.process_time() - started


def timed(case: Case, repeats: int) -> Samples:
    """Every method's cost per logit, the methods taking turns; the first round does not count."""
    kind, vocabulary, count = case
    teacher, student = logits(kind, count, vocabulary)
    chosen = dict(METHODS)
    if count * vocabulary > SORTED_ENTRIES or (kind == "flat" and count > POSITIONS[0]):
        del chosen["sorted"]
    samples: Samples = defaultdict(list)
    for repeat in range(repeats + 1):
        for name, method in chosen.items():
            spent = seconds(method.loss, teacher, student)
            if repeat:
                samples[name].append(spent / (count * vocabulary) * 1e9)
    return samples


def time_bar(case: Case, other: str) -> float | None:
    """The most AKL may cost relative to the other method; None where nothing is promised."""
    kind, vocabulary, count = case
    bars = {
        ("lm", "sorted", 128_256, 256): AGAINST_SORTED_LONG,
        ("lm", "forward_kl", 128_256, 256): AGAINST_KL,
        ("lm", "forward_kl", 32_000, 64): AGAINST_KL_SMALL,
    }
    if kind == "flat" and other == "forward_kl" and count == POSITIONS[0]:
        return AGAINST_KL_FLAT
    if kind == "lm" and other == "sorted" and vocabulary < VOCABULARIES[2]:
        return AGAINST_SORTED_SHORT
    return bars.get((kind, other, vocabulary, count))


def time_results(case: Case, samples: Samples) -> list[Result]:
    """Costs per logit and ratios of one case."""
    kind, vocabulary, count = case
    where = f"{kind} V={vocabulary} N={count}"
    results = [Result.of(f"{METHODS[name].label}, {where}", found, "ns") for name, found in samples.items()]
    for name in ("sorted", "forward_kl", "both_kl"):
        if name in samples:
            ratios = [mine / other for mine, other in zip(samples["akl"], samples[name], strict=True)]
            measure = f"AKL / {METHODS[name].label}, {where}"
            results.append(Result.of(measure, ratios, "x", bar=time_bar(case, name)))
    return results


def peak_results() -> list[Result]:
    """Peak extra memory, in logits tensors: of the loss of logits, and of the loss from hidden states."""
    results = []
    for vocabulary, count in ((128_256, 64), (128_256, 256)):
        for name in METHODS:
            bar = PEAK if name == "akl" and count == POSITIONS[1] else None
            found = peak(name, vocabulary, count)
            results.append(
                Result.of(f"peak of {METHODS[name].label}, V={vocabulary} N={count}", [found], "logits", bar=bar)
            )
    mine, unfused = (peak(name, *LINEAR) for name in ("linear", "linear_sorted"))
    where = f"V={LINEAR[0]} N={LINEAR[1]}"
    results += [
        Result.of(f"peak of AKL from hidden states, {where}", [mine], "logits", note="gradients included"),
        Result.of(f"peak of sort-based AKL from hidden states, {where}", [unfused], "logits"),
        Result.of("peak from hidden states, AKL / sort-based", [mine / unfused], "x", bar=PEAK_LINEAR),
    ]
    return results


def digit_results() -> list[Result]:
    """Errors of float32 against float64 on language-model-like rows of 128,256 entries."""
    teacher, student = logits("lm", 24, 128_256)
    errors: dict[str, list[float]] = defaultdict(list)
    for rows in zip(torch.split(teacher, 4), torch.split(student, 4), strict=True):
        wide = [row.double() for row in rows]
        single, double = (weights_of(Pair.from_logits(*pair))[0].double() for pair in (rows, wide))
        errors["weight"].append(float((single - double).abs().max()))
        found = []
        for first, second in (rows, wide):
            leaf = second.detach().requires_grad_()
            torch.autograd.backward(distillation_loss("akl", first, leaf, reduction="sum"))
            assert leaf.grad is not None
            found.append(leaf.grad.double())
        errors["gradient"].append(float((found[0] - found[1]).abs().max() / found[1].abs().max()))
    worst = {name: max(found) for name, found in errors.items()}
    return [
        Result.of("error of float32 weights, V=128256", [worst["weight"]], "absolute", bar=WEIGHT_ERROR),
        Result.of("error of float32 gradient, V=128256", [worst["gradient"]], "of its maximum", bar=GRADIENT_ERROR),
    ]


def run(*, quick: bool = False) -> bool:
    """Measure, print and record; returns whether the bars are met."""
    torch.set_num_threads(1)
    cases = [(kind, size, count) for kind in ("lm", "flat") for size in VOCABULARIES for count in POSITIONS]
    if quick:
        cases = [case for case in cases if case[1] * case[2] <= QUICK_ENTRIES]
    results = []
    for case in cases:
        samples = timed(case, QUICK_REPEATS if quick else REPEATS)
        print(case, {name: f"{fmean(found):.1f} ns" for name, found in samples.items()}, flush=True)
        results += time_results(case, samples)
    return record("loss_cost", results + peak_results() + digit_results(), quick=quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two repeats of the smallest sizes")
    finish(run(quick=parser.parse_args().quick))
