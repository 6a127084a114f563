"""The shown command is one line that a shell reads as it was meant."""

import shlex

from akl_viz.cli import build_parser
from akl_viz.records import Settings
from akl_viz.ui.command import LONG_TEXT, TEXT_FILE, inspect_command
from akl_viz.ui.tracing import TraceRequest

HOSTILE = "a 'quoted' \"text\" $(touch x) `id`; \n\t<img src=x onerror=alert(1)> 😀"


def request(text: str = "It is", settings: Settings | None = None, dtype: str = "auto") -> TraceRequest:
    return TraceRequest("bundled:teacher", "some folder/student", text, settings or Settings(), dtype)


def parsed(command: str):
    words = shlex.split(command)
    assert words[0] == "akl-viz"
    return build_parser().parse_args(words[1:])


def test_the_command_parses_back_to_the_request():
    arguments = parsed(inspect_command(request(HOSTILE, Settings(0.9, "reach", 2.0), "float64")))
    assert arguments.text == HOSTILE
    assert (arguments.teacher, arguments.student) == ("bundled:teacher", "some folder/student")
    assert (arguments.mu, arguments.boundary, arguments.temperature) == (0.9, "reach", 2.0)
    assert (arguments.dtype, arguments.device, arguments.json) == ("float64", "auto", True)


def test_defaults_are_left_out():
    assert "--mu" not in inspect_command(request())
    assert "--dtype" not in inspect_command(request())


def test_a_long_text_is_read_from_a_file():
    command = inspect_command(request("x" * (LONG_TEXT + 1)))
    assert parsed(command).text_file.name == TEXT_FILE
    assert len(command) < 200


def test_a_text_that_starts_with_a_dash_is_still_a_text():
    assert parsed(inspect_command(request("--json"))).text == "--json"
