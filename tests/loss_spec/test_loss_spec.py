"""One syntax for a loss with parameters, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import LossSpec

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
VALUES = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.from_regex(r"w[a-z]{0,6}", fullmatch=True))


@given(key=NAMES, params=st.dictionaries(NAMES, VALUES, max_size=4))
def test_a_specification_reads_back_as_itself(key, params):
    spec = LossSpec(key, tuple(sorted(params.items())))
    assert LossSpec.parse(str(spec)) == spec
    assert spec.params == params


def test_numbers_and_words_are_told_apart():
    spec = LossSpec.parse(" akl: mu=0.6 , direction = reversed")
    assert spec == LossSpec("akl", (("direction", "reversed"), ("mu", 0.6)))
    assert str(spec) == "akl:direction=reversed,mu=0.6"


@pytest.mark.parametrize(
    "text",
    ["", ":", "akl:", "akl:mu", "akl:mu=", "akl:=1", "akl:mu=1,mu=2", "akl:mu=1,", "Akl", "a kl", "../akl", "akl\n:x"],
)
def test_what_is_not_well_formed_is_refused_with_the_form(text):
    with pytest.raises(InvalidInput, match="not of the form"):
        LossSpec.parse(text)
