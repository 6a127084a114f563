"""The numbers of the blocks as tables."""

from __future__ import annotations

from typing import Any

import pandas as pd

from akl_viz.ui.proof.state import DEPTHS, LOSSES, OPTIMISERS


def phi(found: dict[str, Any]) -> pd.DataFrame:
    """The curve of the mix and those of both ends."""
    names = {"ratios": "r", "mix": "phi", "forward": "phi w=1", "reverse": "phi w=0"}
    return pd.DataFrame({label: found[name] for name, label in names.items()})


def simplex(found: dict[str, Any]) -> pd.DataFrame:
    """One row per loss and step: the student and its total variation."""
    parts = []
    for loss in LOSSES:
        part = pd.DataFrame(found["paths"][loss], columns=["t1", "t2", "t3"])
        part.insert(0, "step", range(len(part)))
        part.insert(0, "loss", loss)
        parts.append(part.assign(tvd=found["tvd"][loss]))
    return pd.concat(parts, ignore_index=True)


def plateau(found: dict[str, Any]) -> pd.DataFrame:
    """One row per optimiser, loss and depth: steps, empty where the limit was reached."""
    rows = [
        {"optimizer": optimiser, "lr": lr, "loss": loss, "depth": depth, "steps": steps}
        for optimiser, lr in OPTIMISERS.items()
        for loss in LOSSES
        for depth, steps in zip(DEPTHS, found[optimiser]["reached"][loss], strict=True)
    ]
    return pd.DataFrame(rows).astype({"steps": "Int64"})


def curves(found: dict[str, Any], depth: int) -> pd.DataFrame:
    """One row per optimiser, loss and drawn step: total variation on the way from this depth."""
    place = DEPTHS.index(depth)
    parts = [
        pd.DataFrame({"step": found[optimiser]["steps"], "tvd": found[optimiser]["curves"][loss][place]}).assign(
            optimizer=optimiser, lr=lr, loss=loss, depth=depth
        )
        for optimiser, lr in OPTIMISERS.items()
        for loss in LOSSES
    ]
    return pd.concat(parts, ignore_index=True)[["optimizer", "lr", "loss", "depth", "step", "tvd"]]


def late(found: dict[str, Any]) -> pd.DataFrame:
    """One row per distance."""
    return pd.DataFrame(found)
