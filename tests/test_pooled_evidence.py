"""The four trials pooled: versions, scales, pools, and what the chapter shows of them."""

from math import exp, log

import pytest
import yaml

from palmira.readings.evidence_synthesis import (
    CONTINUED,
    PFS,
    READINGS,
    STRATEGY,
    SWITCHED,
    by_strategy,
    choose,
    detectable_ratio,
    on_level,
    pooled,
    se_bound,
    strategy_contrast,
    strategy_power,
    strategy_ratio,
    trial_effects,
    trial_readings,
    version_checks,
    with_limits,
)
from palmira.readings.ledger import ledger
from palmira.record import DATA, Record, load, published
from palmira.statistics.bayesian import posterior
from palmira.statistics.estimates import Estimate, log_se
from palmira.statistics.pooling import ESTIMATORS

NAMES = ("palmira", "pace", "maintain", "postmonarch")
SCALES = (0.25, 0.5, 1.0)


def believed(effects, reading="neutral", scale=0.5):
    """The Bayesian pool under one reading."""
    lines = choose(effects, reading)
    return posterior(lines["log_hazard_ratio"], lines["se"], scale)


@pytest.fixture(scope="module")
def records():
    return {name: published(name) for name in NAMES}


@pytest.fixture(scope="module")
def effects(records):
    return trial_effects(records)


@pytest.fixture(scope="module")
def entries(records):
    return ledger(records["palmira"], {k: r for k, r in records.items() if k != "palmira"})


@pytest.fixture(scope="module")
def altered(tmp_path_factory):
    """A record with one row's values changed."""

    def change(name: str, path: str, values: list[str]) -> Record:
        data = yaml.safe_load((DATA / "published" / f"{name}.yaml").read_text(encoding="utf-8"))
        block, row = path.split(".", 1)
        for b in data["blocks"]:
            for r in b["rows"]:
                if (b["id"], r["id"]) == (block, row):
                    r["values"] = values
        file = tmp_path_factory.mktemp("records") / f"{name}.yaml"
        file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return load(file)

    return change


# Scales and versions.


def test_paces_interval_on_the_95_percent_scale_is_that_of_the_conference_report(records):
    pace = records["pace"]
    wide = on_level(pace.interval(PFS).over())
    report = pace.interval(f"{PFS}@1").over()
    assert (wide.level, report.level) == (95, 90)
    assert (round(wide.lower, 2), round(wide.upper, 2)) == (report.lower, report.upper)


def test_a_change_of_level_keeps_the_standard_error_and_its_own_level_changes_nothing():
    narrow = Estimate(0.8, 0.6, 1.1, 90)
    wide = on_level(narrow)
    assert log_se(wide.lower, wide.upper, 95) == pytest.approx(log_se(0.6, 1.1, 90))
    assert on_level(narrow, 90) is narrow


def test_of_maintains_versions_only_those_even_about_the_estimate_fit_the_printed_p(records):
    checks = version_checks(records["maintain"])
    assert list(checks["middle_meets"]) == [True, False, True]
    assert list(checks["p_meets"]) == [True, False, True]
    first = checks.iloc[0]
    assert first["middle"] == pytest.approx((0.39 * 0.85) ** 0.5)
    assert first["p_low"] < first["p"] < first["p_high"]


def test_paces_conference_limits_do_not_fit_its_p_at_the_level_they_are_printed_with(records):
    for row in (PFS, "contrasts.pfs.triplet.hazard_ratio"):
        assert list(version_checks(records["pace"], row)["p_meets"]) == [True, False]


def test_postmonarchs_three_p_values_all_fit_its_interval(records):
    checks = version_checks(records["postmonarch"])
    assert len(checks) == 3
    assert checks["p_meets"].all()


def test_only_palmiras_interval_is_narrower_than_its_events_allow(records):
    assert {k: len(trial_readings(r)) for k, r in records.items()} == {
        "palmira": 3,
        "pace": 1,
        "maintain": 1,
        "postmonarch": 1,
    }
    assert se_bound(records["pace"]) is None
    assert se_bound(records["maintain"]) is None
    postmonarch = records["postmonarch"].interval(PFS).over()
    assert se_bound(records["postmonarch"]) < log_se(postmonarch.lower, postmonarch.upper)


