"""The width of the hazard ratios' intervals: readings, the bound, codings, explanations."""

import dataclasses
from math import exp, log, sqrt
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palmira.audit.scale import SLIPS, common_factor, rows_of
from palmira.readings.adjustment import Rates, adjusted_ratios, levels
from palmira.readings.explanations import (
    CBR,
    EXPLANATIONS,
    HALF,
    PFS,
    PREPLANNED,
    Rivals,
    abstract_agrees,
    gather,
    holds_p,
    p_span,
    reports_all,
)
from palmira.readings.judgements import EVIDENCE, FITS, judge
from palmira.readings.response import comparison
from palmira.record import Record, published
from palmira.statistics.contrasts import CODINGS, lung_under, rescaled
from palmira.statistics.estimates import Estimate, log_se, tied
from palmira.statistics.standard_errors import simulate

STRATA = ("Endocrine therapy", "Visceral involvement")
ARMS = ("et", "palbociclib")


@pytest.fixture(scope="module")
def palmira() -> Record:
    return published("palmira")


@pytest.fixture(scope="module")
def found(palmira):
    factor = common_factor(rows_of(palmira, "figure3"), tuple(palmira.sheet.strata))
    errors = simulate((136, 62), 158, 0.84, trials=4000, seed=2025)
    means = pd.DataFrame(
        {
            "text": ["0.84 (0.66 to 1.07)", "0.79 (0.60 to 1.05)", "1.03 (0.97 to 1.10)"],
            "se": [0.122, 0.141, 0.032],
            "p": [0.151, 0.102, 0.3],
        },
        index=["final", "preplanned", "os"],
    )
    # Reference for the clusters: R's survival on random clusters.
    rivals = Rivals(0.010, {4: 0.40, 6: 0.27, 41: 0.09}, (0.64, 0.68), 0.019, means)
    return gather(palmira, factor, errors, rivals, more=("ECOG performance status",))


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


def test_the_orthonormal_codes_are_rs_polynomial_contrasts_of_two_levels():
    low, high = CODINGS["orthonormal"].codes
    assert (low, high) == pytest.approx((-0.7071068, 0.7071068), abs=1e-7)
    assert low + high == pytest.approx(0) and low**2 + high**2 == pytest.approx(1)


@given(st.floats(0.3, 3), st.floats(0.05, 0.6), st.sampled_from(sorted(CODINGS)))
def test_undoing_a_coding_gives_the_ratio_back(value, se, name):
    truth = Estimate(value, value * exp(-1.96 * se), value * exp(1.96 * se))
    coded = rescaled(truth, name)
    assert coded.printed.value**coded.coding.divisor == pytest.approx(value)
    assert coded.z == pytest.approx(log(value) / log_se(truth.lower, truth.upper))


def test_the_three_readings_stand_side_by_side(shown):
    picture = shown["efficacy-three-ways"]
    assert list(picture.data["reading"]) == ["printed", "neutral", "conditional"]
    data = picture.data.set_index("reading")
    assert data.loc["printed", "estimate"] == data.loc["neutral", "estimate"] == 0.84
    assert data.loc["neutral", "lower"] < data.loc["printed", "lower"]
    assert data.loc["conditional", "wald_p"] == pytest.approx(data.loc["printed", "wald_p"])
    assert set(data["events"]) == {107} and set(data["control_events"]) == {51}
    for text in ("0.84 (0.66 to 1.07)", "0.84 (0.60 to 1.17)", "0.78 (0.56 to 1.10)", "107 and 51"):
        assert text in picture.alt


def test_the_arithmetic_of_the_bound_can_be_followed_by_hand(shown):
    steps = shown["efficacy-arithmetic"].plain.set_index("Step")
    assert steps.loc["Least standard error of a Cox model", "Calculation"] == "√(1/107 + 1/51)"
    assert steps.loc["Least standard error of a Cox model", "Result"] == "0.170"
    assert steps.loc["Fewest events for it, at an even split", "Result"] == "250; there were 158"
    values = shown["efficacy-arithmetic"].data.set_index("Step")["Value"]
    assert values["Implied over least"] == pytest.approx(0.7244, abs=5e-5)


