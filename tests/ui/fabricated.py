"""Invented traces with every kind of token a text can hold, computed with NumPy alone."""

import re

import numpy as np

from akl_viz.records import TOKEN_FIELDS, Boundary, ModelInfo, PositionTable, Settings, SharedVocabulary, TokenTrace

SIZE = 300
IMAGE = '<img src=x onerror="document.title=1">'
CLOSING = "</script>"
PASSAGE = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a"
    " wife.\n\nHowever little known the feelings or views of such a man may be on his first entering a neighbourhood,"
    " this truth is so well fixed in the minds of the surrounding families, that he is considered as the rightful"
    f" property of some one or other of their daughters.\n\tCafé \U0001f642 {IMAGE} {CLOSING} “My dear Mr. Bennet,”"
    " said his lady to him one day, “have you heard that Netherfield Park is let at last?”"
)
GLYPHS = {" ": "·", "\n": "↵", "\t": "⇥"}
INFINITE_AT = 40
EMOJI = "\U0001f642"


def info(reference: str) -> ModelInfo:
    return ModelInfo(reference, "llama", 4_200_000, SIZE, 512, "float32", "cpu", "0" * 12)


def cut(text: str) -> tuple[list[str], list[str]]:
    """Pieces and labels; the emoji takes four tokens, the last three of which stand for no character."""
    pieces, labels = [], []
    for piece in re.findall(re.escape(IMAGE) + "|" + re.escape(CLOSING) + r"|" + EMOJI + r"| ?\w+|[^\w\s]|\s", text):
        shown = "".join(GLYPHS.get(char, char) for char in piece)
        if piece == EMOJI:
            pieces += [piece, "", "", ""]
            labels += [f"{piece}⟨{byte:02X}⟩" for byte in piece.encode()]
        else:
            pieces.append(piece)
            labels.append(shown)
    assert "".join(pieces) == text
    return pieces, labels


def softmax(logits):
    size = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return size / size.sum(axis=-1, keepdims=True)


def terms(p, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / q), 0.0)


def head_of(p, mu, boundary="below"):
    order = np.argsort(-p, axis=1, kind="stable")
    sorted_p = np.take_along_axis(p, order, axis=1)
    mass = np.cumsum(sorted_p, axis=1)
    first = mass <= mu if boundary == "below" else mass - sorted_p < mu
    first[:, 0] = True
    head = np.zeros(p.shape, dtype=bool)
    np.put_along_axis(head, order, first, axis=1)
    return head


def statistics(p, q, head, ids):
    rows = np.arange(len(ids))
    gap = np.abs(p - q)
    middle = (p + q) / 2
    forward, reverse = terms(p, q).sum(1), terms(q, p).sum(1)
    head_gap, tail_gap = (gap * head).sum(1), (gap * ~head).sum(1)
    weight = head_gap / (head_gap + tail_gap)
    with np.errstate(divide="ignore"):
        values = {
            "forward_kl": forward,
            "reverse_kl": reverse,
            "jsd": (terms(p, middle).sum(1) + terms(q, middle).sum(1)) / 2,
            "tvd": gap.sum(1) / 2,
            "akl": weight * forward + (1 - weight) * reverse,
            "head_gap": head_gap,
            "tail_gap": tail_gap,
            "head_size": head.sum(1),
            "weight_forward": weight,
            "weight_reverse": 1 - weight,
            "teacher_entropy": -terms(p, np.ones_like(p)).sum(1),
            "student_entropy": -terms(q, np.ones_like(q)).sum(1),
            "teacher_logprob": np.log(p[rows, ids]),
            "student_logprob": np.log(q[rows, ids]),
            "teacher_rank": 1 + (p > p[rows, ids][:, None]).sum(1),
            "student_rank": 1 + (q > q[rows, ids][:, None]).sum(1),
            "top1_agree": p.argmax(1) == q.argmax(1),
        }
    return {name: np.asarray(values[name], dtype=float) for name in TOKEN_FIELDS}


def gradients_of(p, q, weight):
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(q) - np.log(p)
        reverse = np.where(q > 0, q * (ratio - np.where(q > 0, q * ratio, 0).sum(1, keepdims=True)), 0.0)
    forward = q - p
    return np.stack([forward, reverse, weight[:, None] * forward + (1 - weight[:, None]) * reverse], axis=-1)


def candidates(p, q, gradients, ids):
    """(T, K) ids as the analysis picks them, sorted by teacher probability, -1 where empty."""
    rows = []
    for n, observed in enumerate(ids):
        found = {*np.argsort(-p[n])[:16], *np.argsort(-q[n])[:4], observed}
        for loss in range(3):
            found |= set(np.argsort(-np.abs(gradients[n, :, loss]))[:5])
        rows.append(sorted(map(int, found), key=lambda token: (-p[n, token], token)))
    width = max(map(len, rows))
    return np.array([row + [-1] * (width - len(row)) for row in rows])


def table_of(p, q, head, gradients, ids):
    picked = candidates(p, q, gradients, ids)
    place, empty = np.maximum(picked, 0), picked < 0

    def take(values):
        index = place if values.ndim == 2 else place[..., None]
        kept = np.take_along_axis(values, index, axis=1)
        kept[empty] = 0
        return np.concatenate([np.zeros_like(kept[:1]), kept])

    return PositionTable(
        ids=np.concatenate([np.full_like(picked[:1], -1), picked]),
        teacher=take(p),
        student=take(q),
        forward_terms=take(terms(p, q)),
        reverse_terms=take(terms(q, p)),
        in_head=take(head),
        gradients=take(gradients),
        head_mass=np.concatenate([[np.nan], (p * head).sum(1)]),
    )


def fabricated(text: str = PASSAGE, mu: float = 0.5, infinite: bool = True, boundary: Boundary = "below") -> TokenTrace:
    pieces, labels = cut(text)
    words = sorted(set(labels)) + [f"·made{n}" for n in range(SIZE)]
    number = {label: n for n, label in reversed(list(enumerate(words[:SIZE])))}
    ids = np.array([number[label] for label in labels])
    random = np.random.default_rng(7)
    steps = len(ids) - 1
    sharp = 1.2 + 2.2 * random.random((steps, 1))
    teacher = sharp * random.standard_normal((steps, SIZE))
    teacher[np.arange(steps), ids[1:]] += 4 * random.random(steps)
    p = softmax(teacher)
    student = 0.75 * teacher + random.standard_normal((steps, SIZE))
    q = softmax(student)
    if infinite:
        row = INFINITE_AT - 1
        q[row, p[row].argmax()] = 0.0
        q[row] /= q[row].sum()
    head = head_of(p, mu, boundary)
    columns = statistics(p, q, head, ids[1:])
    gradients = gradients_of(p, q, columns["weight_forward"])
    return TokenTrace(
        text=text,
        teacher=info("made:teacher"),
        student=info("made:student"),
        settings=Settings(mu=mu, boundary=boundary),
        ids=ids,
        pieces=tuple(pieces),
        labels=tuple(labels),
        scored=np.arange(len(ids)) > 0,
        columns={name: np.concatenate([[np.nan], values]) for name, values in columns.items()},
        table=table_of(p, q, head, gradients, ids[1:]),
        vocabulary=dict(enumerate(words[:SIZE])),
        shared=SharedVocabulary(SIZE),
    )


def long_text(tokens: int) -> str:
    """Words that the cutter turns into exactly so many tokens."""
    words = [word for word in re.findall(r" \w+", PASSAGE) if word.isascii()]
    return "".join(words[n % len(words)] for n in range(tokens))
