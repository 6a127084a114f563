"""Store a finished run without its checkpoints, so that the race page is filled before anyone starts one."""

from __future__ import annotations

import shutil

from text import DATA

from akl_viz.distill import DistillConfig, distill, open_run

OUT = DATA / "runs" / "forty-steps"
CONFIG = DistillConfig(steps=40, seed=0)


def main() -> None:
    """Distil, then leave only what the page draws."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.parent.mkdir(exist_ok=True)
    for record in distill(CONFIG, OUT):
        if record.probe is not None:
            print(f"{record.loss} step {record.step}: head gap {record.probe.head_gap:.4f}", flush=True)
    shutil.rmtree(OUT / "checkpoints")
    (OUT / "lock").unlink(missing_ok=True)
    size = sum(file.stat().st_size for file in OUT.rglob("*") if file.is_file())
    print(f"{open_run(OUT).status}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
