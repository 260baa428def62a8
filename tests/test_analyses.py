"""One comparison in ten ways, medians and limits, hazards over time: against other people's
numbers, against each other, and as the chapters show them."""

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter, datasets
from lifelines.utils import restricted_mean_survival_time

from palmira.readings.spread import spreads
from palmira.record import DATA
from palmira.statistics.restricted_mean import restricted_mean
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival import cox, log_rank
from palmira.statistics.survival_curves import kaplan_meier
from palmira.twin.adam.store import read
from palmira.twin.verify.median_rules import RULES, median_days
from palmira.twin.verify.recompute import verify

TWINS = ("neutral", "full")
ADJUSTED, CONTRAST = "Cox, adjusted", "Cox, adjusted, orthonormal contrast"


@pytest.fixture(scope="module")
def lung():
    frame = datasets.load_lung().dropna(subset=["ph.ecog"])
    return frame.assign(event=frame["status"].astype(float), group=frame["sex"])


@pytest.fixture(scope="module")
def ten(shown):
    return shown["ten-analyses-table"].data.set_index(["twin", "analysis"])


def test_the_log_rank_test_of_lung_by_sex_is_that_of_r():
    lung = datasets.load_lung()
    lung["event"] = lung["status"].astype(float)
    chi_square, p = log_rank(lung, "time", "event", "sex")
    assert chi_square == pytest.approx(10.326741954886, rel=1e-10)
    assert p == pytest.approx(0.00131, abs=5e-6)


def test_one_stratum_changes_nothing_and_a_test_adds_up_over_strata(lung):
    plain = log_rank(lung, "time", "event", "group")
    assert log_rank(lung.assign(s=1), "time", "event", "group", "s") == pytest.approx(plain)
    one, other = (lung[lung["ph.ecog"] == e] for e in (0, 1))
    both = pd.concat([one, other])
    apart = [log_rank(x, "time", "event", "group")[0] for x in (one, other)]
    stratified_chi = log_rank(both, "time", "event", "group", "ph.ecog")[0]
    assert 0 < stratified_chi <= sum(apart)
    assert stratified_chi != pytest.approx(log_rank(both, "time", "event", "group")[0], rel=1e-3)


def test_a_stratified_cox_model_has_a_baseline_for_each_stratum(lung):
    frame = lung[lung["ph.ecog"] < 3]
    efron = cox(frame, "time", "event", ["sex"], "efron", "ph.ecog")
    breslow = cox(frame, "time", "event", ["sex"], "breslow", "ph.ecog")
    assert efron.log_hazard_ratio["sex"] == pytest.approx(breslow.log_hazard_ratio["sex"], abs=5e-3)
    assert efron.se["sex"] == pytest.approx(breslow.se["sex"], abs=5e-3)
    scaled = frame.assign(time=frame["time"] * (1 + 9 * (frame["ph.ecog"] == 1)))
    again = cox(scaled, "time", "event", ["sex"], "efron", "ph.ecog")
    # Another clock in one stratum leaves the order of its events, and so the estimate, as it was.
    assert again.log_hazard_ratio["sex"] == pytest.approx(efron.log_hazard_ratio["sex"], abs=1e-9)
    with pytest.raises(ValueError, match="lacks"):
        cox(frame, "time", "event", ["sex"], "efron", "nothing")
    with pytest.raises(ValueError, match="lacks"):
        log_rank(frame, "time", "event", "sex", "nothing")


def test_medians_of_lung_with_log_log_limits_are_those_of_r():
    lung = datasets.load_lung()
    wanted = ((270, 210, 306), (426, 345, 524))
    for (_, mine), days in zip(lung.groupby("sex"), wanted, strict=True):
        curve = kaplan_meier(mine["time"], mine["status"] == 1)
        assert median_days(curve, "first") == days


def test_with_four_events_the_two_rules_for_the_median_give_2_and_2_and_a_half():
    curve = kaplan_meier(pd.Series([1.0, 2, 3, 4]), pd.Series([True] * 4))
    assert median_days(curve, "first")[0] == 2.0
    assert median_days(curve, "midpoint")[0] == 2.5
    odd = kaplan_meier(pd.Series([1.0, 2, 3]), pd.Series([True] * 3))
    assert {median_days(odd, rule)[0] for rule in RULES} == {2.0}
    never = kaplan_meier(pd.Series([1.0, 2, 3]), pd.Series([True, False, False]))
    assert np.isinf(median_days(never, "midpoint")[0])
    with pytest.raises(ValueError, match="unknown rule"):
        median_days(curve, "last")


@pytest.mark.parametrize("until", [100, 300, 700])
def test_the_restricted_mean_is_the_area_under_lifelines_curve(lung, until):
    curve = KaplanMeierFitter().fit(lung["time"], lung["event"])
    assert restricted_mean(curve, until)[0] == pytest.approx(
        restricted_mean_survival_time(curve, t=until)
    )


