"""Response rates, the odds ratio for clinical benefit, overall survival: on their page."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.api import GLM, families

from palmira.readings.response import ARMS, OUTCOMES, comparison, response_rate
from palmira.record import DATA
from palmira.statistics.proportions import odds_ratio, risk_ratio
from palmira.twin.adam.store import read
from palmira.twin.verify.recompute import verify

COUNTS = {"orr": (6, 1), "orr_measurable": (6, 1), "cbr": (57, 17)}


@pytest.fixture(scope="module")
def counts(shown):
    return shown["response-survival-counts"].data.set_index(["outcome", "arm"])


@pytest.fixture(scope="module")
def compared(shown):
    return shown["response-survival-differences"].data.set_index("outcome")


def test_every_printed_rate_is_that_of_one_count_with_its_exact_interval(counts):
    assert len(counts) == len(OUTCOMES) * len(ARMS)
    for exact, printed in (
        ("recomputed", "printed"),
        ("lower", "printed_lower"),
        ("upper", "printed_upper"),
    ):
        assert ((counts[exact] - counts[printed]).abs() <= 0.05 + 1e-9).all()


@pytest.mark.parametrize("outcome", list(OUTCOMES))
def test_the_counts_behind_the_rates(palmira, counts, outcome):
    found = [response_rate(palmira, outcome, arm) for arm in ARMS]
    assert tuple(rate.count for rate in found) == COUNTS[outcome]
    page = counts.loc[OUTCOMES[outcome]].loc[list(ARMS)]
    assert list(page["count"]) == list(COUNTS[outcome])
    assert list(page["n"]) == [rate.n for rate in found]
    for part in ("lower", "upper"):
        assert list(page[part]) == pytest.approx([getattr(rate.exact, part) for rate in found])


def test_responders_with_measurable_disease_are_responders(counts):
    for arm in ARMS:
        measurable, all_ = (counts.loc[(OUTCOMES[o], arm)] for o in ("orr_measurable", "orr"))
        assert measurable["count"] <= all_["count"] and measurable["n"] <= all_["n"]


def test_a_rate_that_no_count_prints_as_is_refused(palmira, reprinted, rerun):
    wrong = reprinted(palmira, results__orr__et__estimate="1.1")
    with pytest.raises(ValueError, match="no count"):
        response_rate(wrong, "orr", "et")
    with pytest.raises(ValueError, match="unpack"):
        rerun("response-survival", wrong)


def test_the_arms_are_compared_in_the_direction_of_the_printed_odds_ratio(palmira, compared):
    c, page = comparison(palmira, "cbr"), compared.loc["Clinical benefit"]
    assert page["difference"] == pytest.approx(100 * (57 / 136 - 17 / 62))
    assert page["odds_ratio"] == pytest.approx((17 / 45) / (57 / 79))
    assert page["odds_ratio"] < 1 < 1 / page["odds_ratio"]
    assert page["difference_lower"] < 0 < page["difference_upper"]
    # statsmodels' table and the package's arithmetic agree.
    columns = ["difference_lower", "difference_upper", "odds_ratio_lower", "odds_ratio_upper"]
    limits = [c.difference.lower, c.difference.upper, c.odds_ratio.lower, c.odds_ratio.upper]
    assert list(page[columns]) == pytest.approx(limits)
    assert list(page[["se_log_odds_ratio", "wald_p"]]) == pytest.approx([c.odds_ratio_se, c.p])
    koopman = risk_ratio(17, 62, 57, 136)
    assert list(page[["risk_ratio", "risk_ratio_lower", "risk_ratio_upper"]]) == pytest.approx(
        [koopman.value, koopman.lower, koopman.upper], rel=1e-4
    )


def test_the_printed_odds_ratio_is_narrower_than_the_raw_table_allows(shown, said, palmira):
    picture = shown["response-survival-odds-ratio"]
    assert list(picture.data["reading"]) == ["printed", "raw"]
    printed, raw = (row for _, row in picture.data.iterrows())
    assert float(said["response_survival_se"]) < float(said["response_survival_raw_se"])
    assert printed["se_log"] < raw["se_log"] < printed["se_log"] * np.sqrt(2)
    assert printed["odds_ratio"] == palmira["contrasts.cbr.odds_ratio.estimate"].value
    assert np.log(printed["least_upper"] / printed["odds_ratio"]) == pytest.approx(
        1.959964 * raw["se_log"], rel=1e-6
    )
    for text in ("0.62 (0.38 to 0.98)", "0.52 (0.27 to 1.01)", "0.32 to 1.19"):
        assert text in picture.alt


@settings(max_examples=50)
@given(st.lists(st.tuples(*[st.integers(0, 1)] * 3), min_size=30, max_size=80))
def test_no_adjusted_logistic_model_reports_a_smaller_standard_error_than_woolf(patients):
    arm, factor, response = (list(column) for column in zip(*patients, strict=True))
    cells = [(a, f, r) for a in (0, 1) for f in (0, 1) for r in (0, 1)]
    assume(all(patients.count(cell) >= 1 for cell in cells))
    design = [[1, a, f] for a, f in zip(arm, factor, strict=True)]
    fit = GLM(response, design, family=families.Binomial()).fit(tol=1e-12)
    n, cases = sum(arm), sum(a * r for a, r in zip(arm, response, strict=True))
    _, woolf, _ = odds_ratio(cases, n, sum(response) - cases, len(arm) - n)
    assert fit.bse[1] >= woolf * (1 - 1e-8)


def test_the_picture_of_the_rates_holds_counts_and_intervals(palmira, reprinted, rerun, shown):
    picture = shown["response-survival-rates"]
    assert len(picture.data) == len(OUTCOMES) * len(ARMS)
    for text in ("6 of 136 (4.4%)", "1 of 62 (1.6%)", "57 of 136 (41.9%)", "17 of 62 (27.4%)"):
        assert text in picture.alt
    changes = {
        "results__cbr__et__estimate": "40.3",
        "results__follow_up__total__median": "30.0",
    }
    other = rerun("response-survival", reprinted(palmira, **changes)).shown
    assert "25 of 62 (40.3%)" in other["response-survival-rates"].alt
    assert not np.allclose(
        other["response-survival-rates"].data["percent"], picture.data["percent"]
    )
    assert "Not both medians lie beyond" in other["response-survival-os"].alt


def test_the_picture_of_survival_shows_medians_and_follow_up(shown):
    picture = shown["response-survival-os"]
    assert "28.3 (20.9 to 36.2)" in picture.alt and "28.8 (19.5 to 35.4)" in picture.alt
    assert "Both medians lie beyond the median follow-up of 13.2" in picture.alt


def test_the_tables_hold_printed_and_recomputed_rates(shown):
    tables = {}
    for name in ("counts", "differences"):
        table = shown[f"response-survival-{name}"].table.replace("\u00a0", " ", regex=True)
        tables[name] = table.set_axis(table.columns.str.replace("\u00a0", " "), axis=1)
    assert "2.3 (0.1 to 12)" in set(tables["counts"]["Published, % (95% CI)"])
    assert "2.3 (0.1 to 12.0)" in set(tables["counts"]["Recomputed, % (95% CI)"])
    compared = tables["differences"].set_index("Outcome")
    assert compared.loc["Clinical benefit", "Odds ratio (95% CI)"] == "0.52 (0.27 to 1.01)"


def test_the_significance_of_clinical_benefit_depends_on_the_test(shown, said):
    """The values of R: Woolf, chisq.test, fisher.test, and a glm with its profile interval."""
    tests = shown["response-survival-tests"].data.set_index("test")
    expected = {"Wald": 0.052, "Pearson": 0.051, "Fisher": 0.058, "Likelihood": 0.048}
    for name, p in expected.items():
        assert tests.loc[tests.index.str.startswith(name), "p"].item() == pytest.approx(p, abs=5e-4)
    limits = tests.loc[tests.index.str.startswith("Likelihood"), ["lower", "upper"]].iloc[0]
    assert list(limits) == pytest.approx([0.267, 0.993], abs=5e-4)
    assert said["response_survival_profile"] == "0.267 to 0.993"
    below, above = tests[tests["p"] < 0.05], tests[tests["p"] >= 0.05]
    assert (below["upper"] < 1).all() and (above["upper"] > 1).all() and len(above) == 3


def test_the_p_value_of_a_wald_fit_moves_with_estimate_and_limits(said, palmira):
    low, high = (float(said[f"response_survival_p_{end}"]) for end in ("low", "high"))
    assert (low, high) == pytest.approx((0.0419, 0.0431), abs=1e-9)
    published = palmira["contrasts.cbr.odds_ratio.p"].printed
    assert high < float(published.low)


def test_the_follow_up_by_reverse_kaplan_meier_is_longer_and_short_of_the_medians(said, palmira):
    observed, reverse = (float(said[f"response_survival_{x}"]) for x in ("observed", "reverse"))
    published = palmira["results.follow_up.total.median"].value
    assert observed == pytest.approx(published, abs=0.6)
    assert published < 18.5 <= reverse <= 20.5
    assert reverse < palmira["results.os.median.palbociclib.estimate"].value


def test_reverse_kaplan_meier_is_the_median_of_the_time_to_censoring(said):
    adtte = pd.read_csv(DATA / "twin" / "neutral" / "adtte.csv").query("PARAMCD == 'OS'")
    left, months = 1.0, adtte["AVAL"] / (365.25 / 12)
    for month in sorted(set(months)):
        censored = ((months == month) & (adtte["CNSR"] == 1)).sum()
        left *= 1 - censored / (months >= month).sum()
        if left <= 0.5:
            break
    assert float(said["response_survival_reverse"]) == pytest.approx(month, abs=0.051)


@pytest.mark.parametrize("scale", ["neutral"])
def test_the_model_of_synthetic_survival_is_that_of_the_independent_check(palmira, shown, scale):
    cell = "contrasts.os.hazard_ratio"
    checked = verify(read(DATA / "twin" / scale), palmira, scale, (cell,)).set_index("id")
    data = shown["response-survival-clocks"].data
    mine = data[(data["endpoint"] == "Overall survival") & (data["who"] == "All patients")]
    found = checked.loc[[f"{cell}.{part}" for part in ("estimate", "lower", "upper")], "ordinary"]
    assert list(mine[["hazard_ratio", "lower", "upper"]].iloc[0]) == pytest.approx(
        list(found), rel=1e-5
    )


def test_overall_survival_accounts_for_every_patient_in_every_column(shown, palmira):
    picture = shown["response-survival-curve"]
    totals = picture.data.dropna(subset=["count"]).groupby(["arm", "month"])["count"].sum()
    for arm in ARMS:
        n = palmira.size("randomized", arm).value
        assert (totals[palmira.sheet.arms[arm].label] == n).all()
    assert "sampling" in picture.alt and "over twins" not in picture.alt
    assert picture.evidence == "synthetic" and "Synthetic patients" in picture.alt


def test_the_time_origins_count_patients_and_events(shown):
    data = shown["response-survival-clocks"].data
    whole = data[data["who"] == "All patients"].set_index("endpoint")
    some = data[data["who"] != "All patients"].set_index("endpoint")
    assert (whole["patients"] > some["patients"]).all()
    assert (whole["events"] >= some["events"]).all()


def test_a_shift_of_progression_in_one_arm_moves_the_hazard_ratio_one_way(shown, said):
    data = shown["response-survival-tipping"].data.set_index("weeks")
    assert list(data.index) == list(range(-8, 9))
    steps = data["hazard_ratio"].diff().dropna()
    assert (steps < 0.02).all() and data["hazard_ratio"].iloc[-1] < data["hazard_ratio"].iloc[0]
    unmoved = shown["response-survival-clocks"].data.iloc[0]
    assert data.loc[0, "hazard_ratio"] == pytest.approx(unmoved["hazard_ratio"], rel=1e-6)
    later, earlier = (
        int(said[f"response_survival_tip_{x}"].split()[0]) for x in ("later", "earlier")
    )
    assert 0 < later < 8 and 0 < earlier < 8
    assert data.loc[later, "upper"] < 1 <= data.loc[later - 1, "upper"]
    assert data.loc[-earlier, "hazard_ratio"] > 1 >= data.loc[1 - earlier, "hazard_ratio"]


def test_early_censoring_is_bounded_by_published_counts(said, shown):
    assert said["response_survival_early"] == "5 and 3"
    worst, best = (float(said[f"response_survival_{x}"].split()[0]) for x in ("worst", "best"))
    assert best < shown["response-survival-clocks"].data["hazard_ratio"].iloc[0] < worst


def test_a_reader_finds_the_fitted_curves_at_hand(rerun):
    """Cumulative incidence in place of survival, by lifelines' own method."""
    title = "## Time origins\n"
    cell = (
        "```{code-cell} ipython3\n"
        "from palmira.show import show\n"
        "axis = curves['ET alone'].plot_cumulative_density()\n"
        "x, y = axis.lines[0].get_data()\n"
        "show(axis.figure, name='incidence', alt='a', caption='', evidence='synthetic',\n"
        "     data=pd.DataFrame({'month': x, 'share': y}))\n"
        "```\n\n"
    )
    added = rerun("response-survival", edits=[(title, cell + title)]).shown["incidence"].data
    assert isinstance(added, pd.DataFrame)
    assert added["share"].iloc[0] == 0 and added["share"].is_monotonic_increasing
    assert 0.5 < added["share"].iloc[-1] < 1
