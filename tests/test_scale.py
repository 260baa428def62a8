"""The chapter on scale: codings, what an event tells, explanations against the evidence."""

import dataclasses
from math import exp, log, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palmira.adjustment import adjusted_ratios, levels, responders
from palmira.audit.scale import SLIPS
from palmira.contrasts import (
    CODINGS,
    lung,
    lung_under,
    polynomial_contrasts,
    questions_answered,
    rescaled,
)
from palmira.estimates import Estimate, log_se
from palmira.explanations import (
    CBR,
    EXPLANATIONS,
    HALF,
    PFS,
    abstract_agrees,
    box,
    gather,
    holds_p,
    level_that_narrows,
    p_span,
    se_box,
)
from palmira.figures import scale as figures
from palmira.hazard_ratios import smallest_se
from palmira.judgements import EVIDENCE, FITS, judge
from palmira.record import Record, comparators, published
from palmira.response import comparison
from palmira.standard_errors import public_fits, simulate
from palmira.tables import scale as tables

STRATA = ("Endocrine therapy", "Visceral involvement")
ARMS = ("et", "palbociclib")


@pytest.fixture(scope="module")
def palmira() -> Record:
    return published("palmira")


@pytest.fixture(scope="module")
def found(palmira):
    return gather(palmira, more=("ECOG performance status",))


@pytest.fixture(scope="module")
def fit(found):
    return {(j.explanation, j.evidence): j for j in judge(found)}


def test_the_lung_cancer_data_give_the_known_hazard_ratio():
    usual = lung_under("treatment")  # reference: the R package survival
    assert usual.coefficient == pytest.approx(-0.53102354, abs=1e-6)
    assert usual.se == pytest.approx(0.16717858, abs=1e-6)


@pytest.mark.parametrize("name", CODINGS)
def test_z_and_p_are_the_same_under_every_coding(name):
    usual, coded = lung_under("treatment"), lung_under(name)
    assert coded.z == pytest.approx(usual.z, rel=1e-8)
    assert coded.p == pytest.approx(usual.p, rel=1e-8)
    assert coded.se * coded.coding.divisor == pytest.approx(usual.se, rel=1e-8)
    assert log(coded.printed.value) * coded.coding.divisor == pytest.approx(
        log(usual.printed.value), rel=1e-8
    )


def test_the_orthonormal_coding_divides_by_the_square_root_of_two():
    usual, coded = lung_under("treatment"), lung_under("orthonormal")
    assert coded.se / usual.se == pytest.approx(1 / sqrt(2), rel=1e-8)
    assert coded.coefficient / usual.coefficient == pytest.approx(1 / sqrt(2), rel=1e-8)


@given(st.integers(2, 7))
def test_polynomial_contrasts_are_orthonormal_and_rise(n):
    contrasts = polynomial_contrasts(n)
    assert contrasts.T @ contrasts == pytest.approx(np.eye(n - 1), abs=1e-9)
    assert contrasts.sum(axis=0) == pytest.approx(np.zeros(n - 1), abs=1e-9)
    assert (np.diff(contrasts[:, 0]) > 0).all()


def test_polynomial_contrasts_are_those_of_r():
    assert polynomial_contrasts(2).ravel() == pytest.approx(CODINGS["orthonormal"].codes)
    expected = [[-0.7071068, 0.4082483], [0, -0.8164966], [0.7071068, 0.4082483]]
    assert polynomial_contrasts(3) == pytest.approx(np.array(expected), abs=1e-7)
    with pytest.raises(ValueError, match="two levels"):
        polynomial_contrasts(1)


@given(st.floats(0.3, 3), st.floats(0.05, 0.6), st.sampled_from(sorted(CODINGS)))
def test_undoing_a_coding_gives_the_ratio_back(value, se, name):
    truth = Estimate(value, value * exp(-1.96 * se), value * exp(1.96 * se))
    coded = rescaled(truth, name)
    assert coded.printed.value**coded.coding.divisor == pytest.approx(value)
    assert coded.z == pytest.approx(log(value) / log_se(truth.lower, truth.upper))


def test_the_questions_of_all_events_add_up_to_the_events_of_the_group():
    frame = lung()
    questions = questions_answered(frame, "days", "death", "female")
    women = frame.query("female == 1")["death"].sum()
    men = frame["death"].sum() - women
    assert questions["p"].sum() == pytest.approx(women, abs=1e-6)
    assert 1 / sqrt(questions["information"].sum()) >= smallest_se(women, men)
    assert questions["information"].max() <= 0.25
    assert len(questions) == frame["death"].sum()


@given(st.integers(0, 10_000))
def test_no_trial_teaches_more_than_its_events_allow(seed):
    rng = np.random.default_rng(seed)
    arm = np.repeat([1.0, 0.0], [20, 12])
    frame = pd.DataFrame({"t": rng.exponential(size=32) * (1 + arm), "e": 1.0, "x": arm})
    questions = questions_answered(frame, "t", "e", "x")
    assert 1 / sqrt(questions["information"].sum()) >= smallest_se(20, 12) * (1 - 1e-9)


