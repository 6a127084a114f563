"""What a person types wrong on `akl-viz toy` is one sentence, told before anything is computed."""

import pytest


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("discrete", "--preset", "x"), "There is no preset 'x'; choose one of paper-longtail"),
        (("discrete", "--lr", "0"), "lr must be a positive number, not 0"),
        (("discrete", "--lr", "nan"), "lr must be a positive number, not nan"),
        (("discrete", "--optimizer", "lion"), "The optimiser must be one of adam, adamw, sgd, momentum"),
        (("discrete", "--steps", "99999999"), "steps must be from 1 to 50,000"),
        (("discrete", "--steps", "x"), "invalid int value: 'x'"),
        (("discrete", "--loss", "nonsense"), "There is no divergence 'nonsense'"),
        (("discrete", "--loss", "akl:mu=2"), "mu must be a number from 0 to 1"),
        (("discrete", "--loss", "akl:mu"), "is not of the form KEY or KEY:NAME=VALUE"),
        (("discrete", "--target", "1,2"), 'goes with the preset "own"'),
        (("discrete", "--preset", "own"), 'goes with the preset "own"'),
        (("discrete", "--preset", "own", "--target", "1,x"), "--target holds 'x', which is no number"),
        (("discrete", "--preset", "own", "--target", "1,0"), "must be finite and above 0"),
        (("discrete", "--start", "cold"), "The start must be one of uniform, zeros, warm, missing-mode"),
        (("discrete", "--share", "2"), "The share must lie between 0 and 1"),
        (("discrete", "--csv", "no/such/folder/f.csv"), "cannot be written: make the folder"),
        (("gaussian", "--means", "1,2:3"), "same one or two coordinates"),
        (("gaussian", "--sd", "7", "--sds", "5"), "leave one out"),
        (("gaussian", "--means", ""), "--means holds '', which is no number"),
        (("gaussian", "--sd", "0"), "Standard deviations must lie above 0"),
        (("gaussian", "--grid", "x"), "The grid must be one of paper, wide"),
        (("lowrank", "--ranks", "1.5"), "--ranks must be whole numbers"),
        (("lowrank", "--ranks", "inf"), "--ranks must be whole numbers"),
        (("lowrank", "--ranks", "nan"), "--ranks must be whole numbers"),
        (("lowrank", "--ranks", "100"), "Ranks must be different whole numbers from 1 to 64"),
        (("plateau", "--depths", "x"), "--depths holds 'x'"),
        (("plateau", "--limit", "0"), "The limit must be from 1"),
        (("discrete", "--target", "\u0660.\u0665,0.5"), "which is no number"),
        (("proof",), "the following arguments are required: part"),
        (("proof", "phi", "--weight", "2"), "The weight must be from 0 to 1"),
        (("proof", "phi", "--start", "1,1,1"), "--start belongs to simplex, not to phi"),
        (("proof", "simplex", "--seed", "1"), "--seed belongs to late, not to simplex"),
        (("proof", "phi", "--teacher", "1,1,1"), "--teacher belongs to simplex and late, not to phi"),
        (("proof", "simplex", "--teacher", "1,1"), "Give 3 probabilities, not 2"),
        (("proof", "simplex", "--start", "1,x,1"), "--start holds 'x', which is no number"),
        (("proof", "late", "--preset", "x"), "There is no preset 'x'"),
        (("proof", "late", "--preset", "zipf", "--teacher", "1,1"), "Give --preset or --teacher, not both"),
        (("proof", "late", "--loss", "akl"), "give --loss twice, not 1 time."),
        (("proof", "late", "--distances", "nan"), "Distances must lie from 1e-06 to 100"),
        (("proof", "late", "--teacher", "0.5,0.5", "--distances", "1e-20"), "Distances must lie from 1e-06 to 100"),
        (
            ("proof", "late", "--teacher", "1,1e-300", "--distances", "1e-6"),
            "So near to so one-sided a teacher gradients are 0 in float64",
        ),
        (("gaussian", "--sds", "1e-320", "--grid", "wide"), "Standard deviations must lie above 0, from 1e-06"),
        (("gaussian", "--sds", "1e-6", "--grid", "wide"), "The parts are too narrow"),
        (("gaussian", "--weights", "1e308,1e308"), "Weights must be above 0, from 1e-100 to 1e+100"),
        (("lowrank", "--stored", "--loss", "akl"), "leave out --loss."),
        (("lowrank", "--stored", "--first-seed", "0"), "leave out --first-seed."),
        (("lowrank", "--stored", "--preset", "nonsense"), "leave out --preset."),
        (("lowrank", "--lr", "1e200"), "lr must be above 0 and at most 100"),
        (("discrete", "--noise", "2"), "--noise belongs to --start warm"),
        (("discrete", "--depth", "2"), "--depth belongs to --start missing-mode"),
        (("discrete", "--tokens", "5"), "--tokens belongs to --preset zipf"),
        (("discrete", "--bottom", "5"), "--bottom belongs to --tail bottom"),
        (("discrete", "--loss", "akl", "--loss", "akl:mu=.5"), "The loss akl is listed twice, also as akl:mu=.5"),
        (
            ("discrete", "--mu", "0.6", "--loss", "akl:mu=0.6", "--loss", "akl"),
            "is listed twice, also as akl:",
        ),
        (("gaussian", "--loss", "akl", "--loss", "akl:boundary=below"), "listed twice, also as akl:boundary=below"),
        (("proof", "late", "--loss", "akl", "--loss", "akl:mu=.5"), "listed twice, also as akl:mu=.5"),
        ((), "the following arguments are required: TOY"),
        (("nonsense",), "invalid choice: 'nonsense'"),
    ],
)
def test_a_mistake_is_one_sentence(run, argv, said):
    told = run("toy", *argv)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert told.err.count("\n") == 1
    assert "Traceback" not in told.err


def test_a_folder_in_place_of_a_file_is_refused_before_the_work(run, tmp_path):
    for given, said in ((tmp_path, "is a folder: name a file in it."), ("", "the path is empty")):
        told = run("toy", "discrete", "--csv", given)
        assert told.code == 2
        assert said in told.err