def test_the_three_readings_keep_p_or_the_estimate(effects):
    lines = effects[effects["trial"] == "PALMIRA"].set_index("reading")
    z = lines["log_hazard_ratio"] / lines["se"]
    assert z["conditional"] == pytest.approx(z["printed"])
    assert lines["hazard_ratio"]["neutral"] == lines["hazard_ratio"]["printed"]
    assert lines["se"]["neutral"] > lines["se"]["printed"]


# Pools.


@pytest.mark.parametrize(
    ("reading", "value"), [("printed", 0.787), ("neutral", 0.783), ("conditional", 0.768)]
)
def test_the_pool_under_each_reading(effects, reading, value):
    assert round(pooled(effects, reading).ratio.value, 3) == value


def test_each_reading_pools_every_trial_once(effects):
    for reading in READINGS:
        lines = choose(effects, reading)
        assert list(lines["trial"]) == ["PALMIRA", "PACE", "MAINTAIN", "postMONARCH"]
        assert set(lines["reading"]) == {reading, "printed"}
    with pytest.raises(ValueError, match="unknown reading"):
        choose(effects, "hopeful")


def test_the_wald_interval_excludes_1_and_knapp_and_hartungs_does_not(effects):
    for reading in READINGS:
        assert pooled(effects, reading).ratio.upper < 1
        wide = pooled(effects, reading, knapp_hartung=True)
        assert wide.ratio.lower < 1 < wide.ratio.upper
        assert wide.prediction_ratio.lower < wide.ratio.lower


@pytest.mark.parametrize(("knapp_hartung", "limits"), [(True, (0.32, 1.94)), (False, (0.32, 1.89))])
def test_both_prediction_intervals_have_two_degrees_of_freedom_less_than_trials(
    effects, knapp_hartung, limits
):
    """As a referee computed them in R with metafor's fit and t on k - 2."""
    new = pooled(effects, "neutral", knapp_hartung=knapp_hartung).prediction_ratio
    assert (round(new.lower, 2), round(new.upper, 2)) == limits


def test_metafors_own_prediction_interval_has_one_degree_of_freedom_more(effects):
    new = pooled(effects, "neutral", knapp_hartung=True).new_trial(3).exponential
    assert (round(new.lower, 2), round(new.upper, 2)) == (0.40, 1.53)


def test_leaving_a_trial_out_leaves_three_and_moves_the_pool_away_from_it(effects):
    whole = pooled(effects, "neutral")
    lines = choose(effects, "neutral").set_index("trial")["log_hazard_ratio"]
    for name in lines.index:
        left = pooled(effects[effects["trial"] != name], "neutral")
        assert left.trials == 3
        assert (left.effect - whole.effect) * (lines[name] - whole.effect) < 0


def test_maintains_wider_interval_takes_weight_from_it(effects):
    changed = with_limits(effects, "MAINTAIN", 0.39, 0.95)
    assert pooled(changed, "neutral").effect > pooled(effects, "neutral").effect
    assert changed.loc[changed["trial"] == "MAINTAIN", "hazard_ratio"].item() == 0.57


def test_two_trials_stand_on_each_side_of_the_strategies(records, effects):
    assert set(STRATEGY) == set(records)
    found = by_strategy(effects)
    assert [p.trials for p in found.values()] == [2, 2]
    estimate, p = strategy_ratio(effects)
    assert estimate.value == pytest.approx(exp(found[SWITCHED].effect - found[CONTINUED].effect))
    assert (p < 0.05) == (estimate.upper < 1)


def test_a_changed_record_changes_the_pool(records, altered):
    changed = records | {"maintain": altered("maintain", PFS, ["0.70 (0.50 to 0.98)"])}
    lines = trial_effects(changed)
    line = lines[lines["trial"] == "MAINTAIN"].iloc[0]
    assert (line["hazard_ratio"], line["lower"], line["upper"]) == (0.70, 0.50, 0.98)
    before = pooled(trial_effects(records), "neutral").effect
    assert pooled(lines, "neutral").effect > before


# What the chapter shows.


@pytest.mark.site
def test_the_forest_shows_every_trial_and_pool_and_says_so(shown, effects):
    exhibit = shown["pooled-evidence-forest"]
    data = exhibit.data
    assert set(data["label"]) >= {"PALMIRA", "PACE", "MAINTAIN", "postMONARCH"}
    assert (data["row"] == "pool").sum() == 9
    for text in (
        "0.84 (0.60 to 1.17)",
        "1.11 (0.74 to 1.66)",
        "0.57 (0.39 to 0.85)",
        "0.73 (0.57 to 0.95)",
        pooled(effects, "neutral").ratio.text(),
    ):
        assert text in exhibit.alt
    for reading in READINGS:
        wald = data.query("label == 'Wald interval' and reading == @reading").iloc[0]
        assert wald["hazard_ratio"] == pytest.approx(pooled(effects, reading).ratio.value)