def test_the_picture_of_events_says_mean_and_ceiling():
    questions = questions_answered(lung(), "days", "death", "female")
    picture = figures.what_an_event_tells(questions, "a woman")
    mean, information = questions["p"].mean(), questions["information"].mean()
    assert f"{mean:.3f}" in picture.alt and f"{information:.4f}" in picture.alt
    assert f"{mean * (1 - mean):.4f}" in picture.alt
    assert information < mean * (1 - mean) < 0.25
    assert len(picture.data) == len(questions)


def test_only_the_papers_own_rows_lie_wholly_below_the_bound(palmira):
    strips = figures.paper_strips(palmira)
    genuine = figures.strip_of("other", comparators()["postmonarch"], [PFS])
    public = figures.public_strip("public", public_fits())
    errors = simulate(136, 62, 158, 0.84, trials=300, seed=1)["model_ratio"]
    picture = figures.against_the_bound([*strips, genuine, public], errors, "simulated")
    assert [s.below for s in strips] == [True, True, True, False]
    assert not genuine.below and not public.below and errors.min() >= 1
    assert picture.alt.endswith("Wholly below 1: PALMIRA: PFS, 13 rows, OS and PFS, preplanned.")
    assert len(strips[0].ratios) == 13
    assert set(picture.data["ratio"]) >= {*strips[0].ratios, *public.ratios}


def test_wider_limits_lift_a_row_to_the_bound(palmira, reprinted):
    wide = reprinted(palmira, contrasts__os__hazard_ratio__upper="2.51")
    assert figures.strip_of("OS", palmira, ["contrasts.os.hazard_ratio"]).below
    assert not figures.strip_of("OS", wide, ["contrasts.os.hazard_ratio"]).below


def test_the_common_factor_holds_an_orthonormal_contrast_and_no_effect_coding(found):
    picture = figures.factor_and_slips(found.factor)
    data = picture.data.set_index("slip")
    assert data["inside"].sum() == 2 and len(data) == len(SLIPS) + 1
    assert data.loc["Orthonormal contrasts, or doubled rows", "inside"]
    assert not data.loc["Effect coding", "inside"] and not data.loc["No slip", "inside"]
    assert f"{found.factor.value:.3f}" in picture.alt
    levels_ = [level_that_narrows(f) for f in (found.factor.lower, found.factor.upper)]
    assert 80 < levels_[0] < 84 < levels_[1] < 85
    assert level_that_narrows(1) == pytest.approx(95)


def test_the_forest_of_codings_says_what_each_prints():
    picture = figures.codings_forest({k: lung_under(k) for k in CODINGS}, ("women", "men"))
    for _, row in picture.data.iterrows():
        assert (
            f"{row['hazard_ratio']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})" in picture.alt
        )
    assert "P value is the same under all" in picture.alt


def test_a_raw_table_without_covariates_is_returned_as_it_is(palmira):
    raw = comparison(palmira, "cbr")
    plain = adjusted_ratios(palmira, "cbr", ARMS, (), "logistic", 3, 1)
    assert plain["ratio"].to_numpy() == pytest.approx(raw.odds_ratio.value)
    assert plain["se"].to_numpy() == pytest.approx(raw.odds_ratio_se)
    risk = adjusted_ratios(palmira, "cbr", ARMS, (), "risk", 3, 1)
    (a, n), (b, m) = responders(palmira, "cbr", ARMS)
    assert risk["ratio"].to_numpy() == pytest.approx(a / n / (b / m))
    assert risk["se"].to_numpy() == pytest.approx(sqrt(1 / a - 1 / n + 1 / b - 1 / m))


def test_no_adjustment_lowers_the_standard_error_of_the_raw_odds_ratio(palmira):
    raw = comparison(palmira, "cbr").odds_ratio_se
    for factors in (STRATA, (*STRATA, "ECOG performance status", "Age")):
        drawn = adjusted_ratios(palmira, "cbr", ARMS, factors, "logistic", 500, 7)
        assert drawn["se"].min() >= raw * (1 - 1e-9)


def test_drawn_trials_keep_the_printed_levels_of_each_factor(palmira):
    assert levels(palmira, STRATA, ARMS) == [[58, 120], [25, 52]]


def test_printed_p_values_go_with_95_percent_intervals_and_with_no_lower_level(palmira):
    for cell in (PFS, "contrasts.pfs.preplanned", CBR):
        assert holds_p(palmira, cell, 95)
        assert not any(holds_p(palmira, cell, level) for level in (81, 84, 85))
    low, high = p_span(palmira, PFS, 84)
    assert 0.149 < low < 0.3 < high


