"""One comparison in ten ways, limits and medians, hazards over time: against other people's
numbers, against each other, and as the chapters show them."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter, datasets

from palmira.figures import analyses as figures
from palmira.figures import response as response_figures
from palmira.figures import subgroups as subgroup_figures
from palmira.figures.twin import cox_result, overall_survival
from palmira.record import DATA
from palmira.schedule import DAYS_PER_MONTH
from palmira.survival import cox, log_rank
from palmira.tables import analyses as tables
from palmira.tables import response as response_tables
from palmira.tables import subgroups as subgroup_tables
from palmira.tables.estimands import estimands
from palmira.twin import limits, proportionality
from palmira.twin.arm_comparisons import landmark, stratified, ten
from palmira.twin.curves import joined, of_arm, times
from palmira.twin.spread import spreads
from palmira.twin.store import read
from palmira.twin.verify import verify
from palmira.twin.verify_survival import kaplan_meier

ROOT = Path(__file__).parents[1]
ARMS = ("palbociclib", "et")


@pytest.fixture(scope="module")
def lung():
    frame = datasets.load_lung().dropna(subset=["ph.ecog"])
    return frame.assign(event=frame["status"].astype(float), group=frame["sex"])


@pytest.fixture(scope="module")
def frames():
    return {scale: read(DATA / "twin" / scale) for scale in figures.ORDER}


@pytest.fixture(scope="module")
def patients(frames, palmira):
    return {scale: stratified(data, palmira) for scale, data in frames.items()}


@pytest.fixture(scope="module")
def ensemble(patients, palmira):
    return {s: joined(spread, patients[s], palmira) for s, spread in spreads().items()}


@pytest.fixture(scope="module")
def found(patients):
    return {s: ten(p, *ARMS) for s, p in patients.items()}


@pytest.fixture(scope="module")
def verified(frames, palmira):
    groups = ("Hazard ratios", "Interactions", "Landmarks")
    return {s: verify(f, palmira, s, groups) for s, f in frames.items()}


def invented(seed=3, n=(60, 40)):
    """Patients of a trial with two factors, one that matters."""
    rng = np.random.default_rng(seed)
    parts = []
    for arm, size in zip(ARMS, n, strict=True):
        bad = rng.random(size) < 0.5
        time = rng.exponential(np.where(bad, 90, 250) * (1.3 if arm == ARMS[0] else 1.0))
        last = rng.uniform(400, 800, size)
        parts.append(
            pd.DataFrame({"arm": arm, "time": np.ceil(np.minimum(time, last)), "event": time < last,
                          "STRAT1R": np.where(rng.random(size) < 0.8, "A", "B"),
                          "STRAT2R": np.where(bad, "Yes", "No"), "treated": True})
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


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
        again = limits.limited(curve, "log-log")
        inside = curve.survival > 0
        assert again.lower[inside] == pytest.approx(curve.lower[inside])
        assert again.upper[inside] == pytest.approx(curve.upper[inside])
        assert limits.median_days(again, "first") == days


@pytest.mark.parametrize("kind", limits.LIMITS)
def test_limits_of_every_kind_hold_the_curve_and_stay_between_0_and_1(kind):
    curve = limits.limited(of_arm(invented(), "et"), kind)
    inside = ~np.isnan(curve.lower)
    s, low, up = (x[inside] for x in (curve.survival, curve.lower, curve.upper))
    assert (low >= 0).all() and (up <= 1).all()
    assert (low <= s + 1e-12).all() and (s <= up + 1e-12).all()
    assert curve.lower[0] == curve.upper[0] == 1


def test_plain_limits_are_greenwoods():
    frame = invented()
    curve = limits.limited(of_arm(frame, "et"), "plain")
    day = 150.0
    half = (curve.at(day, "upper") - curve.at(day, "lower")) / 2
    assert half == pytest.approx(1.959964 * curve.se(day), rel=1e-6)


def test_with_four_events_the_two_rules_for_the_median_give_2_and_2_and_a_half():
    curve = kaplan_meier(pd.Series([1.0, 2, 3, 4]), pd.Series([True] * 4))
    assert limits.median_days(curve, "first")[0] == 2.0
    assert limits.median_days(curve, "midpoint")[0] == 2.5
    odd = kaplan_meier(pd.Series([1.0, 2, 3]), pd.Series([True] * 3))
    assert {limits.median_days(odd, rule)[0] for rule in limits.RULES} == {2.0}
    never = kaplan_meier(pd.Series([1.0, 2, 3]), pd.Series([True, False, False]))
    assert np.isinf(limits.median_days(never, "midpoint")[0])
    with pytest.raises(ValueError, match="unknown rule"):
        limits.median_days(curve, "last")


def test_ten_analyses_agree_where_theory_says_so():
    frame = invented()
    by_label = {c.label: c for c in ten(frame, *ARMS)}
    assert len(by_label) == 10
    adjusted = by_label["Cox, adjusted"]
    contrast = by_label["Cox, adjusted, orthonormal contrast"]
    assert contrast.z == pytest.approx(adjusted.z, abs=1e-6)
    assert contrast.effect.value ** np.sqrt(2) == pytest.approx(adjusted.effect.value, abs=1e-6)
    # The log-rank test is the score test of the Cox model: near its Wald test.
    assert by_label["Log-rank"].z == pytest.approx(by_label["Cox, arm alone"].z, abs=0.1)
    stratified_z = by_label["Cox, stratified"].z
    assert by_label["Log-rank, stratified"].z == pytest.approx(stratified_z, abs=0.1)
    assert all(0 < c.p <= 1 for c in by_label.values())


def test_exchanged_arms_turn_every_sign():
    frame = invented()
    for a, b in zip(ten(frame, *ARMS), ten(frame, *reversed(ARMS)), strict=True):
        assert a.z == pytest.approx(-b.z, abs=1e-6)


def test_the_difference_of_rates_is_that_of_the_independent_check(verified, found, palmira):
    for scale, rows in verified.items():
        wanted = rows.set_index("id")["recomputed"]
        by_label = {c.label: c for c in found[scale]}
        six = by_label["Rates at 6 months"].effect
        cell = "contrasts.pfs.difference_6"
        assert six.value == pytest.approx(wanted[f"{cell}.estimate"])
        assert six.lower == pytest.approx(wanted[f"{cell}.lower"])
        ordinary, _ = cox_result(rows, "contrasts.pfs.hazard_ratio")
        assert by_label["Cox, adjusted"].effect.value == pytest.approx(ordinary.value, abs=1e-6)
        assert by_label["Cox, adjusted"].effect.upper == pytest.approx(ordinary.upper, abs=1e-6)


def test_a_landmark_has_greenwoods_error_on_both_scales():
    frame = invented()
    mine = frame[frame["arm"] == "et"]
    point = landmark(of_arm(frame, "et"), 6)
    model = KaplanMeierFitter().fit(mine["time"], mine["event"])
    low, up = model.confidence_interval_.loc[: 6 * DAYS_PER_MONTH].iloc[-1]
    width = (np.log(-np.log(low)) - np.log(-np.log(up))) / (2 * 1.959964)
    assert point.log_log_se == pytest.approx(width, rel=1e-6)


def test_residuals_lie_about_the_coefficient_and_every_event_has_one(patients):
    for p in patients.values():
        table = proportionality.hazard_ratio_over_time(p, "palbociclib")
        frame = p.assign(
            x=(p["arm"] == "palbociclib").astype(float), event=p["event"].astype(float)
        )
        beta = cox(frame, "time", "event", ["x"], "efron").log_hazard_ratio["x"]
        assert len(table) == p["event"].sum()
        assert table["log_ratio"].mean() == pytest.approx(beta, abs=1e-6)
        assert table["month"].is_monotonic_increasing


def test_the_test_of_proportional_hazards_finds_a_ratio_that_turns():
    rng = np.random.default_rng(5)
    n = 400
    early = {"palbociclib": 0.2, "et": 1.0}
    parts = []
    for arm, rate in early.items():
        first, second = rng.exponential(200 / rate, n), 180 + rng.exponential(200 * rate, n)
        parts.append(pd.DataFrame({"arm": arm, "time": np.where(first < 180, first, second),
                                   "event": True}))  # fmt: skip
    frame = pd.concat(parts, ignore_index=True)
    ratios, p = proportionality.periods(frame, "palbociclib")
    assert ratios["hr_0_6"].upper < 1 < ratios["hr_6_12"].lower
    assert p < 0.001
    assert max(proportionality.residual_tests(frame, "palbociclib").values()) < 0.001
    whole = proportionality.by_follow_up(frame, "palbociclib", [6, 60])
    assert whole["ratio"].iloc[0] == pytest.approx(ratios["hr_0_6"].value)
    assert whole["ratio"].iloc[0] < whole["ratio"].iloc[1]


def test_both_twins_and_the_printed_results_stand_side_by_side(found, palmira, ensemble):
    table = tables.ten_ways(found, palmira, ensemble)
    assert len(table.frame) == 10
    assert {"Printed", "Neutral twin", "Conditional twin"} <= set(table.frame.columns)
    hazard = palmira.cell(palmira["contrasts.pfs.hazard_ratio.estimate"])
    assert (table.frame["Printed"].str.startswith(hazard["estimate"].text)).sum() == 2
    picture = figures.z_scores(found, palmira)
    assert picture.data.groupby("twin").size().to_dict() == {
        "neutral": 10, "full": 10, "printed": 3,
    }  # fmt: skip
    assert set(picture.data.loc[picture.data["twin"] != "printed", "evidence"]) == {"synthetic"}


def test_a_printed_z_needs_a_printed_result(palmira):
    assert figures.printed_z(palmira, "contrasts.pfs.difference_12") is None
    assert figures.printed_z(palmira, None) is None
    assert figures.printed_z(palmira, "contrasts.pfs.hazard_ratio") > 0
    assert figures.printed_z(palmira, "contrasts.os.hazard_ratio") < 0


def test_the_tables_hold_every_arm_twin_and_kind(patients, palmira, ensemble, frames):
    numbers = tables.curve_numbers(patients, palmira, ensemble)
    assert len(numbers.frame) == 6
    kinds = tables.kinds_of_limits(patients, palmira)
    assert len(kinds.frame) == 2 * len(limits.LIMITS)
    estimates = kinds.data.groupby(["twin", "arm"])[["median", "rate_6"]].nunique()
    assert (estimates == 1).all(axis=None)
    rules = tables.median_rules(frames, palmira)
    assert len(rules.data) == 4 * len(palmira.block("figure3").rows)
    assert len(rules.frame) == rules.data["differs"].sum()
    means = tables.restricted_means(patients, palmira, ensemble)
    assert (means.data["twins_low"] <= means.data["difference"]).all()
    assert (means.data["difference"] <= means.data["twins_high"]).all()
    assert len(tables.landmark_contrasts(patients, palmira).frame) == 6
    tests = tables.residual_p_values(patients, palmira, ensemble)
    assert len(tests.data) == 2 * len(proportionality.TRANSFORMS)
    assert len(estimands().frame) == 6


def test_figures_over_time_show_both_twins_and_say_so(patients, palmira, ensemble):
    cell = "contrasts.pfs.hazard_ratio"
    pictures = [
        figures.log_log_curves(patients, palmira), figures.residuals(patients, palmira),
        figures.period_forest(patients, ensemble, palmira),
        figures.follow_up(patients, palmira, cell),
    ]  # fmt: skip
    for picture in pictures:
        assert {"neutral", "full"} <= set(picture.data["twin"])
        assert "neutral twin" in picture.alt and "conditional twin" in picture.alt
    last = pictures[-1].data
    assert {"printed reading", "neutral reading", "conditional reading"} <= set(last["twin"])
    both = pictures[2].data.groupby("period")[["events_experimental", "events_control"]].sum()
    assert (both > 0).all(axis=None)


def test_overall_survival_accounts_for_every_patient_in_every_column(frames, palmira):
    deaths = times(frames["full"], palmira, "OS")
    picture = overall_survival(deaths, palmira, "full")
    counts = picture.data[picture.data["count"].notna()]
    totals = counts.groupby(["arm", "month"])["count"].sum()
    for arm, n in deaths["arm"].value_counts().items():
        assert (totals[arm] == n).all()
    assert "sampling" in picture.alt and "over twins" not in picture.alt


def test_a_swimmer_plot_shows_every_responder_and_no_time_beyond_the_data(frames, palmira):
    picture = response_figures.swimmers(frames, palmira)
    for scale, data in frames.items():
        lanes = picture.data[picture.data["twin"] == scale]
        responders = set(data["adtte"].query("PARAMCD == 'TTR'")["USUBJID"])
        assert set(lanes.loc[lanes["response"].notna(), "USUBJID"]) == responders
        assert (lanes["response"].dropna() < lanes["response_end"].dropna()).all()
        assert lanes["treated"].max() <= data["adsl"]["TRTDURD"].max() / DAYS_PER_MONTH
        assert set(lanes["arm"]) == set(ARMS)
    assert "made up" in picture.alt


def test_best_responses_add_up_to_the_arms(frames, palmira):
    data = response_tables.best_responses(frames, palmira).data
    for (_, arm), mine in data.groupby(["twin", "arm"]):
        assert mine["patients"].sum() == palmira.size("randomized", arm).value


def test_the_clocks_count_patients_and_events(frames, patients, palmira):
    deaths = {s: stratified(f, palmira, "OS") for s, f in frames.items()}
    data = response_tables.clocks({"PFS": patients, "OS": deaths}, palmira).data
    whole = data[data["who"] == "All patients"].set_index(["endpoint", "twin"])
    some = data[data["who"] != "All patients"].set_index(["endpoint", "twin"])
    assert (whole["patients"] > some["patients"]).all()
    assert (whole["events"] >= some["events"]).all()


def test_subgroups_of_both_twins_stand_beside_the_print(verified, palmira):
    picture = subgroup_figures.twin_forest(palmira, verified)
    assert set(picture.data["which"]) == {"printed", "neutral", "conditional"}
    assert len(picture.data) == 3 * len(palmira.block("figure3").rows)
    table = subgroup_tables.twin_interactions(palmira, verified)
    assert table.data[["p_joint", "p_separate"]].apply(lambda p: p.between(0, 1)).all(axis=None)


@pytest.mark.parametrize("page", ["ten-analyses", "proportional-hazards"])
def test_every_exhibit_with_patients_is_called_synthetic(page):
    text = (ROOT / "notebooks" / f"{page}.md").read_text(encoding="utf-8")
    shown = re.findall(r"show\((.*?)evidence=\"(\w+)\"", text, re.S)
    assert shown
    assert {e for call, e in shown if not call.startswith("estimands")} == {"synthetic"}
    assert "neutral twin" in text and "conditional twin" in text
