"""Model references: the strings that name a model, and the policy that says which of them may be used."""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from akl_viz.errors import CheckpointUnavailable, InvalidInput
from akl_viz.paths import DATA, runs_root

Kind = Literal["bundled", "local", "hub"]
KINDS: tuple[Kind, ...] = get_args(Kind)

ALLOW_VARIABLE = "AKL_VIZ_ALLOW"
"""Environment variable: comma-separated kinds of reference that may be loaded; "bundled" for a public demo."""

ROOTS_VARIABLE = "AKL_VIZ_ROOTS"
"""Environment variable: folders, separated like PATH, outside which the app opens no checkpoint."""

GGUF = ".gguf"
"""Ending of the one kind of file that is a whole model."""

SMOLLM2 = "smollm2"
SMOLLM2_FOLDER = Path("extra") / SMOLLM2
SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SMOLLM2_REMEDY = "run `make smollm2` once to install it"

_PREFIX = "bundled:"
_LONGEST = 240
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_HUB = re.compile(rf"(?:{_NAME.pattern}/)?{_NAME.pattern}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,95}")


@dataclass(frozen=True)
class Reference:
    """One model, named without doubt: what kind of place it is in, its name there, and the pinned revision."""

    kind: Kind
    name: str
    """Bundled name, absolute folder, or hub id."""
    revision: str | None = None
    """Hub: a commit, branch or tag. Bundled and local: the fingerprint of the weights must begin with it."""
    path: Path | None = None
    """The resolved folder, or the GGUF file of `bundled:smollm2`; None for a hub id."""

    def __str__(self) -> str:
        """The text that parses to this reference again."""
        stem = f"{_PREFIX}{self.name}" if self.kind == "bundled" else self.name
        return f"{stem}#{self.revision}" if self.revision else stem


@dataclass(frozen=True)
class Policy:
    """Which references may be used; the default allows everything."""

    kinds: frozenset[Kind] = frozenset(KINDS)
    roots: tuple[Path, ...] | None = None
    """Folders that local checkpoints must lie in, resolved; None for anywhere."""

    def __post_init__(self) -> None:
        """Resolve the roots once, so that both sides of every comparison are free of symlinks."""
        if self.roots is not None:
            object.__setattr__(self, "roots", tuple(root.expanduser().resolve() for root in self.roots))

    @classmethod
    def for_app(cls) -> Policy:
        """What a page may open: AKL_VIZ_ALLOW, and AKL_VIZ_ROOTS (else the working directory and the home).

        The app's own runs may be opened wherever they are kept.
        """
        listed = [Path(part) for part in os.environ.get(ROOTS_VARIABLE, "").split(os.pathsep) if part]
        return cls(_allowed_kinds(), (*(listed or [Path.cwd(), Path.home()]), runs_root()))

    @classmethod
    def for_command_line(cls) -> Policy:
        """What a shell user may open: any folder they can read, unless AKL_VIZ_ALLOW says otherwise."""
        return cls(_allowed_kinds())

    def check_kind(self, kind: Kind, name: str) -> None:
        """Refuse a kind of reference that is switched off.

        Raises:
            CheckpointUnavailable: the kind is not allowed here.
        """
        if kind not in self.kinds:
            what = {"local": "Local folders", "hub": "Hub models", "bundled": "Bundled models"}[kind]
            allowed = ", ".join(sorted(self.kinds))
            raise CheckpointUnavailable(
                f"{what} are switched off here ({ALLOW_VARIABLE}={allowed}), so {name} cannot be loaded: "
                f"choose a model of these kinds: {allowed}."
            )

    def check_path(self, path: Path) -> Path:
        """Resolve every symlink of a path and refuse it when it then lies outside the roots.

        Args:
            path: a folder or file, existing or not.

        Returns:
            The resolved absolute path.

        Raises:
            CheckpointUnavailable: outside the roots, or a path that cannot be resolved.
        """
        try:
            resolved = path.expanduser().resolve()
        except (OSError, RuntimeError) as error:
            raise CheckpointUnavailable(
                f"The path {_cut(str(path))} cannot be resolved: give the folder's full path."
            ) from error
        if self.roots is not None and not any(resolved.is_relative_to(root) for root in self.roots):
            places = " or ".join(str(root) for root in self.roots)
            raise CheckpointUnavailable(
                f"{_cut(str(path))} lies outside the folders this app may read ({places}): "
                f"move it there, or start the app with {ROOTS_VARIABLE} set to its folder."
            )
        try:
            resolved.exists()
        except OSError as error:
            raise CheckpointUnavailable(
                f"The path {_cut(str(path))} cannot be opened ({error.strerror}): check its spelling and its rights."
            ) from error
        return resolved