def test_p_values_from_rounding_move_estimate_and_limits_together(palmira, shown, said):
    expected = {PFS: (0.146, 0.170, 3), PREPLANNED: (0.064, 0.074, 3), CBR: (0.0419, 0.0431, 4)}
    data = shown["scale-p"].data
    for (cell, (low, high, digits)), row in zip(expected.items(), data.itertuples(), strict=True):
        span = p_span(palmira, cell, 95)
        assert [round(p, digits) for p in span] == [low, high]
        assert [row.p_low, row.p_high] == pytest.approx(span)
        assert [row.grid_low, row.grid_high] == pytest.approx(span, rel=1e-3)
    assert data["agrees"].tolist() == [True, True, False]
    assert said["efficacy_p_range"] == ".146 to .170"
    assert said["scale_p_benefit"] == ".0419 to .0431"


@given(st.floats(0.3, 2.5), st.floats(0.05, 0.5))
def test_the_p_of_any_wald_fit_lies_within_the_joint_range_of_its_rounded_numbers(ratio, se):
    texts = [f"{x:.2f}" for x in (ratio, ratio * exp(-1.96 * se), ratio * exp(1.96 * se))]
    boxes = [(log(max(float(t) - 0.005, 1e-9)), log(float(t) + 0.005)) for t in texts]
    zs = [2 * 1.959964 * e / (up - low) for e, low, up in tied(*boxes)]
    assert min(zs) - 1e-3 <= log(ratio) / se * 1.0000183 <= max(zs) + 1e-3


def test_profile_limits_beside_a_wald_p_give_all_four_numbers_of_clinical_benefit(said, palmira):
    ratio, p = said["scale_profile"].split(", P = ")
    assert ratio == palmira.interval(CBR).text()
    assert float(p) == pytest.approx(0.0445, abs=2e-4)  # reference: R's glm and confint


def test_the_planned_effect_is_excluded_barely_excluded_and_included(palmira, shown):
    planned = palmira["sample_size.hazard_ratio"].value
    lower = shown["efficacy-three-ways"].data.set_index("reading")["lower"]
    assert lower["conditional"] < planned < lower["neutral"] < planned + 0.02 < lower["printed"]


def test_fits_within_the_theorem_keep_to_the_bound_and_the_others_fall_below(shown):
    ratio = shown["scale-below"].data.set_index("fit")["ratio"]
    assert (ratio.iloc[:2] >= 1).all() and (ratio.iloc[2:] < 1).all()


def test_clusters_scatter_the_rows_and_the_published_ones_do_not(shown):
    data = shown["scale-rivals"].data
    assert set(data["Published"].iloc[:4]) == {"0.010"}
    assert (data["value"].iloc[:4] > 0.03).all() and (data["value"].iloc[1:4] > 0.08).all()
    weights = data[data["Explanation"] == "Unstabilized weights"].iloc[0]
    assert 0.64 < weights["lower"] < weights["upper"] < 0.69


def test_each_look_shows_three_readings_and_what_is_known_of_its_events(shown):
    picture = shown["efficacy-looks"]
    assert picture.data.groupby("analysis")["reading"].nunique().tolist() == [3, 3, 3]
    first = picture.data.query("at_most")
    assert len(first) == 3 and (first["events"] + first["control_events"] == 158).all()
    assert first["se_log"].iloc[1] == pytest.approx(2 / sqrt(158))
    abstract = picture.data.query("analysis == 'ASCO 2023 abstract' and reading == 'neutral'")
    assert abstract["se_log"].item() == pytest.approx(2 / sqrt(155))
    assert "at most 158 events" in picture.alt
    assert "0.77 (0.59 to 1.02)" in picture.alt and "0.8 (0.6 to 1.1)" in picture.alt


