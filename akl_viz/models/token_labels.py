"""How tokens are shown: whitespace, partial bytes and invisible characters made visible."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from akl_viz.models.reference import Policy, parse_reference

_GLYPHS = {" ": "·", "\n": "↵", "\t": "⇥"}
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})
_META_SPACE = "▁"
_DOTTED_CIRCLE = "◌"


def visible(text: str) -> str:
    """Make a stretch of text readable as it stands.

    A space becomes ·, a line break ↵, a tab ⇥; every other character without a glyph (control, bidirectional,
    zero-width, unusual spaces, variation selectors) becomes U+XXXX, so that nothing can hide or reorder a label.
    A combining mark at the start gets a dotted circle to sit on.
    """
    shown = "".join(_GLYPHS.get(char) or (f"U+{ord(char):04X}" if _is_invisible(char) else char) for char in text)
    return _DOTTED_CIRCLE + shown if text and unicodedata.category(text[0])[0] == "M" and shown[0] == text[0] else shown


def bytes_shown(data: bytes) -> str:
    """Bytes that are no character by themselves: ⟨F0 9F⟩."""
    return f"⟨{data.hex(' ').upper()}⟩" if data else ""


def token_label(tokenizer: Any, token_id: int) -> str:
    """How a vocabulary entry is shown, whether or not it stands in a text.

    Byte-level pieces ("Ġthe", "cafÃ©") and SentencePiece pieces ("▁the", "<0xF0>") are shown as the text they
    stand for, incomplete UTF-8 as its bytes, special tokens by their name, an id without a token as ⟨id 151700⟩.

    Args:
        tokenizer: a fast tokenizer.
        token_id: a row of the vocabulary.
    """
    data = token_bytes(tokenizer, token_id)
    if data is not None:
        return "".join(visible(part) if isinstance(part, str) else bytes_shown(part) for part in split_utf8(data))
    piece = tokenizer.convert_ids_to_tokens(token_id)
    return visible(piece) if piece else f"⟨id {token_id}⟩"


def labels_in(reference: str, ids: Iterable[int], policy: Policy) -> list[str]:
    """How entries of a checkpoint's vocabulary are shown; only its tokenizer is read.

    Args:
        reference: a bundled model or a folder.
        ids: rows of the vocabulary.
        policy: what may be opened.

    Raises:
        CheckpointUnavailable: there is no readable tokenizer.
        InvalidInput: the policy allows no such reference.
    """
    from akl_viz.models.loading import load_tokenizer
    from akl_viz.models.locate import locate
    from akl_viz.models.quiet import quiet

    with quiet(offline=True):
        source = locate(parse_reference(reference, policy), policy)
        tokenizer = load_tokenizer(source.base or source)
    return [token_label(tokenizer, token_id) for token_id in ids]


def token_bytes(tokenizer: Any, token_id: int) -> bytes | None:
    """The bytes a vocabulary entry stands for; None for special and unknown entries."""
    piece: str | None = tokenizer.convert_ids_to_tokens(token_id)
    if piece is None or token_id in tokenizer.added_tokens_decoder:
        return None
    state = tokenizer.backend_tokenizer.decoder
    kind: bytes = state.__getstate__() if state is not None else b""
    if b'"ByteLevel"' in kind:
        table = _byte_level_table()
        return bytes(table[char] for char in piece) if all(char in table for char in piece) else piece.encode()
    if b'"ByteFallback"' in kind and len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
        return bytes([int(piece[3:5], 16)])
    meta = b'"Metaspace"' in kind or _META_SPACE.encode() in kind
    return (piece.replace(_META_SPACE, " ") if meta else piece).encode("utf-8", "replace")


def split_utf8(data: bytes) -> list[str | bytes]:
    """Cut bytes into stretches of whole characters and stretches that are none, in their order."""
    parts: list[str | bytes] = []
    while data:
        try:
            parts.append(data.decode())
            break
        except UnicodeDecodeError as error:
            if error.start:
                parts.append(data[: error.start].decode())
            broken = data[error.start : error.end]
            if parts and isinstance(parts[-1], bytes):
                parts[-1] += broken
            else:
                parts.append(broken)
            data = data[error.end :]
    return parts


def _is_invisible(char: str) -> bool:
    """Whether a character has no glyph of its own."""
    selector = "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"
    return selector or unicodedata.category(char) in _INVISIBLE


@lru_cache(maxsize=1)
def _byte_level_table() -> dict[str, int]:
    """The character that byte-level BPE writes for each byte, backwards.

    Bytes with a printable Latin-1 glyph stand for themselves; the others are numbered on from U+0100.

    Source: Radford et al. 2019, GPT-2's encoder.py, bytes_to_unicode.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in printable}
    others = sorted(set(range(256)) - set(printable))
    return table | {chr(0x100 + place): byte for place, byte in enumerate(others)}