def parse_reference(text: str, policy: Policy | None = None, *, data: Path = DATA) -> Reference:
    """Read a model reference: `bundled:NAME`, a local folder or a hub id, each with an optional `#revision`.

    A text that looks like a path (starts with /, ./, ../ or ~, or holds more than one slash) or that exists is
    local; anything else must have the form of a hub id. Nothing is opened and no network is used.

    Args:
        text: what the user typed.
        policy: what may be used; None for the command line's policy.
        data: the folder that holds the bundled checkpoints.

    Raises:
        InvalidInput: the text has none of the three forms.
        CheckpointUnavailable: the policy forbids it, it is a file, or there is no bundled model of that name.
    """
    policy = policy or Policy.for_command_line()
    text = text.strip()
    if not text:
        raise InvalidInput("The model reference is empty: give bundled:NAME, a local folder or a hub id.")
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in text):
        raise InvalidInput(f"The model reference {_quoted(text)} holds control characters: type it again without them.")
    if len(text) > 4096:
        raise InvalidInput("The model reference is longer than 4096 characters: give a name, a folder or a hub id.")
    stem, revision = _split_revision(text)
    if stem.startswith(_PREFIX):
        return _bundled(stem.removeprefix(_PREFIX), revision, policy, data)
    if _looks_local(stem) or ("local" in policy.kinds and is_there(Path(stem))):
        policy.check_kind("local", stem)
        path = policy.check_path(Path(stem))
        if is_there(path) and not is_folder(path) and path.suffix != GGUF:
            raise CheckpointUnavailable(f"{_cut(stem)} is a file: give its folder.")
        return Reference("local", str(path), revision, path)
    if not is_hub_id(stem):
        raise InvalidInput(
            f"{_quoted(stem)} is not a model reference: give bundled:NAME, a local folder, or owner/name."
        )
    policy.check_kind("hub", stem)
    return Reference("hub", stem, revision)


def is_hub_id(text: str) -> bool:
    """Whether a text has the form of a hub id: owner/name, or the bare name of the hub's oldest models."""
    return bool(_HUB.fullmatch(text)) and ".." not in text and "--" not in text


def is_there(path: Path) -> bool:
    """Whether there is anything at a path that we can see."""
    try:
        return path.expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a path is a folder we can see; a path the system cannot even look at counts as none."""
    try:
        return path.expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):
        return False


def _quoted(text: str) -> str:
    """A text inside a sentence: quoted, escaped and cut."""
    return repr(_cut(text))


def _cut(text: str) -> str:
    """The beginning of a text that is so long that it would bury the sentence it stands in."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _split_revision(text: str) -> tuple[str, str | None]:
    """Cut `#revision` off, unless the whole text is a folder's name."""
    stem, mark, revision = text.rpartition("#")
    if not mark or (_looks_local(text) and is_folder(Path(text))):
        return text, None
    if not stem or not _REVISION.fullmatch(revision) or ".." in revision:
        raise InvalidInput(f"{_quoted(revision)} is not a revision: after # give a commit, a tag or a fingerprint.")
    return stem, revision


def _looks_local(text: str) -> bool:
    """Whether a text can only be meant as a path."""
    starts = text.startswith(("/", "./", "../", "~")) or text in {".", ".."}
    return starts or text.count("/") > 1 or "\\" in text or text.endswith("/") or Path(text).is_absolute()


def _bundled(name: str, revision: str | None, policy: Policy, data: Path) -> Reference:
    """Find a bundled model's folder, or say which names there are."""
    policy.check_kind("bundled", _PREFIX + name)
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{_quoted(name)} is not the name of a bundled model: names hold letters, digits, dots and dashes."
        )
    if name == SMOLLM2:
        file = data / SMOLLM2_FOLDER / SMOLLM2_FILE
        if not file.is_file():
            raise CheckpointUnavailable(
                f"bundled:smollm2 is not installed (there is no {SMOLLM2_FILE}): {SMOLLM2_REMEDY}."
            )
        return Reference("bundled", name, revision, file)
    folder = data / "checkpoints" / name
    if not is_folder(folder):
        known = sorted(entry.parent.name for entry in (data / "checkpoints").glob("*/config.json"))
        remedy = f"choose one of {', '.join(known)}" if known else "run `make data` to build the bundled models"
        raise CheckpointUnavailable(f"There is no bundled model named {name}: {remedy}.")
    return Reference("bundled", name, revision, folder.resolve())


def _allowed_kinds() -> frozenset[Kind]:
    """The kinds AKL_VIZ_ALLOW lists; all when it is not set, and an error rather than a guess when it is wrong."""
    listed = [part.strip() for part in os.environ.get(ALLOW_VARIABLE, "").split(",") if part.strip()]
    unknown = sorted(set(listed) - set(KINDS))
    if unknown:
        raise InvalidInput(
            f"{ALLOW_VARIABLE} lists {', '.join(unknown)}: use a comma-separated list of {', '.join(KINDS)}."
        )
    return frozenset(kind for kind in KINDS if kind in listed) or frozenset(KINDS)