def test_what_all_events_tell_adds_up_to_the_events_of_the_group_and_to_the_standard_error(shown):
    picture = shown["scale-events"]
    lung = shown["efficacy-public-data"].data.set_index("model").loc["Lung cancer, by sex"]
    data = picture.data
    assert len(data) == lung["events"] + lung["reference_events"] == 165
    assert data["p"].sum() == pytest.approx(lung["events"], abs=1e-6)
    assert 1 / sqrt(data["information"].sum()) == pytest.approx(lung["se"], rel=1e-9)
    assert lung["se"] >= lung["least_se"]
    assert data["information"].max() <= 0.25
    mean, information = data["p"].mean(), data["information"].mean()
    assert f"{mean:.3f}" in picture.alt and f"{information:.4f}" in picture.alt
    assert f"{mean * (1 - mean):.4f}" in picture.alt
    assert information < mean * (1 - mean) < 0.25


def test_public_data_respect_the_bound_and_stand_beside_the_printed_ratio(shown):
    picture = shown["efficacy-public-data"]
    fits, printed = picture.data.iloc[:-1], picture.data.iloc[-1]
    assert len(fits) == 10 and (fits["ratio"] >= 1).all()
    assert fits.set_index("model").loc["Lung cancer, by sex", "events"] == 53
    assert printed["ratio"] == pytest.approx(0.724, abs=5e-4)
    assert "0.724" in picture.alt and f"{fits['ratio'].max():.3f}" in picture.alt


def test_the_simulated_errors_are_summarized_by_kind(shown, said):
    picture = shown["efficacy-standard-errors"]
    data = picture.data.set_index("kind")
    assert list(data.index) == ["model", "peto", "robust"] and set(data["trials"]) == {4000}
    errors = simulate((136, 62), 158, 0.84, trials=4000, seed=2025)
    least = data.loc["robust", "minimum"]
    assert least == pytest.approx(errors["robust_ratio"].min())
    assert data.loc["model", "minimum"] >= 1
    assert (data["minimum"] <= data["p1"]).all() and (data["p99"] <= data["maximum"]).all()
    assert f"{least:.3f}" in picture.alt and said["efficacy_least_robust"] == f"{least:.2f}"
    assert "lies below them all" in picture.alt


def test_only_the_papers_own_rows_lie_wholly_below_the_bound(shown):
    picture = shown["scale-rows"]
    high = picture.data.dropna(subset="ratio_high").groupby("group", sort=False)["ratio_high"].max()
    assert list(high.index[high < 1]) == ["PALMIRA: PFS, 13 rows", "OS", "PFS, preplanned"]
    assert picture.alt.endswith("Wholly below 1: PALMIRA: PFS, 13 rows, OS and PFS, preplanned.")
    rows = picture.data.groupby("group")["ratio"]
    assert rows.size()["PALMIRA: PFS, 13 rows"] == 13
    assert rows.min()["4,000 simulated trials"] >= 1
    public = shown["efficacy-public-data"].data["ratio"].iloc[:-1]
    assert sorted(rows.get_group("Public data sets, 10 models")) == pytest.approx(sorted(public))


def test_wider_limits_and_more_events_and_another_coding_change_what_rests_on_them(
    palmira, reprinted, rerun, shown
):
    changes = {
        "contrasts__os__hazard_ratio__upper": "2.51",
        "results__pfs__events__palbociclib__count": "136",
    }
    edit = 'low, high = codings["Orthonormal"]', 'low, high = codings["Treatment"]'
    other = rerun("interval-width", reprinted(palmira, **changes), [edit]).shown
    assert other["scale-rows"].alt.endswith("PALMIRA: PFS, 13 rows and PFS, preplanned.")
    before, after = (
        x["efficacy-three-ways"].data.set_index("reading")["se_log"] for x in (shown, other)
    )
    assert after["neutral"] < before["neutral"]
    assert after["printed"] == pytest.approx(before["printed"])
    usual, frame = other["scale-choice"].table, shown["scale-choice"].plain
    assert usual["Reported"].tolist() == usual["Ratio of the groups"].tolist()
    assert usual["P"].tolist() == frame["P"].tolist()


