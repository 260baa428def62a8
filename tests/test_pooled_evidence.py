"""What the chapter on the pooled evidence shows: versions, pools, priors, strategies, power."""

from math import exp, log

import pytest

from palmira.bayesian import posterior
from palmira.evidence_synthesis import (
    PFS,
    READINGS,
    choose,
    pooled,
    strategy_contrast,
    strategy_ratio,
    trial_effects,
    version_checks,
    with_limits,
)
from palmira.ledger import ledger
from palmira.record import published

pytestmark = pytest.mark.site
NAMES = ("palmira", "pace", "maintain", "postmonarch")
SCALES = (0.25, 0.5, 1.0)


@pytest.fixture(scope="module")
def records():
    return {name: published(name) for name in NAMES}


@pytest.fixture(scope="module")
def effects(records):
    return trial_effects(records)


def plain(text):
    return text.replace("\u00a0", " ").replace("−", "-")


# Sources.


def test_the_version_table_has_a_line_a_version_and_uses_one_of_each_result(shown, records):
    exhibit = shown["pooled-evidence-versions"]
    assert (exhibit.table["Here"] == "used").sum() == exhibit.table["group"].nunique() == 4
    assert len(exhibit.table) == 2 + 2 + 3 + 3
    checks = version_checks(records["maintain"])
    mine = exhibit.data[exhibit.data["result"] == "MAINTAIN"]
    for column in ("middle_low", "middle_high", "p_low", "p_high"):
        assert mine[column].to_list() == pytest.approx(checks[column].to_list())
    assert list(mine["p_meets"]) == [True, False, True]


def test_the_quotations_that_differ_from_our_sources(shown, said, records):
    entries = ledger(records["palmira"], {k: r for k, r in records.items() if k != "palmira"})
    verdicts = {e.id: e.verdict for e in entries if e.id.startswith("discussion.")}
    compared = [v for v in verdicts.values() if v in ("reproduced", "rounding", "inconsistent")]
    differing = [i for i, v in verdicts.items() if v in ("rounding", "inconsistent")]
    exhibit = shown["pooled-evidence-quotations"]
    assert list(exhibit.data["id"]) == differing
    assert (said["pooled_quoted"], said["pooled_differing"]) == (
        str(len(compared)),
        str(len(differing)),
    )
    first = exhibit.table.map(lambda x: plain(x).split(" ")[0])
    pairs = set(zip(first["As quoted"], first["As our source prints it"], strict=True))
    assert pairs == {("90.0", "90.9"), ("84.0", "86.5"), ("0.95", "0.85"), (".01", "0.017")}
    agree = exhibit.table["Others that agree with the quotation"]
    assert (agree != "none found").sum() == 3
    assert agree[exhibit.table["As quoted"].str.startswith(".01")].item() == "none found"


def test_the_abstract_and_the_paper_stand_beside_each_other(shown):
    table = shown["pooled-evidence-abstract"].table.map(plain).set_index("Result")
    assert list(table.loc["PFS events"])[1:] == ["155", "158"]
    assert list(table.loc["Median PFS with palbociclib, months"])[1:] == [
        "4.2 (3.5 to 5.8)",
        "4.9 (3.6 to 6.1)",
    ]


def test_the_arithmetic_of_a_level_is_written_out(said):
    text = said["pooled_arithmetic"]
    assert text.startswith("(ln 1.55 − ln 0.79) / (2 × 1.645)")
    assert float(text.split("= ")[1]) == pytest.approx(log(1.55 / 0.79) / 2 / 1.644854, abs=5e-4)


# Pools.


def test_the_forest_shows_every_trial_and_pool_and_says_so(shown, effects):
    exhibit = shown["pooled-evidence-forest"]
    trials = exhibit.data[exhibit.data["row"] == "trial"].set_index(["label", "reading"])
    assert len(trials) == len(effects)
    for e in effects.itertuples():
        line = trials.loc[(e.trial, e.reading), ["hazard_ratio", "lower", "upper", "se"]].to_list()
        assert line == pytest.approx([e.hazard_ratio, e.lower, e.upper, e.se])
    pools = exhibit.data[exhibit.data["row"] == "pool"].set_index(["label", "reading"])
    assert len(pools) == 9
    for reading in READINGS:
        modified = pooled(effects, reading, knapp_hartung=True)
        for label, e in (
            ("Wald interval", pooled(effects, reading).ratio),
            ("Knapp-Hartung interval", modified.ratio),
            ("Prediction interval", modified.prediction_ratio),
        ):
            line = pools.loc[(label, reading), ["hazard_ratio", "lower", "upper"]].to_list()
            assert line == pytest.approx([e.value, e.lower, e.upper])
    for text in ("0.84 (0.60 to 1.17)", "1.11 (0.74 to 1.66)", "0.57 (0.39 to 0.85)",
                 "0.73 (0.57 to 0.95)", pooled(effects, "neutral").ratio.text()):  # fmt: skip
        assert text in exhibit.alt