def test_without_censoring_the_restricted_mean_has_the_error_of_a_plain_mean():
    time = np.ceil(np.random.default_rng(3).exponential(200, 80))
    mean, se = restricted_mean(KaplanMeierFitter().fit(time, np.ones(80)), 180)
    cut = np.minimum(time, 180)
    assert mean == pytest.approx(cut.mean())
    assert se == pytest.approx(cut.std() / np.sqrt(80))


def test_a_restricted_mean_beyond_the_last_patient_is_refused():
    curve = KaplanMeierFitter().fit([30, 60], [1, 0])
    with pytest.raises(ValueError, match="ends before 365"):
        restricted_mean(curve, 365)


@pytest.mark.site
def test_ten_analyses_of_each_twin_agree_where_theory_says_so(ten):
    for twin in TWINS:
        rows = ten.loc[twin]
        assert len(rows) == 10
        assert rows.loc[CONTRAST, "z"] == pytest.approx(rows.loc[ADJUSTED, "z"], abs=1e-6)
        square = rows.loc[CONTRAST, "effect"] ** np.sqrt(2)
        assert square == pytest.approx(rows.loc[ADJUSTED, "effect"], abs=1e-6)
        # The log-rank test is the score test of the Cox model: near its Wald test.
        assert rows.loc["Log-rank", "z"] == pytest.approx(rows.loc["Cox, arm alone", "z"], abs=0.1)
        stratified = rows.loc["Cox, stratified", "z"]
        assert rows.loc["Log-rank, stratified", "z"] == pytest.approx(stratified, abs=0.1)
        assert rows["p"].between(0, 1, inclusive="right").all()


@pytest.mark.site
def test_the_chapters_analyses_are_those_of_the_independent_check(ten, shown, palmira):
    for twin in TWINS:
        rows = verify(read(DATA / "twin" / twin), palmira, twin, ("Hazard ratios", "Landmarks"))
        wanted = rows.set_index("id")
        cell = "contrasts.pfs.difference_6"
        six = ten.loc[(twin, "Rates at 6 months")]
        assert six["effect"] == pytest.approx(wanted.loc[f"{cell}.estimate", "recomputed"])
        assert six["lower"] == pytest.approx(wanted.loc[f"{cell}.lower", "recomputed"])
        adjusted = ten.loc[(twin, ADJUSTED)]
        for part, column in (("estimate", "effect"), ("upper", "upper")):
            ordinary = wanted.loc[f"contrasts.pfs.hazard_ratio.{part}", "ordinary"]
            assert adjusted[column] == pytest.approx(ordinary, abs=1e-6)
        marks = shown["ten-landmarks"].data.query("twin == @twin").set_index("month")
        assert marks.loc[6, "difference"] == pytest.approx(six["effect"])


@pytest.mark.site
def test_the_z_of_every_analysis_is_drawn_beside_the_printed_ones(shown, ten, palmira):
    data = shown["ten-analyses-z"].data
    assert data.groupby("twin").size().to_dict() == {"neutral": 10, "full": 10, "printed": 3}
    assert set(data.loc[data["twin"] != "printed", "evidence"]) == {"synthetic"}
    assert set(data.loc[data["twin"] == "printed", "evidence"]) == {"published"}
    printed = data.query("twin == 'printed'").set_index("analysis")
    assert printed.loc[ADJUSTED, "p"] == pytest.approx(
        palmira["contrasts.pfs.hazard_ratio.p"].value, abs=0.02
    )
    assert (printed["z"] > 0).all()
    both = data.query("twin != 'printed'").set_index(["twin", "analysis"])["z"]
    assert both.sort_index().to_numpy() == pytest.approx(ten["z"].sort_index().to_numpy())


@pytest.mark.site
def test_limits_of_five_kinds_share_their_estimates_and_hold_them(shown):
    data = shown["ten-limits"].data
    assert data.groupby("limits").size().to_dict() == dict.fromkeys(data["limits"].unique(), 4)
    assert data["limits"].nunique() == 5
    estimates = data.groupby(["twin", "arm"])[["median", "rate_6"]]
    assert (estimates.max() - estimates.min()).abs().max(axis=None) < 1e-9
    assert (data["lower"] < data["rate_6"]).all() and (data["rate_6"] < data["upper"]).all()
    assert data[["lower", "upper"]].map(lambda x: 0 <= x <= 1).all(axis=None)


@pytest.mark.site
def test_the_log_log_limits_are_lifelines_own(shown):
    data = shown["ten-limits"].data.query("limits == 'log-log'").set_index(["twin", "arm"])
    numbers = shown["ten-curve-numbers"].data.set_index(["twin", "quantity", "arm"])
    for twin, arm in data.index:
        row = data.loc[(twin, arm)]
        six = numbers.loc[(twin, "6-month rate, %", arm)]
        assert [row["lower"], row["upper"]] == pytest.approx([six["lower"], six["upper"]])
        median = numbers.loc[(twin, "Median, months", arm)]
        assert row[["median", "median_lower", "median_upper"]].tolist() == pytest.approx(
            median[["value", "lower", "upper"]].tolist()
        )


