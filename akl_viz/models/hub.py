"""The one place that may reach the Hugging Face hub, and only for an id that a user typed."""

from __future__ import annotations

from pathlib import Path

from akl_viz.errors import CheckpointUnavailable

_WANTED = ["*.safetensors", "*.json", "*.model", "*.txt"]
_UNWANTED = ["*/*", "consolidated*", "training_args*"]


def fetch(repository: str, revision: str | None, *, download: bool) -> tuple[Path, str]:
    """Get a hub model's safetensors and JSON files: from the local cache or, when allowed, from the hub.

    Python files and pickles are not even downloaded. HF_HUB_OFFLINE=1 keeps this to the cache.

    Args:
        repository: `owner/name` or `name`.
        revision: commit, branch or tag; None for the default branch.
        download: False looks in the cache only.

    Returns:
        The folder of the snapshot, and its commit.

    Raises:
        CheckpointUnavailable: not in the cache and not to be had, with the reason.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        folder = Path(
            snapshot_download(
                repository,
                revision=revision,
                local_files_only=not download,
                allow_patterns=_WANTED,
                ignore_patterns=_UNWANTED,
            )
        )
    except GatedRepoError as error:
        raise CheckpointUnavailable(
            f"The hub model {repository} is gated: accept its terms on the hub and log in with `hf auth login`."
        ) from error
    except RevisionNotFoundError as error:
        raise CheckpointUnavailable(
            f"The hub model {repository} has no revision {revision}: check the part after #."
        ) from error
    except RepositoryNotFoundError as error:
        raise CheckpointUnavailable(
            f"There is no hub model {repository} (or it is private): check the id, or give a local folder."
        ) from error
    except Exception as error:  # what a lost connection raises depends on the hub client's HTTP library
        raise CheckpointUnavailable(
            f"The hub model {repository} is not on this machine and the hub cannot be reached: "
            "go online (and unset HF_HUB_OFFLINE), or give bundled:NAME or a local folder."
        ) from error
    return folder, folder.name


def cached(repository: str) -> Path | None:
    """The folder of a hub model that is already on this machine, or None; never uses the network."""
    try:
        return fetch(repository, None, download=False)[0]
    except CheckpointUnavailable:
        return None
