"""A user's mistake: exit code 2, nothing on standard output, one line on standard error, no traceback."""

import socket

import pytest

from akl_viz.cli import inspect
from akl_viz.distill.config import DistillConfig

TEXT = ["--text", "It is a truth"]


def one_line(told) -> str:
    assert told.code == 2
    assert told.out == ""
    assert told.err.endswith("\n")
    assert told.err.count("\n") == 1
    assert told.err.startswith("akl-viz")
    assert "Traceback" not in told.err
    return told.err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--mu", "1.5", "between 0 and 1, not 1.5"),
        ("--mu", "0", "between 0 and 1, not 0"),
        ("--mu", "nan", "between 0 and 1, not nan"),
        ("--mu", "half", "invalid float value: 'half'"),
        ("--boundary", "above", "invalid choice: 'above'"),
        ("--temperature", "0", "temperature must lie between 0.01 and 100, not 0"),
        ("--temperature", "inf", "temperature must lie between"),
        ("--temperature", "warm", "invalid float value: 'warm'"),
        ("--dtype", "int8", "There is no dtype 'int8': choose one of"),
        ("--device", "tpu", "There is no device 'tpu': choose auto, cpu"),
        ("--device", "cuda:99", "cuda:99 is not available on this machine"),
        ("--csv", "", "argument --csv: the path is empty: name a file or a folder"),
        ("--colour", "red", "unrecognized arguments: --colour red"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(run, pair, option, value, said):
    assert said in one_line(run("inspect", *pair, *TEXT, option, value))


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("bundled:nobody", "There is no bundled model named nobody"),
        ("./no-such-folder", "There is no folder"),
        ("/no/such/folder", "There is no folder /no/such/folder: check the path"),
        ("", "The model reference is empty"),
        ("a b", "is not a model reference"),
        ("two\nlines", "holds control characters"),
    ],
)
@pytest.mark.parametrize("role", ["--teacher", "--student"])
def test_a_model_that_is_not_there_is_named(run, pair, role, reference, said):
    options = dict(zip(pair[::2], pair[1::2], strict=True)) | {role: reference}
    assert said in one_line(run("inspect", *(part for item in options.items() for part in item), *TEXT))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ([], "one of the arguments --text --text-file is required"),
        (["--text", ""], "The text is empty"),
        (["--text", "I"], "give a longer text"),
        (["--text", "one", "--text-file", "two"], "not allowed with argument"),
        (["--text-file", "no-such-file.txt"], "no-such-file.txt cannot be read (No such file or directory)"),
        (["--text-file", "."], "cannot be read (Is a directory)"),
    ],
)
def test_a_text_that_cannot_be_scored_is_refused(run, pair, text, said):
    assert said in one_line(run("inspect", *pair, *text))


def test_a_file_that_is_not_utf_8_is_refused_with_the_byte(run, pair, tmp_path):
    file = tmp_path / "text.txt"
    file.write_bytes(b"caf\xe9")
    assert "is not UTF-8 text (byte 3)" in one_line(run("inspect", *pair, "--text-file", file))


def test_a_file_that_is_too_large_is_refused_unread(run, pair, tmp_path, monkeypatch):
    monkeypatch.setattr(inspect, "MAX_TEXT_MB", 1)
    file = tmp_path / "text.txt"
    file.write_bytes(b"a" * 1_000_001)
    assert "is larger than 1 MB" in one_line(run("inspect", *pair, "--text-file", file))


@pytest.mark.parametrize("option", ["--csv", "--parquet"])
def test_an_output_folder_that_is_missing_is_named_before_any_work(run, pair, tmp_path, option, monkeypatch):
    monkeypatch.setattr(inspect, "_trace", lambda *_: pytest.fail("the models ran"))
    said = one_line(run("inspect", *pair, *TEXT, option, tmp_path / "missing" / "file"))
    assert f"make the folder {tmp_path / 'missing'} first" in said