@pytest.mark.site
def test_medians_that_depend_on_the_rule_are_listed_and_the_data_hold_all(shown, said, palmira):
    exhibit = shown["ten-median-rules"]
    assert len(exhibit.data) == 4 * len(palmira.block("figure3").rows)
    assert len(exhibit.table) == exhibit.data["differs"].sum() == int(said["ten_rules"])
    later = exhibit.data["midpoint"] - exhibit.data["first"]
    assert (later.dropna() >= -1e-9).all()


@pytest.mark.site
@pytest.mark.parametrize("twin", TWINS)
def test_the_curves_of_a_twin_account_for_every_patient_at_every_month(shown, palmira, twin):
    name = {"neutral": "ten-curve-neutral", "full": "ten-curve-conditional"}[twin]
    data = shown[name].data
    counts = data[data["count"].notna()]
    totals = counts.groupby(["arm", "month"])["count"].sum()
    sizes = {"Palbociclib + ET": "palbociclib", "ET alone": "et"}
    for arm, key in sizes.items():
        assert (totals[arm] == palmira.size("randomized", key).value).all()
    limits = data[data["what"] == "curve"]
    assert limits["lower"].notna().any() and limits["upper"].notna().any()  # never a band alone
    assert {"range over twins", "at_risk", "events", "censored"} <= set(data["what"])
    alt = shown[name].alt
    assert "over twins" in alt and "sampling" in alt and "invented patients" in alt


@pytest.mark.site
def test_what_needs_patients_is_called_synthetic_on_both_twins(shown):
    for exhibit in shown.values():
        if exhibit.page in ("ten-analyses", "proportional-hazards"):
            assert exhibit.evidence == "synthetic", exhibit.name
            words = (exhibit.caption + exhibit.alt + exhibit.element.get_text()).lower()
            assert "twin" in words, exhibit.name


@pytest.mark.site
def test_residuals_lie_about_the_coefficient_and_every_event_has_one(shown, ten):
    data = shown["ph-residuals"].data
    for twin, mine in data.groupby("twin"):
        patients = read(DATA / "twin" / twin)["adtte"].query("PARAMCD == 'PFS'")
        assert len(mine) == (patients["CNSR"] == 0).sum()
        beta = np.log(ten.loc[(twin, "Cox, arm alone"), "effect"])
        assert mine["log_ratio"].mean() == pytest.approx(beta, abs=1e-6)
        assert mine["month"].is_monotonic_increasing


@pytest.mark.site
def test_the_tests_of_proportional_hazards_are_near_those_of_r(shown):
    p = shown["ph-tests"].data.set_index(["time", "twin"])["p"]
    # cox.zph of R survival; lifelines has the older approximation.
    for (time, twin), value in {
        ("km", "full"): 0.783,
        ("km", "neutral"): 0.515,
        ("identity", "full"): 0.563,
        ("identity", "neutral"): 0.315,
    }.items():
        assert p[time, twin] == pytest.approx(value, abs=0.05)
    assert len(p) == 8 and p.between(0, 1).all()


@pytest.mark.site
def test_each_event_falls_into_one_period_and_the_first_is_the_shorter_follow_up(shown):
    periods = shown["ph-periods"].data.set_index(["twin", "period"])
    follow_up = shown["ph-follow-up"].data.set_index(["twin", "month"])
    for twin in TWINS:
        first, second = (periods.loc[(twin, f"{p} months")] for p in ("0 to 6", "6 to 12"))
        events = [int(x["events_experimental"] + x["events_control"]) for x in (first, second)]
        assert events[0] == follow_up.loc[(twin, 6), "events"]
        assert sum(events) == follow_up.loc[(twin, 12), "events"]
        assert first["hazard_ratio"] == pytest.approx(follow_up.loc[(twin, 6), "ratio"])
        whole = follow_up.loc[(twin, 12), "ratio"]
        assert first["hazard_ratio"] < whole < second["hazard_ratio"]


@pytest.mark.site
def test_restricted_means_lie_in_the_range_of_their_ensemble(shown, ten):
    data = shown["ph-restricted-means"].data
    assert (data["twins_low"] <= data["difference"] + 1e-9).all()
    assert (data["difference"] <= data["twins_high"] + 1e-9).all()
    for row in data.itertuples():
        same = ten.loc[(row.twin, f"Restricted means to {row.months} months"), "effect"]
        assert row.difference == pytest.approx(same)


@pytest.mark.site
def test_no_range_over_twins_is_wider_than_its_directed_search(shown):
    for name in ("ph-restricted-means", "ph-periods"):
        data = shown[name].data.dropna(subset=["pushed_low", "pushed_high"])
        assert len(data)
        assert (data["pushed_low"] <= data["twins_low"] + 1e-9).all()
        assert (data["twins_high"] <= data["pushed_high"] + 1e-9).all()
    assert set(spreads()) == set(TWINS)


def test_a_month_is_the_same_everywhere():
    assert pytest.approx(365.25 / 12) == DAYS_PER_MONTH
