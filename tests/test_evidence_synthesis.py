"""The four trials on one scale: levels, versions, readings, pools, strategies."""

from math import exp, log

import pytest
import yaml

from palmira.bayesian import posterior
from palmira.estimates import Estimate, log_se
from palmira.evidence_synthesis import (
    CONTINUED,
    PFS,
    READINGS,
    STRATEGY,
    SWITCHED,
    by_strategy,
    choose,
    on_level,
    pooled,
    se_bound,
    sets_needed,
    strategy_contrast,
    strategy_power,
    strategy_ratio,
    trial_effects,
    trial_readings,
    version_checks,
    with_limits,
)
from palmira.readings import printed_estimate
from palmira.record import DATA, Record, load, published

NAMES = ("palmira", "pace", "maintain", "postmonarch")


@pytest.fixture(scope="module")
def records():
    return {name: published(name) for name in NAMES}


@pytest.fixture(scope="module")
def effects(records):
    return trial_effects(records)


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
    wide = on_level(printed_estimate(pace, PFS))
    report = printed_estimate(pace, f"{PFS}@1")
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
        "palmira": 3, "pace": 1, "maintain": 1, "postmonarch": 1,
    }  # fmt: skip
    assert se_bound(records["pace"]) is None
    assert se_bound(records["maintain"]) is None
    postmonarch = printed_estimate(records["postmonarch"], PFS)
    assert se_bound(records["postmonarch"]) < log_se(postmonarch.lower, postmonarch.upper)


def test_the_three_readings_keep_p_or_the_estimate(effects):
    lines = effects[effects["trial"] == "PALMIRA"].set_index("reading")
    z = lines["log_hazard_ratio"] / lines["se"]
    assert z["conditional"] == pytest.approx(z["printed"])
    assert lines["hazard_ratio"]["neutral"] == lines["hazard_ratio"]["printed"]
    assert lines["se"]["neutral"] > lines["se"]["printed"]


# Pools.


@pytest.mark.parametrize(("reading", "value"), [("printed", 0.787), ("neutral", 0.783),
                                                ("conditional", 0.768)])  # fmt: skip
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
    estimate, p, detectable = strategy_ratio(effects)
    assert estimate.value == pytest.approx(exp(found[SWITCHED].effect - found[CONTINUED].effect))
    assert (p < 0.05) == (estimate.upper < 1)
    se = log(estimate.upper / estimate.lower) / 2 / 1.959964
    assert log(detectable) == pytest.approx(-(1.959964 + 0.841621) * se, rel=1e-5)


# Priors, and the power of the test between the strategies.


def test_a_changed_record_changes_the_effects(records, altered):
    changed = records | {"maintain": altered("maintain", PFS, ["0.70 (0.50 to 0.98)"])}
    line = trial_effects(changed).set_index("trial").loc["MAINTAIN"]
    assert (line["hazard_ratio"], line["lower"], line["upper"]) == (0.70, 0.50, 0.98)


def test_a_wider_prior_leaves_the_mean_where_it_is_and_widens_its_interval(effects):
    for reading in READINGS:
        lines = choose(effects, reading)
        found = [posterior(lines["log_hazard_ratio"], lines["se"], s) for s in (0.25, 0.5, 1.0)]
        widths = [p.ratio.upper / p.ratio.lower for p in found]
        assert widths == sorted(widths)
        middle = pooled(effects, reading).effect
        assert [p.mean.value for p in found] == pytest.approx([middle] * 3, abs=0.02)


def test_the_strategies_test_has_two_degrees_of_freedom_and_little_power(effects):
    test = strategy_contrast(effects)
    assert test.df == 2
    seen = exp(test.effect)
    assert strategy_power(effects, seen, 0.0) < strategy_power(effects, seen, 0.0, False)
    assert strategy_power(effects, seen, 0.0) < 0.5


def test_the_sets_needed_are_the_first_with_the_power(effects):
    needed = sets_needed(effects, 0.7, 0.1)
    assert strategy_power(effects, 0.7, 0.1, sets=needed) >= 0.8
    assert strategy_power(effects, 0.7, 0.1, sets=needed - 1) < 0.8
    with pytest.raises(ValueError, match="do not reach"):
        sets_needed(effects, 0.999, 0.5, most=3)
