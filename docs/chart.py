"""The chart of the README: what a loss costs per logit, drawn from benchmarks/results/loss_cost.csv."""

from __future__ import annotations

import csv
import html
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "loss_cost.csv"
VOCABULARIES, POSITIONS = (32_000, 50_257, 128_256, 151_936), 256
METHODS = {
    "sort-based AKL": "#9a9a9a",
    "KL(T‖S) + KL(S‖T)": "#e69f00",
    "KL(T‖S)": "#56b4e9",
    "AKL": "#0072b2",
}
"""Label of the measure -> colour, from the palette of Okabe and Ito."""
_WIDTH, _LEFT, _BAR, _GAP = 760, 90, 13, 14


def loss_cost() -> str:
    """The chart as SVG text: one group of bars for each vocabulary, nanoseconds per logit."""
    with RESULTS.open(encoding="utf-8", newline="") as file:
        rows = {row["measure"]: float(row["value"]) for row in csv.DictReader(file)}
    costs = {
        (label, size): rows[f"{label}, lm V={size} N={POSITIONS}"]
        for size in VOCABULARIES
        for label in METHODS
        if f"{label}, lm V={size} N={POSITIONS}" in rows
    }
    if not costs:
        raise SystemExit(f"{RESULTS.name} holds no full run: run `make bench` first.")
    scale = (_WIDTH - _LEFT - 190) / max(costs.values())
    parts, top = [], 40
    for size in VOCABULARIES:
        parts.append(_text(_LEFT - 8, top + 2 * _BAR + 4, f"V = {size:,}", "end"))
        for label, colour in METHODS.items():
            if (label, size) in costs:
                cost = costs[label, size]
                parts.append(
                    f'<rect x="{_LEFT}" y="{top}" width="{cost * scale:.1f}" height="{_BAR - 2}" fill="{colour}"/>'
                )
                parts.append(_text(_LEFT + cost * scale + 5, top + _BAR - 3, f"{cost:.1f} ns  {label}"))
            top += _BAR
        top += _GAP
    title = f"Forward and backward pass, CPU time per logit, N = {POSITIONS} positions, one thread"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif" font-size="11">'
    )
    ground = f'<rect width="{_WIDTH}" height="{top}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{html.escape(title)}</title>", ground, _text(8, 20, title), *parts, "</svg>", ""])


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222222">{html.escape(words)}</text>'
