"""What the headers of safetensors files say, in bounded time and memory."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

from safetensors import SafetensorError, safe_open

from akl_viz.errors import CheckpointUnavailable

MOST_TENSORS = 200_000
"""Most tensors of one model: the largest published ones have 100,000."""

_HEADER_BYTES = 25_000_000
"""Longest header: 200,000 tensors of 125 bytes each."""


@dataclass(frozen=True)
class TensorHeader:
    """Name of the number format and shape of one stored tensor, as its file's header gives them."""

    dtype: str
    shape: tuple[int, ...]
    file: Path

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.shape)


def read_headers(files: tuple[Path, ...]) -> dict[str, TensorHeader]:
    """Read names, formats and shapes of all tensors from the headers of safetensors files.

    Raises:
        CheckpointUnavailable: a file is truncated or is not a safetensors file, or there are more tensors than any
            model has.
    """
    headers: dict[str, TensorHeader] = {}
    for file in files:
        try:
            _check_length(file)
            with safe_open(file, framework="numpy") as stored:
                names = stored.keys()
                if len(headers) + len(names) > MOST_TENSORS:
                    raise _too_many(file)
                for name in names:
                    piece = stored.get_slice(name)
                    headers[name] = TensorHeader(piece.get_dtype(), tuple(piece.get_shape()), file)
        except (SafetensorError, OSError) as error:
            raise CheckpointUnavailable(
                f"{file} is truncated or is not a safetensors file: download or copy it again."
            ) from error
    if not headers:
        raise CheckpointUnavailable(f"{files[0]} holds no tensors: download or copy it again.")
    return headers


def _check_length(file: Path) -> None:
    """Refuse a header that is longer than that of any model, before it is read."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
    if _HEADER_BYTES < length <= file.stat().st_size:
        raise _too_many(file)


def _too_many(file: Path) -> CheckpointUnavailable:
    """What to do with a file that lists more tensors than any model has."""
    return CheckpointUnavailable(
        f"The header of {file} lists more than {MOST_TENSORS:,} tensors, which no model has: "
        "copy it again from where the checkpoint came from."
    )
