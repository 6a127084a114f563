"""Every page of the catalog runs from top to bottom without an error box."""

import pytest
from streamlit.testing.v1 import AppTest

from akl_viz.paths import APP
from akl_viz.ui.catalog import PAGES

PATIENCE_S = 120
"""The first run imports the app; the machine may be busy."""


@pytest.mark.slow
@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.key)
def test_a_page_runs_and_shows_its_title(row):
    app = AppTest.from_file(str(APP), default_timeout=PATIENCE_S).run()
    if not row.default:
        app.switch_page(str(row.script.relative_to(APP.parent))).run()
    assert not app.exception
    assert [title.value for title in app.title] == [row.title]
    assert [box.value for box in app.error] == []
