"""Write the measured tables of data/README.md from the curves and the index, between their markers.

Nothing in those tables is typed by hand; a test compares them with what this program would write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

import pandas as pd
from text import DATA

README = DATA / "README.md"
CURVES = DATA / "curves"
LOSSES = ("forward_kl", "reverse_kl", "mixed_kl", "akl")
CHECKPOINT_STEPS = (20, 80, 400)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table, numbers to the right."""
    lines = [list(head), *([str(cell) for cell in row] for row in rows)]
    ruler = ["---", *("---:" for _ in lines[0][1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in [lines[0], ruler, *lines[1:]])


def students() -> pd.DataFrame:
    """The curves of all students: one row per seed, loss and step."""
    return pd.read_parquet(CURVES / "students.parquet")


def pivot(metric: str) -> pd.DataFrame:
    """One metric, rows (step, seed), one column per loss: what is equal within a row is everything but the loss."""
    return students().pivot(index=["step", "seed"], columns="loss", values=metric)


def spread(values: pd.Series, digits: int = 3) -> str:
    """Mean with the range over seeds."""
    return f"{values.mean():.{digits}f} ({values.min():.{digits}f}-{values.max():.{digits}f})"


def teacher_curve() -> str:
    """Held-out perplexity of the teacher along its training."""
    curve = json.loads((CURVES / "teacher.json").read_text())["curve"]
    best = min(curve, key=lambda row: row["perplexity"])
    shown = [row for row in curve if row["step"] % 200 == 0 or row in (curve[0], best) or row["step"] > best["step"]]
    rows = (
        (row["step"], f"{row['tokens'] / 1e6:.2f}", f"{row['perplexity']:.2f}", f"{row['cpu_seconds'] / 60:.0f}")
        for row in shown
    )
    later = sum(row["step"] > best["step"] for row in curve)
    closing = (
        f"Lowest: {best['perplexity']:.2f} at step {best['step']}, the bundled checkpoint; "
        f"none of the {later} later scores, up to step {curve[-1]['step']}, is below it."
    )
    return table(("step", "tokens, M", "perplexity", "CPU minutes"), rows) + "\n\n" + closing


def teacher_facts() -> str:
    """How sharp the teacher is on the probe positions."""
    facts = json.loads((CURVES / "probe.json").read_text())
    return (
        f"On the {facts['positions']:,} probe positions ({facts['windows']} windows): "
        f"perplexity {facts['perplexity']:.1f}, entropy {facts['entropy']:.2f} nats, "
        f"mean top probability {facts['mean_top_probability']:.2f}, mean head {facts['mean_head_size']:.1f} tokens, "
        f"{facts['one_token_heads']:.0%} of heads are a single token "
        f"(mu = {facts['mu']}, boundary {facts['boundary']})."
    )


def gap_table(metric: str) -> str:
    """Head or tail gap by step and loss."""
    rows = (
        [str(step), *(spread(values[loss]) for loss in LOSSES)] for step, values in pivot(metric).groupby(level="step")
    )
    return table(("step", *LOSSES), rows)


def ordering() -> str:
    """In how many seeds the paper's ordering appears at each step."""
    head, tail = pivot("head_gap"), pivot("tail_gap")
    forward_first = head["forward_kl"] < head["reverse_kl"]
    reverse_first = tail["reverse_kl"] < tail["forward_kl"]
    seeds = students()["seed"].nunique()
    counts = [
        column.groupby(level="step").sum() for column in (forward_first, reverse_first, forward_first & reverse_first)
    ]
    rows = ([str(step), *(f"{count[step]} of {seeds}" for count in counts)] for step in counts[0].index if step)
    return table(("step", "forward_kl ahead on the head", "reverse_kl ahead on the tail", "both"), rows)


def akl_against_mix() -> str:
    """akl minus mixed_kl within a seed; negative means akl is ahead."""
    metrics = ("head_gap", "tail_gap", "forward_kl", "reverse_kl")
    differences = {metric: pivot(metric)["akl"] - pivot(metric)["mixed_kl"] for metric in metrics}
    differences["both_gaps"] = differences["head_gap"] + differences["tail_gap"]
    shown = ("head_gap", "tail_gap", "both_gaps", "forward_kl", "reverse_kl")
    steps = [step for step in sorted(students()["step"].unique()) if step]
    seeds = students()["seed"].nunique()

    def cell(metric: str, step: int) -> str:
        values = differences[metric].loc[step]
        return f"{values.mean():+.4f} [{(values < 0).sum()} of {seeds}]"

    rows = ([str(step), *(cell(metric, step) for metric in shown)] for step in steps)
    seconds = pivot("cpu_seconds").loc[steps[-1]].mean()
    closing = (
        f"CPU time of {steps[-1]} steps (student and loss, without the teacher's forward pass, one thread), "
        f"relative to forward_kl: mixed_kl {seconds['mixed_kl'] / seconds['forward_kl']:.2f}, "
        f"akl {seconds['akl'] / seconds['forward_kl']:.2f}."
    )
    return table(("step", "head gap", "tail gap", "head + tail", "KL(T‖S)", "KL(S‖T)"), rows) + "\n\n" + closing


def other_metrics() -> str:
    """The remaining metrics at the steps of the checkpoints, means over seeds."""
    names = (
        "forward_kl",
        "reverse_kl",
        "perplexity",
        "entropy",
        "top1_agreement",
        "weight_forward",
        "weight_forward_sd",
    )
    digits = {"perplexity": 1}
    means = students().groupby(["step", "loss"])[list(names)].mean()

    def row(step: int, loss: str) -> list[str]:
        return [
            f"{step}, {loss if step else 'start'}",
            *(f"{means.loc[(step, loss), name]:.{digits.get(name, 3)}f}" for name in names),
        ]

    rows = [row(0, LOSSES[0]), *(row(step, loss) for step in CHECKPOINT_STEPS for loss in LOSSES)]
    labels = ("KL(T‖S)", "KL(S‖T)", "perplexity", "entropy", "top-1 agreement", "forward weight", "its sd")
    return table(("step, loss", *labels), rows)


def checkpoints() -> str:
    """Every bundled checkpoint with the perplexity of its saved weights."""
    rows = json.loads((DATA / "checkpoints/index.json").read_text())
    cells = ((row["name"], row["role"], f"{row['parameters']:,}", f"{row['perplexity']:.1f}") for row in rows)
    return table(("name", "role", "parameters", "held-out perplexity"), cells)


BLOCKS: dict[str, Callable[[], str]] = {
    "teacher-curve": teacher_curve,
    "teacher-facts": teacher_facts,
    "checkpoints": checkpoints,
    "head-gap": lambda: gap_table("head_gap"),
    "tail-gap": lambda: gap_table("tail_gap"),
    "ordering": ordering,
    "akl-against-mix": akl_against_mix,
    "other-metrics": other_metrics,
}


def filled(text: str) -> str:
    """`text` with every marked block written anew. Raises ValueError if a block has no markers."""
    for name, block in BLOCKS.items():
        opening, closing = f"<!-- measured: {name} -->", f"<!-- end: {name} -->"
        pattern = re.compile(re.escape(opening) + ".*?" + re.escape(closing), re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"data/README.md needs the block {name} once")
        content = f"{opening}\n{block()}\n{closing}"
        text = pattern.sub(lambda _, content=content: content, text)
    return text


def main() -> None:
    """Write the blocks into data/README.md."""
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