def test_the_common_factor_holds_an_orthonormal_contrast_and_no_effect_coding(found, shown, said):
    picture = shown["scale-factor"]
    data = picture.data.set_index("slip")
    assert data["inside"].sum() == 3 and len(data) == len(SLIPS) + 1
    assert data.loc["Orthonormal contrasts, or doubled rows", "inside"]
    assert data.loc["A base-2 exponential", "inside"]
    assert not data.loc["Effect coding", "inside"] and not data.loc["No slip", "inside"]
    assert data["common_factor"].to_numpy() == pytest.approx(found.factor.value)
    assert f"{found.factor.value:.3f}" in picture.alt
    low, high = map(float, said["scale_levels"].removesuffix("%").split(" to "))
    assert 80 < low < 84 < high < 85


def test_the_forest_of_codings_says_what_each_prints(shown):
    picture = shown["scale-codings"]
    assert list(picture.data["coding"]) == list(CODINGS)
    for row in picture.data.itertuples():
        coded = lung_under(row.coding)
        assert (row.code_reference, row.code) == pytest.approx(coded.coding.codes)
        assert (row.coefficient, row.se, row.p) == pytest.approx(
            (coded.coefficient, coded.se, coded.p), rel=1e-6
        )
        assert f"{row.hazard_ratio:.2f} ({row.lower:.2f} to {row.upper:.2f})" in picture.alt
    assert "P value is the same under all" in picture.alt


def test_a_raw_table_without_covariates_is_returned_as_it_is(palmira):
    raw = comparison(palmira, "cbr")
    plain = adjusted_ratios(palmira, Rates("cbr", ARMS), (), 3, 1)["logistic"]
    assert plain["ratio"].to_numpy() == pytest.approx(raw.odds_ratio.value)
    assert plain["se"].to_numpy() == pytest.approx(raw.odds_ratio_se)
    risk = adjusted_ratios(palmira, Rates("cbr", ARMS), (), 3, 1)["risk"]
    (a, n), (b, m) = ((x.count, x.n) for x in Rates("cbr", ARMS).of(palmira))
    assert risk["ratio"].to_numpy() == pytest.approx(a / n / (b / m))
    assert risk["se"].to_numpy() == pytest.approx(sqrt(1 / a - 1 / n + 1 / b - 1 / m))


def test_no_adjustment_lowers_the_standard_error_of_the_raw_odds_ratio(palmira):
    raw = comparison(palmira, "cbr").odds_ratio_se
    for factors in (STRATA, (*STRATA, "ECOG performance status", "Age")):
        drawn = adjusted_ratios(palmira, Rates("cbr", ARMS), factors, 500, 7)["logistic"]
        assert drawn["se"].min() >= raw * (1 - 1e-9)


def test_drawn_trials_keep_the_printed_levels_of_each_factor(palmira):
    assert levels(palmira, STRATA, ARMS) == [[58, 120], [25, 52]]


def test_printed_p_values_go_with_95_percent_intervals_and_with_no_lower_level(palmira):
    assert [holds_p(palmira, c, 95) for c in (PFS, PREPLANNED, CBR)] == [True, True, False]
    for cell in (PFS, PREPLANNED, CBR):
        assert not any(holds_p(palmira, cell, level) for level in (81, 84, 85))
    low, high = p_span(palmira, PFS, 84)
    assert 0.149 < low < 0.3 < high


def test_the_abstract_goes_with_an_ordinary_scale_if_its_p_is_the_models_own(palmira):
    assert abstract_agrees(palmira, EXPLANATIONS["robust"])  # an ordinary standard error
    for name in ("contrast", "base2", "doubled", "level", "one_sided"):
        assert not abstract_agrees(palmira, EXPLANATIONS[name])
        assert abstract_agrees(palmira, EXPLANATIONS[name], own_p=False)


def test_every_explanation_is_judged_by_every_piece_of_evidence_with_a_reason(fit):
    assert set(fit) == {(e, v) for e in EXPLANATIONS for v in EVIDENCE}
    assert {j.fit for j in fit.values()} == set(FITS)
    assert all(len(j.reason) > 20 and j.reason.endswith(".") for j in fit.values())


def test_width_leaves_one_factor_doubled_rows_and_a_lower_level(fit, found):
    fits = {e for e in EXPLANATIONS if fit[e, "width"].fit == "fits"}
    assert fits == {"contrast", "base2", "doubled", "level", "one_sided"}
    assert f"{found.factor.value:.3f}" in fit["contrast", "width"].reason
    assert found.widest_ratio < found.robust_floor