@pytest.mark.site
def test_the_page_shows_the_pool_without_each_trial(shown, effects, said):
    exhibit = shown["pooled-evidence-leave-one-out"]
    assert len(exhibit.data) == 2 * 6
    assert set(exhibit.data["interval"]) == {"Wald", "Knapp-Hartung"}
    wald = exhibit.data.query("interval == 'Wald'").set_index("trials")
    for name in effects["trial"].unique():
        left = pooled(effects[effects["trial"] != name], "neutral")
        assert wald.loc[f"Without {name}", "hazard_ratio"] == pytest.approx(left.ratio.value)
    ratio = pooled(effects[effects["trial"] != "PACE"], "neutral").ratio
    assert said["pooled_without_pace"] == ratio.text()


@pytest.mark.site
def test_the_version_table_has_a_line_a_version_and_uses_one_of_each_result(shown):
    table = shown["pooled-evidence-versions"].table
    assert (table["Here"] == "used").groupby(table["group"]).sum().eq(1).all()
    assert table["group"].nunique() == 4


@pytest.mark.site
def test_the_quotations_that_differ_from_our_sources(shown, entries, said):
    table = shown["pooled-evidence-quotations"].table
    held = [
        e
        for e in entries
        if e.id.startswith("discussion.")
        and e.verdict in ("reproduced", "rounding", "inconsistent")
    ]
    differing = [e for e in held if e.verdict != "reproduced"]
    assert len(table) == len(differing) < len(held)
    assert (said["pooled_quoted"], said["pooled_differing"]) == (str(len(held)), str(len(table)))
    pairs = {
        tuple(cell.replace("\u00a0", " ").split(" ")[0] for cell in row)
        for row in table[["As quoted", "In our source"]].to_numpy()
    }
    assert pairs == {("90.0", "90.9"), ("84.0", "86.5"), ("0.95", "0.85"), (".01", "0.017")}
    agree = table["Other sources with the quoted value"]
    assert (agree != "none found").sum() == 3
    assert agree[table["As quoted"].str.startswith(".01")].item() == "none found"


@pytest.mark.site
def test_the_pool_table_has_three_methods_for_each_of_palmiras_intervals(shown):
    data = shown["pooled-evidence-pools"].data
    assert data.groupby("reading", sort=False).size().to_dict() == dict.fromkeys(READINGS, 3)
    fixed = data["method"] == "FE"
    assert data.loc[fixed, "prediction_lower"].isna().all()
    assert (data.loc[~fixed, "prediction_lower"] < data.loc[~fixed, "lower"]).all()
    assert (data["tau2_lower"] <= data["tau2"]).all()
    assert (data["tau2"] <= data["tau2_upper"]).all()


@pytest.mark.site
def test_the_table_of_estimators_holds_all_of_them_by_their_heterogeneity(shown, effects, said):
    data = shown["pooled-evidence-estimators"].data
    assert set(data["method"]) == set(ESTIMATORS)
    assert data["tau2"].is_monotonic_increasing
    for row in data.itertuples():
        wald = pooled(effects, "neutral", row.method)
        assert (row.tau2, row.upper) == pytest.approx((wald.tau2, wald.ratio.upper))
        kh = pooled(effects, "neutral", row.method, knapp_hartung=True)
        assert row.new_upper == pytest.approx(kh.prediction_ratio.upper)
        assert row.z_upper == pytest.approx(wald.new_trial().exponential.upper)
    assert said["pooled_prediction"] == "0.32 to 1.94"
    assert said["pooled_prediction_wald"] == "0.32 to 1.89"


@pytest.mark.site
def test_the_strategy_table_has_a_line_a_reading(shown):
    exhibit = shown["pooled-evidence-strategies"]
    assert len(exhibit.table) == len(READINGS) and len(exhibit.data) == 4 * len(READINGS)
    ratios = exhibit.data[exhibit.data["quantity"].str.startswith("ratio")]
    assert (ratios["lower"] < ratios["value"]).all()
    wald, modified = (ratios[ratios["quantity"].str.endswith(x)] for x in ("Wald", "Hartung"))
    assert (modified["p"].to_numpy() > wald["p"].to_numpy()).all()


