"""The stored comparison is the one the bundled models give, and it is what the inspector opens with."""

import numpy as np
import pytest

from akl_viz.records import TOKEN_FIELDS, TokenTrace
from akl_viz.ui.controls import DEFAULT_PASSAGE, DEFAULT_STUDENT, DEFAULT_TEACHER
from akl_viz.ui.passages import passages
from akl_viz.ui.tracing import STORED_TRACE, request_of

RECOMPUTED_ABS = 1e-4
"""Another processor adds float32 in another order; a model's logits differ by a few 1e-6 and KLs by a few 1e-5."""


@pytest.fixture(scope="module")
def stored():
    return TokenTrace.load(STORED_TRACE)


def test_it_answers_the_inspectors_first_request(stored):
    request = request_of(stored)
    assert (request.teacher, request.student) == (DEFAULT_TEACHER, DEFAULT_STUDENT)
    assert request.text == passages()[DEFAULT_PASSAGE].text


@pytest.mark.slow
def test_it_is_what_the_bundled_models_give_now(stored):
    from akl_viz.analysis.trace import token_trace
    from akl_viz.models import load_checkpoint

    now = token_trace(load_checkpoint(DEFAULT_TEACHER), load_checkpoint(DEFAULT_STUDENT), stored.text)
    assert now.teacher.revision == stored.teacher.revision
    assert now.student.revision == stored.student.revision
    for name in TOKEN_FIELDS:
        if name not in {"head_size", "teacher_rank", "student_rank", "top1_agree"}:
            np.testing.assert_allclose(now.columns[name], stored.columns[name], rtol=0, atol=RECOMPUTED_ABS)