def test_the_pool_table_has_five_methods_under_three_readings(shown):
    exhibit = shown["pooled-evidence-pools"]
    data = exhibit.data
    assert len(exhibit.table) == len(data) == 15
    assert data.groupby("reading", sort=False).size().to_dict() == dict.fromkeys(READINGS, 5)
    fixed = data["method"] == "FE"
    assert data.loc[fixed, "prediction_lower"].isna().all()
    assert (data.loc[~fixed, "prediction_lower"] < data.loc[~fixed, "lower"]).all()
    assert (data["tau2_lower"] <= data["tau2"]).all()
    assert (data["tau2"] <= data["tau2_upper"]).all()


def test_leaving_one_out_holds_both_intervals_of_each_row(shown, effects, records):
    exhibit = shown["pooled-evidence-leave-one-out"]
    data = exhibit.data
    assert len(data) == 2 * 6
    assert set(data["interval"]) == {"Wald", "Knapp-Hartung"}
    wald = data[data["interval"] == "Wald"].set_index("trials")["hazard_ratio"]
    for name in ("PALMIRA", "PACE", "MAINTAIN", "postMONARCH"):
        left = pooled(effects[effects["trial"] != name], "neutral").ratio
        assert wald[f"Without {name}"] == pytest.approx(left.value)
    low, high = (records["maintain"][f"{PFS}@1.{x}"].value for x in ("lower", "upper"))
    other = pooled(with_limits(effects, "MAINTAIN", low, high), "neutral").ratio
    assert wald.iloc[-1] == pytest.approx(other.value)
    assert f"{wald.max():.2f} ({wald.idxmax()})" in exhibit.alt


def test_the_strategy_table_has_a_line_a_reading(shown, effects):
    exhibit = shown["pooled-evidence-strategies"]
    assert len(exhibit.table) == len(READINGS)
    assert len(exhibit.data) == 4 * len(READINGS)
    ratios = exhibit.data[exhibit.data["quantity"].str.startswith("ratio")]
    assert (ratios["lower"] < ratios["value"]).all()
    wald, modified = (ratios[ratios["quantity"].str.endswith(x)] for x in ("Wald", "Hartung"))
    assert (modified["p"].to_numpy() > wald["p"].to_numpy()).all()
    estimate, p, _ = strategy_ratio(effects)
    assert wald.iloc[0][["value", "p"]].to_list() == pytest.approx([estimate.value, p])


def test_the_prose_says_what_the_trials_and_pools_say(said, effects):
    assert said["pooled_reml_neutral"] == pooled(effects, "neutral").ratio.text()
    assert said["pooled_pace_printed"] == "1.11 (0.74 to 1.66)"
    assert said["pooled_palmira_neutral"] == "0.84 (0.60 to 1.17)"
    lines = choose(effects, "conditional")
    belief = posterior(lines["log_hazard_ratio"], lines["se"], 0.5).ratio
    assert said["pooled_bayes_conditional"] == belief.text()


# Priors and power.


def test_the_prior_figure_and_table_hold_every_prior_under_every_reading(shown, effects):
    exhibit, table = shown["pooled-evidence-priors"], shown["pooled-evidence-bayes"]
    assert len(exhibit.data) == 2 * 4 * len(READINGS)
    assert len(table.table) == len(SCALES) * len(READINGS)
    lines = choose(effects, "neutral")
    for scale in SCALES:
        ratio = posterior(lines["log_hazard_ratio"], lines["se"], scale).ratio
        assert f"{ratio.text()} with scale {scale:g}" in exhibit.alt
    below = table.data.groupby("reading")["mean_below_1"].apply(list)
    assert all(x == sorted(x, reverse=True) for x in below)


def test_the_bayesian_interval_includes_1_as_knapp_and_hartungs_does(shown, effects):
    row = shown["pooled-evidence-bayes"].data.query("reading == 'neutral' and scale == 0.5").iloc[0]
    assert row["lower"] < 1 < row["upper"]
    assert pooled(effects, "neutral").ratio.upper < 1


def test_the_power_figure_rises_from_the_level_without_a_gap(shown, effects):
    exhibit = shown["pooled-evidence-power"]
    for _, lines in exhibit.data.groupby("test"):
        power = lines.sort_values("true_ratio", ascending=False)["power"].to_numpy()
        assert power[0] == pytest.approx(0.05, abs=1e-6)
        assert (power[1:] >= power[:-1] - 1e-9).all()
    assert f"{exp(strategy_contrast(effects).effect):.2f}" in exhibit.alt
