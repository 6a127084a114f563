"""Build data/corpus: six Jane Austen novels from Debian's r-cran-janeaustenr, one xz file each.

R keeps the texts in a "lazy-load" pair: an index (`Rdata.rdx`, a compressed R object) that gives offset and
length of every variable, and a store (`Rdata.rdb`) of blocks, each a 4-byte big-endian length of the
unpacked data followed by a zlib stream, or by a type byte and an xz stream. Only this build step needs
the `rdata` package; the app reads the xz files.
"""

from __future__ import annotations

import argparse
import lzma
import re
import subprocess
import tempfile
import zlib
from pathlib import Path

import rdata

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
PACKAGE = "r-cran-janeaustenr"
NOVELS = {
    "sensesensibility": "sense-and-sensibility",
    "prideprejudice": "pride-and-prejudice",
    "mansfieldpark": "mansfield-park",
    "emma": "emma",
    "northangerabbey": "northanger-abbey",
    "persuasion": "persuasion",
}


def fetch_package(folder: Path) -> Path:
    """Download and unpack the Debian package into `folder`; return its data folder."""
    subprocess.run(["apt-get", "download", "-q", PACKAGE], cwd=folder, check=True)
    (archive,) = folder.glob("*.deb")
    subprocess.run(["dpkg", "-x", archive.name, "x"], cwd=folder, check=True)
    return folder / "x/usr/lib/R/site-library/janeaustenr/data"


def unpack_block(block: bytes) -> bytes:
    """Undo R's lazy-load compression of one block."""
    body = block[4:]
    if body[:1] == b"Z":
        return lzma.decompress(body[1:], format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2}])
    return zlib.decompress(body[1:] if body[:1] in b"02" else body)


def read_lines(data: Path, variable: str) -> list[str]:
    """The character vector that R's data set `variable` holds."""
    index = rdata.read_rds(data / "Rdata.rdx")
    offset, length = (int(x) for x in index["variables"][variable])
    block = (data / "Rdata.rdb").read_bytes()[offset : offset + length]
    parsed = rdata.parser.parse_data(unpack_block(block))
    return [str(line) for line in rdata.conversion.convert(parsed)]


def as_paragraphs(lines: list[str]) -> str:
    """Join the hard-wrapped lines of each paragraph; paragraphs are separated by one blank line."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(line.strip() for line in lines))
    joined = (" ".join(paragraph.split()) for paragraph in paragraphs)
    return "\n\n".join(paragraph for paragraph in joined if paragraph) + "\n"


def main() -> None:
    """Write one xz file per novel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, help="the package's data folder, if unpacked already")
    source = parser.parse_args().source
    CORPUS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        data = source or fetch_package(Path(scratch))
        for variable, name in NOVELS.items():
            text = as_paragraphs(read_lines(data, variable))
            packed = lzma.compress(text.encode("utf-8"), preset=9 | lzma.PRESET_EXTREME)
            (CORPUS / f"{name}.txt.xz").write_bytes(packed)


if __name__ == "__main__":
    main()