@pytest.mark.site
def test_the_prose_says_what_the_trials_and_pools_say(said, effects):
    assert said["pooled_reml_neutral"] == pooled(effects, "neutral").ratio.text()
    assert said["pooled_pace_printed"] == "1.11 (0.74 to 1.66)"
    assert said["pooled_palmira_neutral"] == "0.84 (0.60 to 1.17)"
    assert said["pooled_bayes_conditional"] == believed(effects, "conditional").ratio.text()
    text = said["pooled_arithmetic"]
    assert text.startswith("(ln 1.55 − ln 0.79) / (2 × 1.645)")
    assert float(text.split("= ")[1]) == pytest.approx(log(1.55 / 0.79) / 2 / 1.644854, abs=5e-4)


# Priors, and the power of the test between the strategies.


def test_a_wider_prior_leaves_the_mean_where_it_is_and_widens_its_interval(effects):
    for reading in READINGS:
        found = [believed(effects, reading, s) for s in SCALES]
        widths = [p.ratio.upper / p.ratio.lower for p in found]
        assert widths == sorted(widths)
        middle = pooled(effects, reading).effect
        assert [p.mean.value for p in found] == pytest.approx([middle] * 3, abs=0.02)


def test_the_bayesian_interval_includes_1_as_knapp_and_hartungs_does(effects):
    ratio = believed(effects).ratio
    assert ratio.lower < 1 < ratio.upper
    assert pooled(effects, "neutral").ratio.upper < 1


@pytest.mark.site
def test_the_prior_figure_and_table_hold_every_prior_under_every_reading(shown, effects):
    picture, table = shown["pooled-evidence-priors"], shown["pooled-evidence-bayes"]
    assert len(picture.data) == 2 * 4 * len(READINGS)
    assert len(table.data) == len(SCALES) * len(READINGS)
    for scale in SCALES:
        assert f"{believed(effects, 'neutral', scale).ratio.text()} with scale" in picture.alt
    below = table.data.groupby("reading")["mean_below_1"].apply(list)
    assert all(x == sorted(x, reverse=True) for x in below)


def test_the_strategies_test_has_two_degrees_of_freedom_and_less_power_than_walds(effects):
    assert strategy_contrast(effects).df == 2
    for ratio in (0.5, 0.7, 0.9):
        assert strategy_power(effects, ratio, 0.0) < strategy_power(effects, ratio, 0.0, False)


def test_the_detectable_ratio_has_the_power_whatever_the_trials_found(effects):
    for tau, estimated, sets in ((0.0, False, 1), (0.0, True, 1), (0.17, True, 1), (0.17, True, 2)):
        found = detectable_ratio(effects, tau, estimated, sets)
        assert strategy_power(effects, found, tau, estimated, sets) == pytest.approx(0.8, abs=1e-6)
        moved = effects.assign(log_hazard_ratio=effects["log_hazard_ratio"] + 0.3)
        assert detectable_ratio(moved, tau, estimated, sets) == found
    lines = choose(effects, "neutral")
    groups = lines["strategy"] == SWITCHED
    w = 1 / lines["se"] ** 2
    se = (1 / w[groups].sum() + 1 / w[~groups].sum()) ** 0.5
    wald = detectable_ratio(effects, 0.0, estimated=False)
    assert log(wald) == pytest.approx(-(1.959964 + 0.841621) * se, rel=1e-4)


@pytest.mark.site
def test_the_power_figure_rises_from_the_level_and_no_power_stands_at_the_ratio_seen(
    shown, effects, said
):
    exhibit = shown["pooled-evidence-power"]
    for _, lines in exhibit.data.groupby("test"):
        power = lines.sort_values("true_ratio", ascending=False)["power"].to_numpy()
        assert power[0] == pytest.approx(0.05, abs=1e-6)
        assert (power[1:] >= power[:-1] - 1e-9).all()
    seen = f"{exp(strategy_contrast(effects).effect):.2f}"
    assert seen not in exhibit.alt
    assert said["pooled_detectable_none"] == f"{detectable_ratio(effects, 0.0):.2f}"
    assert said["pooled_detectable_none"] in exhibit.alt
