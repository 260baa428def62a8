"""The twin's chapter: its pictures and tables say what the data say, and what was not seen."""

import json
import re
from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

from palmira.estimates import log_se, two_sided_p
from palmira.figures import twin as figures
from palmira.readings import p_text
from palmira.record import DATA
from palmira.schedule import DAYS_PER_MONTH
from palmira.tables import twin as tables
from palmira.twin import curves
from palmira.twin.dictionary import table
from palmira.twin.spread import PARTS, spreads
from palmira.twin.store import read
from palmira.twin.verify import checks, verify

ROOT = Path(__file__).parents[1]
ARMS = ("palbociclib", "et")
GRID = [i / 2 for i in range(49)]


@pytest.fixture(scope="module")
def patients():
    """198 invented patients, arms of 136 and 62; with whole days, events and censorings."""
    rng = np.random.default_rng(7)
    parts = []
    for arm, n, mean in (("palbociclib", 136, 220), ("et", 62, 150)):
        event, last = rng.exponential(mean, n).astype(int) + 1, rng.integers(250, 900, n)
        parts.append(
            pd.DataFrame({"arm": arm, "time": np.minimum(event, last).astype(float),
                          "event": event <= last})
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def ensemble(tmp_path):
    def heights(rate, width):
        return [min(1.0, max(0.0, float(np.exp(-rate * m)) + width * min(1, m))) for m in GRID]

    def arm(rate):
        return {"low": heights(rate, -0.02), "high": heights(rate, 0.02), "pushed_low": None,
                "pushed_high": [*heights(rate, 0.04)[:-1], None]}  # fmt: skip

    names = ("rmst_12_palbociclib", "rmst_12_et", "rmst_12_difference", "rmst_6_difference",
             "hr_0_6", "hr_6_12", "ph_p")  # fmt: skip
    quantity = {"unit": "months", "low": 1.01, "high": 1.21, "pushed_low": 0.9, "pushed_high": None}
    units = {"hr_0_6": "ratio", "hr_6_12": "ratio", "ph_p": "P"}
    sheet = {
        "members": 200, "orderings": dict(zip(ARMS, (150, 5), strict=True)), "months": GRID,
        "arms": dict(zip(ARMS, (arm(0.14), arm(0.2)), strict=True)),
        "levels": {"Age": {"members": 190, "bands": {
            c: dict(zip(ARMS, (arm(0.14), arm(0.2)), strict=True)) for c in ("<65", "≥65")}}},
        "quantities": {k: quantity | {"label": k, "unit": units.get(k, "months")} for k in names},
    }  # fmt: skip
    path = tmp_path / "ensemble.json"
    path.write_text(json.dumps({"full": sheet, "neutral": sheet}), encoding="utf-8")
    return spreads(path)


@pytest.fixture
def checked():
    narrow = "narrower than {} and 30 events allow: a standard error of 0.{} at least"
    lines = [("KM", "median", "4.9", "4.9", "yes", 0.0, ""),
             ("KM", "median of some", "3.6", "3.7", "no", 0.4, ""),
             ("table1", "a total", "66", "65", "no", 0.5, "contradicts other numbers")]  # fmt: skip
    lines += [
        ("cox", f"row {i} lo", "0.66", "0.60", "no", 5.0 + i, narrow.format(70 + i, 200 + i))
        for i in range(8)
    ]
    columns = ["group", "check", "published", "recomputed", "holds", "beyond", "reason"]
    neutral = pd.DataFrame(lines, columns=columns)
    full = neutral.copy()
    full.loc[full["group"] == "cox", ["holds", "beyond", "reason"]] = ["yes", 0.0, ""]
    return {"full": full, "neutral": neutral}


@pytest.fixture
def verified():
    def rows(ordinary, contrast, p):
        cell = "contrasts.pfs.hazard_ratio"
        parts = ("estimate", "lower", "upper", "p")
        return pd.DataFrame(
            {"id": [f"{cell}.{part}" for part in parts], "group": "Hazard ratios",
             "printed": ["0.84", "0.66", "1.07", ".149"], "recomputed": [*contrast, p],
             "ordinary": [*ordinary, np.nan], "within": ["yes", "yes", "no", "yes"],
             "status": ["to be met", "to be met", "not attainable", "to be met"]}
        )  # fmt: skip

    return {"full": rows((0.78, 0.56, 1.1), (0.84, 0.66, 1.07), 0.149),
            "neutral": rows((0.84, 0.6, 1.18), (0.84, 0.6, 1.18), 0.31)}  # fmt: skip


@pytest.mark.parametrize("months", [6, 12])
@pytest.mark.parametrize("arm", ARMS)
def test_the_restricted_mean_is_the_area_under_lifelines_curve(patients, arm, months):
    mine = patients[patients["arm"] == arm]
    fit = KaplanMeierFitter().fit(mine["time"], mine["event"])
    area = restricted_mean_survival_time(fit, t=months * DAYS_PER_MONTH) / DAYS_PER_MONTH
    assert curves.restricted_mean(curves.of_arm(patients, arm), months)[0] == pytest.approx(area)


def test_without_censoring_the_restricted_mean_has_the_error_of_a_plain_mean():
    rng = np.random.default_rng(3)
    time = np.ceil(rng.exponential(200, 80))
    curve = curves.of_arm(pd.DataFrame({"arm": "a", "time": time, "event": True}), "a")
    value, se = curves.restricted_mean(curve, 6)
    cut = np.minimum(time, 6 * DAYS_PER_MONTH) / DAYS_PER_MONTH
    assert value == pytest.approx(cut.mean())
    assert se == pytest.approx(cut.std() / np.sqrt(len(cut)))


def test_a_restricted_mean_beyond_the_last_patient_is_refused():
    few = pd.DataFrame({"arm": "a", "time": [30.0, 60.0], "event": [True, False]})
    with pytest.raises(ValueError, match="ends before 12 months"):
        curves.restricted_mean(curves.of_arm(few, "a"), 12)


def test_a_month_without_events_in_between_changes_no_restricted_mean_but_its_length():
    three = pd.DataFrame({"arm": "a", "time": [30.0, 60.0, 400.0], "event": True})
    value, _ = curves.restricted_mean(curves.of_arm(three, "a"), 12)
    assert value == pytest.approx((30 + 60 + 12 * DAYS_PER_MONTH) / 3 / DAYS_PER_MONTH)


def test_below_the_curve_those_at_risk_with_an_event_and_censored_add_up_to_the_arm(patients):
    under = curves.below(patients, [0.0, 6.0, 12.0])
    whole = under[["at_risk", "events", "censored"]].sum(axis=1)
    assert (whole == under["arm"].map(patients["arm"].value_counts())).all()
    assert (under.query("month == 0")[["events", "censored"]] == 0).all(axis=None)


def test_an_event_counts_in_its_period_alone(patients):
    def ratios(people):
        return [curves.period_ratio(people, "palbociclib", *s)[0] for s in ((0, 6), (6, 12))]

    fewer = patients.copy()
    second = fewer["time"].between(6 * DAYS_PER_MONTH, 12 * DAYS_PER_MONTH, inclusive="right")
    here = fewer.index[second & (fewer["arm"] == "et") & fewer["event"]]
    fewer.loc[here[: len(here) // 2], "event"] = False
    (first, then), (same, more) = ratios(patients), ratios(fewer)
    assert same == pytest.approx(first)
    assert more > then + 0.3


def test_the_picture_says_medians_rates_and_both_ranges_and_changes_with_the_data(
    palmira, patients, ensemble
):
    def drawn(p):
        return figures.progression_free(p, palmira, ensemble["full"], "full")

    picture, later = drawn(patients), drawn(patients.assign(time=patients["time"] + 60))
    assert picture.alt.startswith("Conditional twin, invented patients.")
    fit = KaplanMeierFitter().fit(
        *(patients[patients["arm"] == "et"][c] for c in ("time", "event"))
    )
    assert f"median {fit.median_survival_time_ / DAYS_PER_MONTH:.1f} months" in picture.alt
    assert "over twins" in picture.alt and "sampling" in picture.alt
    assert later.alt != picture.alt
    inside = " ".join(t.get_text() for ax in picture.figure.axes for t in ax.texts)
    assert "Conditional twin: invented patients, not those of the trial" in inside.replace(
        "\n", " "
    )
    kinds = set(picture.data["what"])
    assert {"curve", "range over twins", "at_risk", "events", "censored"} <= kinds
    assert set(picture.data["arm"]) == set(ARMS)


def test_no_band_over_twins_is_drawn_without_the_sampling_interval(palmira, patients, ensemble):
    data = figures.progression_free(patients, palmira, ensemble["neutral"], "neutral").data
    limits = data[data["what"] == "curve"]
    assert limits["lower"].notna().any() and limits["upper"].notna().any()


def test_the_forest_shows_print_readings_and_twins_with_their_p_values(palmira, verified):
    picture = figures.ratio_forest(verified, palmira, "contrasts.pfs.hazard_ratio")
    assert list(picture.data["group"].unique()) == [
        "In print",
        "Neutral",
        "Conditional (full scale)",
    ]
    classes = picture.data.set_index("what")["evidence"]
    assert set(classes.filter(like="Twin")) == {"synthetic"}
    assert set(classes) == {"published", "derived", "conditional", "synthetic"}
    assert "0.84 (0.60 to 1.18) on the neutral twin" in picture.alt
    assert "orthonormal contrast prints 0.84 (0.66 to 1.07)" in picture.alt
    rows = verified["full"][lambda frame: ~frame["id"].str.endswith(".p")]
    estimate, p = figures.cox_result(rows, "contrasts.pfs.hazard_ratio")
    assert p == p_text(two_sided_p(log(estimate.value) / log_se(estimate.lower, estimate.upper)))
    verified["neutral"].loc[0, "ordinary"] = 0.5
    changed = figures.ratio_forest(verified, palmira, "contrasts.pfs.hazard_ratio")
    assert "0.50 (0.60 to 1.18)" in changed.alt


def test_every_hazard_ratio_stands_printed_neutral_and_conditional_side_by_side(palmira, verified):
    (row,) = tables.hazard_ratios(verified, palmira).frame.to_dict("records")
    assert row["Printed"] == "0.84 (0.66 to 1.07)" == row["The same, orthonormal"]
    assert (row["Whose"], row["Hazard ratio"]) == ("All patients", "PFS")
    assert row["Neutral twin"] == "0.84 (0.60 to 1.18)"
    assert row["Conditional twin"] == row["Conditional reading"] == "0.78 (0.56 to 1.10)"


def test_the_score_counts_the_checks_that_hold_on_each_twin(checked):
    frame = tables.score(checked).frame.set_index("Checks of")
    assert list(frame.loc["All"]) == ["11", "9", "1"]
    assert list(frame.loc[tables.GROUPS["cox"]]) == ["8", "8", "0"]
    assert len(tables.score(checked).data) == 22
    told = tables.scores(checked)
    assert (told["twin_score_full"], told["twin_curve_score_full"]) == ("9 of 11", "1 of 2")
    assert (told["twin_impossible_full"], told["twin_open_full"]) == ("1", "1")
    assert (told["twin_impossible_neutral"], told["twin_open_neutral"]) == ("9", "1")
    assert told["twin_near"] == "come near to"
    held = {s: c.assign(holds="yes") for s, c in checked.items()}
    assert tables.scores(held)["twin_near"] == "meet"


def test_every_miss_is_listed_and_many_of_one_kind_share_a_line(checked):
    shown = tables.missed(checked)
    assert list(shown.frame["Twin"]) == ["Conditional twin"] * 2 + ["Neutral twin"] * 3
    last = shown.frame.iloc[-1]
    assert last["Check"].endswith("8 checks") and last["Distance"] == "5 to 12"
    assert last["Why"].startswith("narrower than the events allow")
    assert len(shown.data) == 12
    own = shown.frame.iloc[0]
    assert own["Why"] == tables.SEARCHED and own["Distance"] == "0.4"


def test_where_every_check_holds_no_miss_is_listed(checked):
    held = {s: c.assign(holds="yes") for s, c in checked.items()}
    assert tables.missed(held).frame.empty
    assert "<tbody>" in tables.missed(held).html


def test_targets_are_counted_as_attainable_and_met(verified):
    row = tables.targets_by_group(verified).frame.set_index("Printed numbers").loc["All"]
    assert row["Number"] == "4"
    assert row["Attainable, neutral"] == row["Met, neutral"] == "3"
    assert len(tables.targets_by_group(verified).data) == 8


def test_what_is_free_stands_with_both_ranges_and_the_sampling_interval(
    palmira, patients, ensemble
):
    both = {"full": patients, "neutral": patients}
    frame = tables.free_quantities(both, palmira, ensemble).frame
    own = curves.quantities(patients, *ARMS)["rmst_12_difference"]
    row = frame[frame["Quantity"] == "rmst_12_difference"].iloc[0]
    assert row["Over twins"] == "1.01 to 1.21" and row["With directed search"] == "none"
    assert row["95% sampling interval"] == f"{own.lower:.2f} to {own.upper:.2f}"
    assert tables.widening(patients, palmira, ensemble["full"]) == pytest.approx(
        (own.upper - own.lower) / 0.2
    )
    assert len(frame) == 2 * (7 + 4)


def test_the_ranges_beside_a_twin_hold_its_own_curve_and_values(palmira, patients, ensemble):
    found, before = curves.joined(ensemble["full"], patients, palmira), ensemble["full"]
    own = curves.quantities(patients, *ARMS)
    for name, span in found.ranges.items():
        old = before.ranges[name]
        assert span.low == min(old.low, own[name].value)
        assert span.high == max(old.high, own[name].value)
        assert np.isnan(span.pushed_high) and span.pushed_low <= own[name].value
    for arm in ARMS:
        band, curve = found.bands[arm], curves.of_arm(patients, arm)
        for month in (3, 12, 24):
            height, at, was = curve.at(month * DAYS_PER_MONTH), band.at(month), before.bands[arm]
            assert at["low"] == min(was.at(month)["low"], height)
            assert at["high"] == max(was.at(month)["high"], height)
            assert np.isnan(at["pushed_low"])
    assert (found.members, found.orderings) == (before.members, before.orderings)


def test_a_month_that_the_ensemble_has_not_is_refused(ensemble):
    with pytest.raises(ValueError, match=r"no month 6\.2"):
        ensemble["full"].bands["et"].at(6.2)


def test_the_dictionary_page_lists_every_variable_of_its_data_set(palmira):
    lines = table(palmira)
    shown = [tables.dictionary(lines, name).frame for name in lines["dataset"].unique()]
    assert sum(map(len, shown)) == len(lines)
    assert all((f["Where it comes from"].str.len() > 5).all() for f in shown)
    renamed = replace(tables.dictionary(lines.assign(label="x"), "ADSL"))
    assert set(renamed.frame["Label"]) == {"x"}


@pytest.mark.parametrize("scale", list(figures.TWINS))
def test_beside_the_committed_twins_chance_and_publication_leave_a_like_width_open(palmira, scale):
    people = curves.times(read(DATA / "twin" / scale), palmira)
    spread, arms = (
        curves.joined(spreads()[scale], people, palmira),
        curves.arms_of(palmira).values(),
    )
    own = curves.quantities(people, *arms)
    assert set(spread.ranges) == set(own)
    for name, span in spread.ranges.items():
        if name != "ph_p":
            reached = span.pushed_high - span.pushed_low
            assert span.high - span.low < own[name].upper - own[name].lower, name
            assert span.high - span.low <= reached, name
    for arm in arms:
        curve = curves.of_arm(people, arm)
        early = [m for m in spread.bands[arm].months if 0 < m <= 12]
        low, high, pushed_low, pushed_high = (
            np.array([spread.bands[arm].at(m)[part] for m in early]) for part in PARTS
        )
        sampling = np.mean([
            curve.at(m * DAYS_PER_MONTH, "upper") - curve.at(m * DAYS_PER_MONTH, "lower")
            for m in early
        ])  # fmt: skip
        assert sampling / 2 < np.mean(high - low) < 1.5 * sampling
        assert np.mean(pushed_high - pushed_low) > np.mean(high - low)


@pytest.mark.parametrize("scale", list(figures.TWINS))
def test_a_committed_twin_is_near_the_print_and_meets_what_its_ensemble_meets(palmira, scale):
    rows = verify(read(DATA / "twin" / scale), palmira, scale)
    assert (rows["within"] == "yes").mean() > 0.9
    overall = rows[rows["id"].str.match(r"results\.pfs\.|contrasts\.pfs\.(hazard|difference)")]
    assert (overall[overall["status"] == "to be met"]["within"] == "yes").all()
    lost = checks(rows).query("holds == 'no'")
    assert (lost["beyond"] > 0).all()


@pytest.mark.parametrize("page", ["twin", "intro"])
def test_the_chapter_and_the_home_page_say_that_figure_2_and_the_supplement_were_not_seen(page):
    text = " ".join((ROOT / "notebooks" / f"{page}.md").read_text(encoding="utf-8").split())
    about = [s for s in re.split(r"(?<=[.:]) ", text) if "Figure 2" in s and "not seen" in s]
    assert any("upplement" in s for s in about)
    assert re.search(r"la(?:y|id)\b.{0,40} beside the printed one", text)
    if page == "intro":
        assert "{ref}`twin`" in text


def test_the_chapter_says_that_the_match_is_no_evidence_for_a_scale():
    text = (ROOT / "notebooks" / "twin.md").read_text(encoding="utf-8")
    assert "by construction and is no evidence for its scale" in text
    assert "Both twins {glue:text}`twin_near` the Kaplan-Meier block" in text


def test_every_file_of_both_twins_can_be_downloaded_from_the_dictionary_page():
    text = (ROOT / "notebooks" / "dictionary.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\{download\}`\w+\.csv <\.\./(data/twin/[\w/]+\.csv)>`", text))
    names = ("adsl", "adtte", "adrs", "adae")
    wanted = {f"data/twin/{s}/{n}.csv" for s in figures.TWINS for n in names}
    assert wanted <= linked


def test_every_picture_and_table_of_the_two_pages_is_called_synthetic():
    for page in ("twin", "dictionary"):
        text = (ROOT / "notebooks" / f"{page}.md").read_text(encoding="utf-8")
        assert set(re.findall(r'evidence="(\w+)"', text)) == {"synthetic"}


def test_the_band_of_a_level_holds_the_twin_and_knows_no_directed_search(palmira):
    frames = read(DATA / "twin" / "full")
    spread, factor = spreads()["full"], "Visceral involvement"
    sizes = 0
    for category, bands in spread.levels[factor].bands.items():
        mine = curves.times_at(frames, palmira, factor, category)
        found = curves.joined_level(spread, mine, palmira, factor, category)
        sizes += len(mine)
        for arm in ARMS:
            curve = curves.of_arm(mine, arm)
            for m, low, high in zip(found.bands[arm].months, found.bands[arm].low,
                                    found.bands[arm].high, strict=True):  # fmt: skip
                assert low - 1e-9 <= curve.at(m * DAYS_PER_MONTH) <= high + 1e-9
            assert (found.bands[arm].low <= bands[arm].low).all()
        picture = figures.progression_free(mine, palmira, found, "full")
        assert set(picture.data["what"]) >= {"curve", "range over twins"}
        assert "range by directed search" not in set(picture.data["what"])
    assert sizes == palmira["results.randomized.total.count"].value
