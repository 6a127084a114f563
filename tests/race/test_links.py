"""From a run to the token inspector: which checkpoint the link names, and why there is none."""

import json
import shutil
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from akl_viz.distill import DataConfig, RunStore
from akl_viz.ui import permalink
from akl_viz.ui.race.live import STORED
from akl_viz.ui.race.service import service
from tests.race.conftest import toy_config
from tests.race.test_saved import _page, markdown, ran, shown, started

AUSTEN_RUN = replace(toy_config(), teacher="bundled:teacher", student="bundled:start", data=DataConfig())


def saved_at(root, name, steps):
    """A checkpoint of every loss at these steps; what is in it is not looked at."""
    store = RunStore.reopen(root / name)
    for step in steps:
        for loss in store.losses:
            store.checkpoint(loss, step, lambda folder: (folder / "model.safetensors").write_bytes(b""))
    store.finish("stopped")
    store.close()


def linked(page):
    """(against, student) of the link to the inspector, and the parameters it has in the page."""
    (link,) = [block.proto for block in page.get("page_link")]
    query = dict(parse_qsl(link.query_string))
    return query["teacher"], query["student"]


def test_the_link_to_the_inspector_is_that_of_the_newest_checkpoint_unless_one_was_chosen(root):
    started(root, "one", AUSTEN_RUN)
    saved_at(root, "one", [2])
    page = shown("one")
    folder = root / "one" / "checkpoints"
    assert linked(page) == ("bundled:teacher", str(folder / "reverse_kl" / "step-000002"))
    saved_at(root, "one", [4, 8])
    assert linked(ran(page))[1] == str(folder / "reverse_kl" / "step-000008")
    page.selectbox(key="race.inspect.student").set_value("forward_kl, step 4")
    assert linked(ran(page))[1] == str(folder / "forward_kl" / "step-000004")
    saved_at(root, "one", [9])
    assert linked(ran(page))[1] == str(folder / "forward_kl" / "step-000004")
    # Of another run nothing was chosen yet.
    started(root, "two", AUSTEN_RUN)
    saved_at(root, "two", [3])
    page.session_state["name"] = "two"
    assert linked(ran(page))[1] == str(root / "two" / "checkpoints" / "reverse_kl" / "step-000003")


def test_no_link_holds_a_relative_path(root, monkeypatch):
    (root / "models" / "mine").mkdir(parents=True)
    (root / "models" / "mine" / "config.json").write_text("{}")
    started(root, "one", replace(AUSTEN_RUN, teacher="./models/mine"))
    saved_at(root, "one", [2])
    monkeypatch.chdir(root)
    monkeypatch.setenv("AKL_VIZ_RUNS", ".")
    service.clear()
    page = shown("one")
    assert linked(page) == (
        str(root / "models" / "mine"),
        str(root / "one" / "checkpoints" / "reverse_kl" / "step-000002"),
    )
    page.button(key="race.again").click().run()
    told = json.loads(permalink.unpack_text(page.query_params["config"]))
    assert told["teacher"] == str(root / "models" / "mine")
    typed = AppTest.from_function(_page, default_timeout=60)
    typed.session_state["name"], typed.session_state["race.teacher"] = "none", "models/mine"
    told = json.loads(permalink.unpack_text(ran(typed).query_params["config"]))
    assert told["teacher"] == str(root / "models" / "mine")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda root: started(root, "one", toy_config()), "the toy language has none"),
        (lambda root: shutil.copytree(STORED, root / "one"), "holds no checkpoint"),
        (lambda root: started(root, "one", losses=["mine"]), "holds no checkpoint"),
    ],
)
def test_why_the_inspector_cannot_open_a_run_is_said(root, make, why):
    make(root)
    assert why in markdown(shown("one"))
