"""The numbers of a trace computed a second time: NumPy, float64, a full sort, from the definitions alone.

Nothing of the package is imported here. Teacher first (p before q), natural logarithm.
"""

import numpy as np


def log_softmax(logits, temperature=1.0):
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    shifted = scaled - scaled.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def head_order(p, mu, boundary):
    """(ids of the head, likeliest first); equals go by the lowest id."""
    order = np.lexsort((np.arange(len(p)), -p))
    mass = np.cumsum(p[order])
    size = max(1, int((mass <= mu).sum())) if boundary == "below" else min(len(p), int((mass < mu).sum()) + 1)
    return order[:size]


def kl_terms(log_p, log_q):
    return np.exp(log_p) * (log_p - log_q)


def one_position(teacher, student, observed, mu, boundary, temperature):
    """Every field of one scored token from two rows of logits."""
    log_p, log_q = log_softmax(teacher, temperature), log_softmax(student, temperature)
    p, q = np.exp(log_p), np.exp(log_q)
    log_m = np.log((p + q) / 2)
    gap = np.abs(p - q)
    head = np.zeros(len(p), dtype=bool)
    head[head_order(p, mu, boundary)] = True
    head_gap, tail_gap = gap[head].sum(), gap[~head].sum()
    total = head_gap + tail_gap
    weight = head_gap / total if total > 0 else 0.5
    forward, reverse = kl_terms(log_p, log_q).sum(), kl_terms(log_q, log_p).sum()
    return {
        "forward_kl": forward,
        "reverse_kl": reverse,
        "jsd": (kl_terms(log_p, log_m).sum() + kl_terms(log_q, log_m).sum()) / 2,
        "tvd": gap.sum() / 2,
        "akl": weight * forward + (1 - weight) * reverse,
        "head_gap": head_gap,
        "tail_gap": tail_gap,
        "head_size": int(head.sum()),
        "weight_forward": weight,
        "weight_reverse": 1 - weight,
        "teacher_entropy": -(p * log_p).sum(),
        "student_entropy": -(q * log_q).sum(),
        "teacher_logprob": log_p[observed],
        "student_logprob": log_q[observed],
        "teacher_rank": 1 + int((teacher > teacher[observed]).sum()),
        "student_rank": 1 + int((student > student[observed]).sum()),
        "top1_agree": bool(teacher.argmax() == student.argmax()),
    }


def all_positions(teacher, student, ids, mu, boundary, temperature):
    """A row per scored token, the second token first; logits (T, V) of every prefix."""
    return [
        one_position(teacher[place - 1], student[place - 1], ids[place], mu, boundary, temperature)
        for place in range(1, len(ids))
    ]
