"""The JSON of a trace, schema 1, as the contract states it."""

import json

TOP_KEYS = [
    "schema",
    "teacher",
    "student",
    "mu",
    "boundary",
    "temperature",
    "n_scored",
    "cut",
    "vocabulary",
    "tokens",
    "summary",
]
MODEL_KEYS = [
    *("reference", "architecture", "parameters", "vocab_size", "context"),
    *("dtype", "device", "revision", "notes"),
]
TOKEN_KEYS = ["index", "id", "text", "scored"]
"""What comes before the TOKEN_FIELDS."""
SUMMARY_KEYS = ["mean", "se", "n"]


def strictly(text: str) -> dict:
    """The object a JSON text stands for; NaN and Infinity, which JSON does not have, fail."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
