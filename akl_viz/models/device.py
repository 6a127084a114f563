"""Where a model runs and in which number format, chosen or found."""

from __future__ import annotations

import torch

from akl_viz.errors import InvalidInput
from akl_viz.models.choices import AUTO, DEVICES, DTYPES

DEFAULT_DTYPE = AUTO

_STORED = {"BF16": torch.bfloat16, "F16": torch.float16}


def resolve_device(name: str = AUTO) -> torch.device:
    """Turn a device's name into a device that is there.

    "auto" is the first of cuda, mps and cpu that this machine has.

    Args:
        name: auto, cpu, cuda, cuda:N or mps.

    Raises:
        InvalidInput: an unknown name, or a device this machine lacks.
    """
    if name == AUTO:
        found = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        name = found
    kind, mark, number = name.partition(":")
    if kind not in DEVICES[1:] or (mark and not number.isdecimal()):
        raise InvalidInput(f"There is no device {name!r}: choose auto, cpu, cuda, cuda:N or mps.")
    if kind == "cpu":
        return torch.device("cpu")
    available = torch.cuda.device_count() if kind == "cuda" else int(torch.backends.mps.is_available())
    if int(number or 0) >= available:
        raise InvalidInput(f"The device {name} is not available on this machine: choose cpu or auto.")
    return torch.device(kind, int(number or 0))


def resolve_dtype(name: str, device: torch.device, stored: str | None = None) -> torch.dtype:
    """Turn a number format's name into the format a model is loaded in.

    "auto" is float32 on a CPU, where it is the fastest exact choice, and on accelerators the format of the
    checkpoint when that is bfloat16 or float16.

    Args:
        name: auto, float32, bfloat16, float16 or float64.
        device: where the model will run.
        stored: the checkpoint's own format as safetensors names it ("BF16"), if known.

    Raises:
        InvalidInput: an unknown name, or a format the device does not have.
    """
    if name not in DTYPES:
        raise InvalidInput(f"There is no dtype {name!r}: choose one of {', '.join(DTYPES)}.")
    if name == "float64" and device.type == "mps":
        raise InvalidInput("The device mps has no float64: choose float32, or the device cpu.")
    if name == AUTO:
        return torch.float32 if device.type == "cpu" else _STORED.get(stored or "", torch.float32)
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def dtype_name(dtype: torch.dtype) -> str:
    """The name of a format without its prefix: "float32"."""
    return str(dtype).removeprefix("torch.")