@pytest.mark.parametrize("option", ["--csv", "--parquet"])
def test_an_output_that_is_a_folder_cannot_be_written(run, pair, tmp_path, option):
    assert f"{tmp_path} is a folder: name a file in it." in one_line(run("inspect", *pair, *TEXT, option, tmp_path))


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["inspekt"], "invalid choice: 'inspekt'"),
        (["--verbose", "models"], "unrecognized arguments: --verbose"),
        (["models", "--csv"], "unrecognized arguments: --csv"),
        (["inspect", "--teacher"], "expected one argument"),
        (["inspect", *TEXT], "the following arguments are required: --teacher, --student"),
        (["app", "--port", "http"], "invalid int value: 'http'"),
        (["app", "--port", "0"], "a port lies between 1 and 65535, not 0"),
        (["app", "--port", "65536"], "a port lies between 1 and 65535, not 65536"),
        (["app", "--origin", "localhost:3000"], "'localhost:3000' is not an origin: give scheme, host and port"),
        (["app", "--origin", "http://localhost:3000", "--origin", "*"], "'*' is not an origin"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_explained_in_one_line(run, argv, said):
    assert said in one_line(run(*argv))


@pytest.mark.parametrize(
    "argv",
    [
        ["inspect", *TEXT, "--student", "a", "--teacher", "b", "--student", "c"],
        ["inspect", *TEXT, "--stud", "a", "--teacher", "b", "--student=c"],
        ["inspect", "--student", "a", "--teacher", "b", "--text", "one", "--text", "two"],
        ["inspect", *TEXT, "--student", "a", "--teacher", "b", "--json", "--json"],
        ["inspect", *TEXT, "--student", "a", "--teacher", "b", "--boundary", "below", "--boundary", "below"],
        ["distill", "--out", "x", "--steps", "1", "--steps", "2"],
        ["distill", "--out", "x", "--chat", "--chat"],
        ["toy", "gaussian", "--iterations", "1", "--iterations", "2"],
        ["app", "--port", "1", "--port", "2"],
    ],
)
def test_an_option_given_twice_is_refused_and_not_the_last_one_taken(run, argv):
    assert "given twice: give it once" in one_line(run(*argv))


def test_an_option_that_is_a_list_may_be_repeated(run):
    told = run("divergence", "--teacher", "1,1", "--student", "1,2", "--loss", "akl", "--loss", "forward_kl")
    assert (told.code, len(told.out.splitlines())) == (0, 4)


@pytest.mark.parametrize("argv", [["distill", "--out", ""], ["toy", "gaussian", "--csv", " "]])
def test_an_empty_path_does_not_mean_the_working_folder(run, argv):
    assert "the path is empty" in one_line(run(*argv))


@pytest.mark.parametrize("value", ["-1,2", "-.5,1", "-inf,1", "1e308,1e308"])
def test_numbers_that_are_no_probabilities_get_one_sentence(run, value):
    assert "The teacher" in one_line(run("divergence", "--teacher", value, "--student", "1,1"))


def test_a_value_that_begins_with_a_minus_may_be_tied_to_its_option(run):
    assert "written --option=VALUE" in one_line(run("divergence", "--teacher", "-x", "--student", "1,1"))


def test_help_names_no_default_of_what_must_be_given(run):
    told = " ".join(run("distill", "--help").out.split())
    options = told.split(" --")
    for name in ("teacher", "student", "loss"):
        assert all("(default" not in option for option in options if option.startswith(f"{name} "))
    assert f"optimiser steps of every loss (default {DistillConfig().steps})" in told


def test_a_port_in_use_is_named(run):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port} cannot be used" in one_line(run("app", "--port", port))


def test_a_model_kind_that_is_switched_off_is_refused(run, pair, monkeypatch):
    monkeypatch.setenv("AKL_VIZ_ALLOW", "bundled")
    assert "Local folders are switched off here" in one_line(run("inspect", *pair, *TEXT))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--text", b"caf\xe9 au lait"], "half a character (a lone surrogate) at position 3"),
        (["--text-file", b"caf\xe9.txt"], "cannot be read"),
        ([*TEXT, "--csv", b"missing-\xe9/file.csv"], "make the folder"),
    ],
)
def test_arguments_that_are_not_utf_8_get_a_sentence(shell, pair, options, said):
    done = shell("inspect", *pair, *options)
    told = done.stderr.decode("ascii", "backslashreplace")
    assert (done.returncode, done.stdout) == (2, b"")
    assert told.count("\n") == 1
    assert said in told


@pytest.mark.slow
def test_a_reference_that_is_not_utf_8_gets_a_sentence(shell):
    done = shell("inspect", "--teacher", b"caf\xe9", "--student", "bundled:x", *TEXT)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"control characters" in done.stderr
