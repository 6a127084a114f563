"""Rewrite the generated tables of README.md from the tables of the project: `make docs`.

Text between `<!-- NAME -->` and `<!-- /NAME -->` belongs to the function of that name here.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import metadata, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
LICENCES = ROOT / "docs" / "licences.md"
RACE = ROOT / "docs" / "race.md"
ARCHITECTURES = ROOT / "docs" / "architectures.md"
CHART = ROOT / "docs" / "loss-cost.svg"
VERSIONED = ("streamlit", "torch", "transformers", "plotly", "pandas", "scipy")


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def divergences() -> str:
    """One row per divergence of the registry."""
    from akl_viz.divergences import DIVERGENCES

    rows = [
        (
            f"`{row.key}`",
            row.label,
            f"`{row.formula}`".replace("|", "\\|"),
            ", ".join(f"`{p.name}`" + (f" ({p.symbol})" if p.symbol else "") for p in row.params),
            row.source,
        )
        for row in DIVERGENCES.values()
    ]
    return table(("key", "name", "formula", "parameters", "source"), rows)


def pages() -> str:
    """One row per page of the catalog."""
    from akl_viz.ui.catalog import PAGES

    def shots(name: str) -> str:
        return ", ".join(f"[{theme}](docs/screenshots/{name}-{theme}.png)" for theme in ("light", "dark"))

    return table(
        ("page", "question", "screenshots"),
        [
            (f"**{row.title}** (`/{'' if row.default else row.url_path}`)", row.question, shots(row.url_path))
            for row in PAGES
        ],
    )


def metrics() -> str:
    """One row per metric of the strip."""
    from akl_viz.metrics import METRICS

    return table(
        ("metric", "unit", "reading"),
        [(row.label, row.unit.replace("|", "\\|"), row.meaning) for row in METRICS.values()],
    )


def data_size() -> str:
    """Size of data/ as it is tracked."""
    folder = ROOT / "data"
    skipped = {folder / "build" / "scratch", folder / "extra"}
    files = [path for path in folder.rglob("*") if path.is_file() and not skipped & set(path.parents)]
    models = len(list((folder / "checkpoints").glob("*/model.safetensors")))
    total = sum(path.stat().st_size for path in files if "__pycache__" not in path.parts)
    return f"`data/` holds {models} checkpoints and is {total / 1e6:.0f} MB in all."


def versions() -> str:
    """The pinned versions the tests run with."""
    return "Tested with " + ", ".join(f"{name} {version(name).split('+')[0]}" for name in VERSIONED) + "."


def measured() -> str:
    """Every result of `make bench` that has a bar."""
    rows = []
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["bar"]:
                    name = f"{path.stem.replace('_', ' ')}: {row['measure']}"
                    bar = f"at most {_figure(row['bar'], row['unit'])}"
                    missed = ", **missed**" if float(row["value"]) > float(row["bar"]) else ""
                    rows.append((name, _figure(row["value"], row["unit"]), bar + missed))
    return table(("what", "measured (median)", "bar"), rows)


def _figure(value: str, unit: str) -> str:
    number = float(value)
    if unit == "share":
        return f"{100.0 * number:.3g}%"
    return f"{number:,.0f} {unit}" if 1000.0 <= number < 1e6 else f"{number:.3g} {unit}"


def licences() -> str:
    """One row per package of requirements.txt, with the licence its own metadata states."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = [line.partition("==")[0] for line in lines if "==" in line]
    return table(("package", "licence"), [(name, _licence(name)) for name in sorted(names, key=str.lower)])


def _licence(name: str) -> str:
    facts = metadata(name)
    stated = facts.get("License-Expression") or ""
    classified = [
        line.rpartition(" :: ")[2] for line in facts.get_all("Classifier") or [] if line.startswith("License")
    ]
    free = (facts.get("License") or "").strip().splitlines() or ["not stated"]
    return (stated or ", ".join(classified) or free[0][:60]).replace("|", "/")


SECTIONS: dict[str, Callable[[], str]] = {
    "divergences": divergences,
    "pages": pages,
    "metrics": metrics,
    "data_size": data_size,
    "versions": versions,
    "measured": measured,
}


def race(section: str) -> str:
    """A part of the page on what each loss did to head and tail."""
    from benchmarks.race_report import PARTS

    return PARTS[section](table)


RACE_SECTIONS = {name: partial(race, name) for name in ("race_setting", "race_head", "race_tail", "race_claims")}


def architectures() -> str:
    """One row per architecture of the sweep, as the benchmark recorded it."""
    with (ROOT / "benchmarks" / "results" / "architectures.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            (row["measure"], row["note"], "" if row["note"].startswith("refused") else f"{float(row['value']):.1e}")
            for row in csv.DictReader(file)
        ]
    return table(("architecture", "way", "largest difference of a logit"), rows)


DOCUMENTS: dict[Path, dict[str, Callable[[], str]]] = {
    README: SECTIONS,
    LICENCES: {"licences": licences},
    RACE: RACE_SECTIONS,
    ARCHITECTURES: {"architectures": architectures},
}
"""Document -> its generated sections."""


def rebuilt(document: Path) -> str:
    """The document with every generated section made anew."""
    text = document.read_text(encoding="utf-8")
    for name, make in DOCUMENTS[document].items():
        start, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end.lstrip("\n") if rest.startswith(end.lstrip("\n")) else end)
        if not (found and closed):
            raise SystemExit(f"{document.name} lacks the markers of {name}")
        text = f"{before}{start}{make()}{end}{after}"
    return text


def main() -> None:
    """Write the documents."""
    from docs.chart import loss_cost

    for document in DOCUMENTS:
        document.write_text(rebuilt(document), encoding="utf-8")
    CHART.write_text(loss_cost(), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