def test_each_rival_fails_where_the_chapter_says(fit):
    assert fit["one_sided", "p"].fit == "does not fit" and "1 of 3" in fit["one_sided", "p"].reason
    assert fit["means", "survival"].fit == "does not fit"
    assert fit["means", "p"].fit == "in part" and ".102 (.068" in fit["means", "p"].reason
    assert fit["cluster", "width"].fit == "does not fit"
    assert fit["weights", "width"].fit == "in part"
    for evidence in ("width", "survival", "p", "place", "cbr_width", "abstract"):
        assert fit["base2", evidence].fit == fit["contrast", evidence].fit


def test_all_numbers_of_clinical_benefit_come_out_a_third_as_often_with_base_2(found):
    drawn = found.draws["logistic", "strata"]
    one, other = (reports_all(drawn, found.record, EXPLANATIONS[x]) for x in ("contrast", "base2"))
    assert 0.004 < one < 0.011 and 0.15 < other / one < 0.6


def test_the_drawn_profile_limits_are_those_of_the_likelihood(palmira):
    raw = adjusted_ratios(palmira, Rates("cbr", ARMS), (), 2, 1)["logistic"].iloc[0]
    assert [raw["lower"], raw["upper"]] == pytest.approx([0.267087, 0.993220], abs=1e-6)


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
    assert palmira.interval(CBR).se_range[1] < found.benefit.odds_ratio_se


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
    with pytest.raises(TypeError, match="no number"):
        _ = Record(palmira.sheet, broken).interval(PFS).prints


def test_the_tables_of_explanations_show_every_judgement(found, shown):
    judgements = judge(found)
    table = shown["scale-explanations"]
    assert table.plain["Explanation"].tolist() == [e.label for e in EXPLANATIONS.values()]
    assert len(table.data) == len(judgements)
    labels = {e.label: key for key, e in EXPLANATIONS.items()}
    topics = {words: key for key, words in EVIDENCE.items()}
    fits = {"Fits": "fits", "Fits if more holds": "in part", "Does not fit": "does not fit"}
    told = {
        (labels[row["Explanation"]], topics[x], fit)
        for _, row in table.plain.iterrows()
        for column, fit in fits.items()
        for x in row[column].split("; ")
        if x != "–"
    }
    assert told == {(j.explanation, j.evidence, j.fit) for j in judgements if j.fit != "silent"}
    assert set(table.data["Reason"]) == set(shown["scale-reasons"].plain["Reason"])
    assert "not to be counted" in table.element.find_next(class_="exhibit-note").get_text()


def test_what_the_chosen_coding_prints_undoes_the_full_scale(shown):
    table, data = shown["scale-choice"].plain, shown["scale-choice"].data
    assert table["Reported"].iloc[1] == "0.84 (0.66 to 1.07)"
    assert data["divisor"].to_numpy() == pytest.approx(sqrt(2))
    assert (data["log_ratio_se"] / data["se"]).to_numpy() == pytest.approx(sqrt(2))


def test_the_main_ratios_stand_in_three_readings(palmira, shown):
    table = shown["scale-readings"].plain.set_index("Ratio")
    assert table.loc["PFS, final", ["As published", "Narrowest possible", "Rescaled"]].tolist() == [
        "0.84 (0.66 to 1.07)",
        "0.84 (0.60 to 1.17)",
        "0.78 (0.56 to 1.10)",
    ]
    assert table.loc["Clinical benefit, odds ratio", "As published"] == "0.62 (0.38 to 0.98)"
    data = shown["scale-readings"].data.query("reading == 'neutral'").set_index("ratio")
    raw = comparison(palmira, "cbr").odds_ratio_se
    assert data.loc["Clinical benefit, odds ratio", "se_log"] == pytest.approx(raw)


def test_the_chapters_sentences_accuse_nobody():
    words = ("fraud", "misconduct", "integrity", "manipulat", "dishonest", "blame", "sloppy")
    for name in ("consistency", "interval-width"):
        text = (Path(__file__).parents[1] / "notebooks" / f"{name}.md").read_text().lower()
        assert not [w for w in words if w in text]
