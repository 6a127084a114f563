"""A training of another program is on the race page while it goes on."""

import pytest
from streamlit.testing.v1 import AppTest
from transformers import TrainerCallback

from akl_viz.distill import open_run
from akl_viz.paths import APP, RUNS_VARIABLE
from akl_viz.ui import catalog
from akl_viz.ui.race.service import service
from tests.integrations.training import callback, student, trainer

pytestmark = pytest.mark.slow
PATIENCE_S = 120


class Look(TrainerCallback):
    """Opens the page in the middle of the training."""

    def __init__(self):
        self.seen = None

    def on_step_end(self, args, state, control, **known):
        if state.global_step == 3:
            self.seen = opened_page()


def opened_page():
    app = AppTest.from_file(str(APP), default_timeout=PATIENCE_S).run()
    app.query_params["run"] = "mine"
    page = catalog.page("distill/race")
    return app.switch_page(str(page.script.relative_to(APP.parent))).run()


def test_the_race_page_shows_the_run_while_it_goes_on_and_after(tmp_path, monkeypatch):
    root = tmp_path / "runs"
    monkeypatch.setenv(RUNS_VARIABLE, str(root))
    # Another test of this process may have opened the page on its own folder.
    service.clear()
    look = Look()
    watch = callback(student(7, dropout=0.0).eval(), root / "mine")
    trainer(tmp_path, student(), [watch, look]).train()
    assert open_run(root / "mine").status == "finished"

    for app, state in ((look.seen, "running"), (opened_page(), "finished")):
        assert not app.exception
        assert [box.value for box in app.error] == []
        (table,) = [frame.value for frame in app.dataframe if "Run" in frame.value.columns]
        assert table.loc[table["Run"] == "mine", "State"].tolist() == [state]
