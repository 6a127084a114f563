"""Build data/prompts/passages.jsonl: the measured set, held-out passages of the six novels in four groups.

Which passages is a choice made by reading; where they are is stated as paragraph numbers of the held-out part
(counted from 0 by blank lines) and, where a paragraph is too long, a first and a last phrase. One row more,
the famous opening of Pride and Prejudice, is marked as training text and belongs to no measured group.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from text import DATA, TOKENIZER, novels, split
from tokenizers import Tokenizer

PASSAGES = DATA / "prompts/passages.jsonl"
GROUPS = ("dialogue", "narration", "letter", "description")
LEAST_TOKENS, MOST_TOKENS = 80, 250
EMMA, MANSFIELD, NORTHANGER = "emma", "mansfield-park", "northanger-abbey"
PERSUASION, PRIDE, SENSE = "persuasion", "pride-and-prejudice", "sense-and-sensibility"


@dataclass(frozen=True)
class Choice:
    """One passage: paragraphs `first` to `last` (inclusive) of a novel's part, cut to the phrases if given."""

    id: str
    group: str
    novel: str
    title: str
    first: int
    last: int
    begin: str = ""
    end: str = ""
    in_training: bool = False


CHOICES = (
    Choice("engaged-to-darcy", "dialogue", PRIDE, "Engaged to Mr. Darcy", 26, 29),
    Choice("fine-carriages", "dialogue", PRIDE, "Will they make you happy?", 54, 57),
    Choice("how-could-you-begin", "dialogue", PRIDE, "How could you begin?", 73, 76),
    Choice("call-me-george", "dialogue", EMMA, "Mr. Knightley or George", 9, 12),
    Choice("harriet-marries", "dialogue", EMMA, "Harriet Smith marries Robert Martin", 45, 50),
    Choice("the-year-eight", "dialogue", PERSUASION, "If I had written in the year eight", 20, 22),
    Choice("proper-submission", "dialogue", SENSE, "A letter of proper submission", 34, 37),
    Choice("folly-by-exposure", "dialogue", MANSFIELD, "Folly stamped by exposure", 7, 8),
    Choice("library-door", "narration", PRIDE, "Mr. Darcy follows to the library", 51, 51),
    Choice("mrs-bennet-hears", "narration", PRIDE, "Mrs. Bennet hears the news", 65, 65),
    Choice("barton-church", "narration", SENSE, "The wedding at Barton church", 46, 46),
    Choice("henry-defies", "narration", NORTHANGER, "Henry defies the general", 8, 8),
    Choice("the-feverish-catherine", "narration", NORTHANGER, "The feverish Catherine", 0, 0),
    Choice("anne-at-home", "narration", PERSUASION, "Anne at home again", 16, 16),
    Choice("stolen-turkeys", "narration", EMMA, "The stolen turkeys", 126, 126),
    Choice("wet-sunday", "narration", MANSFIELD, "A wet Sunday evening", 5, 5),
    Choice("to-mrs-gardiner", "letter", PRIDE, "Elizabeth to Mrs. Gardiner", 93, 93, end="Pemberley at Christmas."),
    Choice("to-mr-collins", "letter", PRIDE, "Mr. Bennet to Mr. Collins", 94, 97),
    Choice("lydias-joy", "letter", PRIDE, "Lydia wishes joy", 109, 111),
    Choice("lucys-farewell", "letter", SENSE, "Lucy Steele to Edward", 5, 7),
    Choice(
        "mrs-jennings",
        "letter",
        SENSE,
        "Mrs. Jennings on poor Nancy",
        30,
        30,
        begin='"I do think," she continued',
        end="fall in with the Doctor again.",
    ),
    Choice("john-dashwood", "letter", SENSE, "John Dashwood advises", 32, 32),
    Choice("white-satin", "description", EMMA, "Very little white satin", 128, 128),
    Choice("card-party", "description", PERSUASION, "The card party", 17, 17, end="of her father and sister."),
    Choice("lady-russell", "description", PERSUASION, "Lady Russell's understanding", 28, 28),
    Choice("georgiana", "description", PRIDE, "Georgiana at Pemberley", 115, 115),
    Choice("kitty-improved", "description", PRIDE, "Kitty improved", 106, 106),
    Choice("the-parsonage", "description", MANSFIELD, "The Parsonage at Mansfield", 52, 53),
    Choice("henry-crawford", "description", MANSFIELD, "Henry Crawford's vanity", 39, 39),
    Choice("flannel-waistcoat", "description", SENSE, "The flannel waistcoat", 55, 55),
    Choice("pride-opening", "training", PRIDE, "A truth universally acknowledged", 3, 9, in_training=True),
)


def cut(text: str, choice: Choice) -> str:
    """The passage `choice` names in `text`. Raises ValueError where a phrase is not there."""
    passage = "\n\n".join(text.strip().split("\n\n")[choice.first : choice.last + 1])
    begin = passage.index(choice.begin)
    end = passage.index(choice.end, begin) + len(choice.end) if choice.end else len(passage)
    return passage[begin:end]


def main() -> None:
    """Write one JSON line per passage, with its length in tokens of the bundled tokenizer."""
    texts = novels()
    tokenizer = Tokenizer.from_file(str(TOKENIZER / "tokenizer.json"))
    rows = []
    for choice in CHOICES:
        train, held_out = split(texts[choice.novel])
        passage = cut(train if choice.in_training else held_out, choice)
        tokens = len(tokenizer.encode(passage, add_special_tokens=False).ids)
        if not LEAST_TOKENS <= tokens <= MOST_TOKENS:
            raise ValueError(f"{choice.id} has {tokens} tokens, expected {LEAST_TOKENS} to {MOST_TOKENS}")
        row = {"id": choice.id, "group": choice.group, "novel": choice.novel, "title": choice.title}
        rows.append(row | {"text": passage, "tokens": tokens, "in_training": choice.in_training})
    PASSAGES.parent.mkdir(parents=True, exist_ok=True)
    PASSAGES.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    counts = {group: sum(row["group"] == group for row in rows) for group in GROUPS}
    print(f"{len(rows)} passages: {counts}")


if __name__ == "__main__":
    main()