def test_the_abstract_goes_with_an_ordinary_scale_if_its_p_is_the_models_own(palmira):
    assert abstract_agrees(palmira, EXPLANATIONS["robust"])  # an ordinary standard error
    for name in ("contrast", "doubled", "level"):
        assert not abstract_agrees(palmira, EXPLANATIONS[name])
        assert abstract_agrees(palmira, EXPLANATIONS[name], own_p=False)


def test_every_explanation_is_judged_by_every_piece_of_evidence_with_a_reason(fit):
    assert set(fit) == {(e, v) for e in EXPLANATIONS for v in EVIDENCE}
    assert {j.fit for j in fit.values()} == set(FITS)
    assert all(len(j.reason) > 20 and j.reason.endswith(".") for j in fit.values())


def test_width_leaves_a_contrast_doubled_rows_and_a_lower_level(fit, found):
    fits = {e for e in EXPLANATIONS if fit[e, "width"].fit == "fits"}
    assert fits == {"contrast", "doubled", "level"}
    assert f"{found.factor.value:.3f}" in fit["contrast", "width"].reason
    assert found.ratios[1] < found.robust_floor


def test_doubled_rows_and_a_contrast_differ_in_clinical_benefit_only_by_its_estimate(fit):
    for evidence in ("width", "p", "cbr_width", "abstract"):
        assert fit["contrast", evidence].fit == fit["doubled", evidence].fit
    assert (fit["contrast", "place"].fit, fit["doubled", "place"].fit) == ("fits", "in part")


def test_an_interval_of_a_lower_level_does_not_go_with_the_printed_p_by_itself(fit):
    assert fit["level", "p"].fit == "in part"
    assert ".149" in fit["level", "p"].reason


def test_other_covariates_move_the_odds_ratio_but_never_narrow_it(fit, found, palmira):
    assert fit["covariates", "place"].fit == "fits"
    assert fit["covariates", "cbr_width"].fit == "does not fit"
    assert se_box(palmira, CBR)[1] < found.benefit.odds_ratio_se


def test_a_ratio_of_risks_comes_near_and_says_nothing_of_hazards(fit):
    assert "0.65 (0.41 to 1.00)" in fit["risk", "place"].reason
    assert fit["risk", "width"].fit == fit["risk", "p"].fit == "silent"


def test_the_raw_odds_ratio_on_the_contrast_scale_stands_in_its_reason(fit, found):
    raw = found.benefit.odds_ratio.value
    assert f"{raw**HALF:.2f}" in fit["contrast", "place"].reason
    assert f"{raw:.2f}" in fit["doubled", "place"].reason


def test_a_ratio_whose_limit_is_no_number_is_refused(palmira):
    broken = dict(palmira.entries)
    broken[f"{PFS}.lower"] = dataclasses.replace(broken[f"{PFS}.lower"], printed=None)
    with pytest.raises(ValueError, match="no number"):
        box(Record(palmira.sheet, broken), PFS)


def test_the_tables_of_explanations_show_every_judgement(found):
    judgements = judge(found)
    table = tables.explanations(judgements)
    assert table.frame.shape == (len(EXPLANATIONS), len(EVIDENCE) + 1)
    assert len(table.data) == len(judgements)
    shown = tables.reasons(judgements).frame
    assert {r for r in shown["Reason"]} == {j.reason for j in judgements}
    assert "not to be counted" in table.notes[0]


def test_what_the_chosen_coding_prints_undoes_the_full_scale(palmira):
    frame = tables.printed_under(palmira, PFS, "orthonormal").frame
    assert frame["In print"].iloc[1] == "0.84 (0.66 to 1.07)"
    usual = tables.printed_under(palmira, PFS, "treatment").frame
    assert usual["In print"].iloc[1] == usual["Ratio of the groups"].iloc[1]
    assert usual["P"].tolist() == frame["P"].tolist()
    with pytest.raises(KeyError):
        tables.printed_under(palmira, PFS, "unknown")


def test_the_main_ratios_stand_in_three_readings(palmira):
    frame = tables.readings(palmira, {"PFS": PFS}, "CBR").frame.set_index("Ratio")
    assert frame.loc["PFS", ["Printed", "Neutral", "Full scale"]].tolist() == [
        "0.84 (0.66 to 1.07)", "0.84 (0.60 to 1.17)", "0.78 (0.56 to 1.10)",
    ]  # fmt: skip
    assert frame.loc["CBR", "Printed"] == "0.62 (0.38 to 0.98)"


def test_the_chapters_sentences_accuse_nobody():
    words = ("fraud", "misconduct", "integrity", "manipulat", "dishonest", "blame", "sloppy")
    for name in ("consistency", "scale"):
        text = (Path(__file__).parents[1] / "notebooks" / f"{name}.md").read_text().lower()
        assert not [w for w in words if w in text]
