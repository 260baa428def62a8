"""The twin's chapter: its pictures and tables say what the data say, and what was not seen."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from palmira.readings.spread import PARTS, joined, joined_level, spreads
from palmira.record import DATA
from palmira.statistics.curve_quantities import period_ratio, quantities
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival_curves import of_arm
from palmira.twin.adam.analysis_set import AnalysisSet, times
from palmira.twin.adam.dictionary import table
from palmira.twin.adam.store import read
from palmira.twin.verify.recompute import checks, verify

ROOT = Path(__file__).parents[1]
ARMS = ("palbociclib", "et")
TWINS = ("full", "neutral")
GRID = [i / 2 for i in range(49)]


@pytest.fixture(scope="module")
def patients():
    """198 invented patients, arms of 136 and 62; with whole days, events and censorings."""
    rng = np.random.default_rng(7)
    parts = []
    for arm, n, mean in (("palbociclib", 136, 220), ("et", 62, 150)):
        event, last = rng.exponential(mean, n).astype(int) + 1, rng.integers(250, 900, n)
        parts.append(
            pd.DataFrame(
                {"arm": arm, "time": np.minimum(event, last).astype(float), "event": event <= last}
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def ensemble(tmp_path):
    def heights(rate, width):
        return [min(1.0, max(0.0, float(np.exp(-rate * m)) + width * min(1, m))) for m in GRID]

    def arm(rate):
        return {
            "low": heights(rate, -0.02),
            "high": heights(rate, 0.02),
            "pushed_low": None,
            "pushed_high": [*heights(rate, 0.04)[:-1], None],
        }

    names = (
        "rmst_12_palbociclib",
        "rmst_12_et",
        "rmst_12_difference",
        "rmst_6_difference",
        "hr_0_6",
        "hr_6_12",
        "ph_p",
    )
    quantity = {"unit": "months", "low": 1.01, "high": 1.21, "pushed_low": 0.9, "pushed_high": None}
    units = {"hr_0_6": "ratio", "hr_6_12": "ratio", "ph_p": "P"}
    sheet = {
        "members": 200,
        "orderings": dict(zip(ARMS, (150, 5), strict=True)),
        "months": GRID,
        "arms": dict(zip(ARMS, (arm(0.14), arm(0.2)), strict=True)),
        "levels": {
            "Age": {
                "members": 190,
                "bands": {
                    c: dict(zip(ARMS, (arm(0.14), arm(0.2)), strict=True)) for c in ("<65", "≥65")
                },
            }
        },
        "quantities": {k: quantity | {"label": k, "unit": units.get(k, "months")} for k in names},
    }
    path = tmp_path / "ensemble.json"
    path.write_text(json.dumps({"full": sheet, "neutral": sheet}), encoding="utf-8")
    return spreads(path)


@pytest.mark.site
def test_the_forest_shows_print_readings_and_twins(shown, palmira):
    exhibit = shown["twin-hazard-ratio"]
    data = exhibit.data
    assert list(data["group"].unique()) == ["In print", "Neutral", "Conditional (full scale)"]
    assert set(data.loc[data["what"].str.startswith("Twin"), "evidence"]) == {"synthetic"}
    assert set(data["evidence"]) == {"published", "derived", "conditional", "synthetic"}
    by = data.set_index(["group", "what"])
    contrast = by.loc[("Conditional (full scale)", "Twin, orthonormal contrast")]
    printed = palmira.cells("contrasts.pfs.hazard_ratio").iloc[0]
    for part, column in (("estimate", "hazard_ratio"), ("lower", "lower"), ("upper", "upper")):
        assert round(contrast[column], 2) == printed[part]
    ordinary = by.loc[("Conditional (full scale)", "Twin, ordinary Cox model"), "hazard_ratio"]
    assert contrast["hazard_ratio"] ** np.sqrt(2) == pytest.approx(ordinary, abs=1e-6)


@pytest.mark.site
def test_every_hazard_ratio_stands_printed_neutral_and_conditional_side_by_side(shown):
    data = shown["twin-hazard-ratios"].data
    assert (data.groupby("id")["which"].nunique() == 6).all()
    main = shown["twin-hazard-ratio"].data.set_index(["group", "what"])["hazard_ratio"]
    own = data[data["id"] == "contrasts.pfs.hazard_ratio"].set_index("which")["hazard_ratio"]
    assert own["neutral_twin"] == pytest.approx(
        main["Neutral", "Twin, ordinary Cox model"], abs=1e-6
    )


@pytest.mark.site
def test_the_score_counts_the_checks_that_hold_on_each_twin(shown, said):
    exhibit = shown["twin-score"]
    data, table = exhibit.data, exhibit.table.set_index("Checks of")
    for twin, key in (("Conditional twin", "full"), ("Neutral twin", "neutral")):
        mine = data[data["twin"] == twin]
        held = (mine["holds"] == "yes").sum()
        assert int(table.loc["All", f"Held, {twin.lower()}"]) == held
        assert said[f"twin_score_{key}"] == f"{held} of {len(mine)}"
        lost = shown["twin-missed"].data
        assert (lost["twin"] == twin).sum() == len(mine) - held
        open_, impossible = (int(said[f"twin_{k}_{key}"]) for k in ("open", "impossible"))
        assert open_ + impossible == len(mine) - held


@pytest.mark.site
def test_targets_are_counted_as_attainable_and_met(shown):
    exhibit = shown["twin-targets"]
    row = exhibit.table.set_index("Printed numbers").loc["All"]
    for twin in ("Conditional twin", "Neutral twin"):
        mine = exhibit.data[exhibit.data["twin"] == twin]
        able = mine["status"] != "not attainable"
        short = twin.split()[0].lower()
        assert int(row["Number"]) == len(mine)
        assert int(row[f"Attainable, {short}"]) == able.sum()
        assert int(row[f"Met, {short}"]) == (able & (mine["within"] == "yes")).sum()


@pytest.mark.site
def test_what_is_free_stands_with_both_ranges_and_the_sampling_interval(shown, palmira):
    data = shown["twin-free"].data
    assert (data.groupby("twin").size() == 7 + 4).all()
    assert (data["low"] <= data["this_twin"] + 1e-9).all()
    assert (data["this_twin"] <= data["high"] + 1e-9).all()
    for twin in ("full", "neutral"):
        own = quantities(times(read(DATA / "twin" / twin), palmira), *ARMS)
        means = data.query("twin == @twin and unit == 'months'")
        assert means["sampling_lower"].tolist() == pytest.approx(
            [own[k].lower for k in own if k.startswith("rmst")]
        )


@pytest.mark.site
@pytest.mark.parametrize(
    "name", ["twin-curve-conditional", "twin-curve-neutral", "twin-level-no", "twin-level-yes"]
)
def test_a_curve_says_whose_patients_it_shows_and_both_ranges(shown, name):
    exhibit = shown[name]
    assert "invented patients" in exhibit.alt
    assert "over twins" in exhibit.alt and "sampling" in exhibit.alt
    kinds = set(exhibit.data["what"])
    assert {"curve", "range over twins", "at_risk", "events", "censored"} <= kinds
    searched = "range by directed search" in kinds
    assert searched == name.startswith("twin-curve")


@pytest.mark.site
def test_the_dictionary_page_lists_every_variable_of_its_data_set(shown, palmira):
    lines = table(palmira)
    for dataset, mine in lines.groupby("dataset", sort=False):
        listed = shown[f"dictionary-{dataset.lower()}"].table
        assert listed["Variable"].tolist() == mine["variable"].tolist()
        assert (listed["Origin"].str.len() > 5).all()


@pytest.mark.site
def test_every_picture_and_table_of_the_two_pages_is_called_synthetic(shown):
    mine = [e for e in shown.values() if e.page in ("twin", "dictionary")]
    assert len(mine) > 12 and {e.evidence for e in mine} == {"synthetic"}


def test_an_event_counts_in_its_period_alone(patients):
    def ratios(people):
        return [period_ratio(people, "palbociclib", *s)[0] for s in ((0, 6), (6, 12))]

    fewer = patients.copy()
    second = fewer["time"].between(6 * DAYS_PER_MONTH, 12 * DAYS_PER_MONTH, inclusive="right")
    here = fewer.index[second & (fewer["arm"] == "et") & fewer["event"]]
    fewer.loc[here[: len(here) // 2], "event"] = False
    (first, then), (same, more) = ratios(patients), ratios(fewer)
    assert same == pytest.approx(first)
    assert more > then + 0.3


def test_the_ranges_beside_a_twin_hold_its_own_curve_and_values(palmira, patients, ensemble):
    found, before = joined(ensemble["full"], patients, palmira), ensemble["full"]
    own = quantities(patients, *ARMS)
    for name, span in found.ranges.items():
        old = before.ranges[name]
        assert span.low == min(old.low, own[name].value)
        assert span.high == max(old.high, own[name].value)
        assert np.isnan(span.pushed_high) and span.pushed_low <= own[name].value
    for arm in ARMS:
        band, curve = found.bands[arm], of_arm(patients, arm)
        for month in (3, 12, 24):
            height, at, was = curve.at(month * DAYS_PER_MONTH), band.at(month), before.bands[arm]
            assert at["low"] == min(was.at(month)["low"], height)
            assert at["high"] == max(was.at(month)["high"], height)
            assert np.isnan(at["pushed_low"])
    assert (found.members, found.orderings) == (before.members, before.orderings)


def test_a_month_that_the_ensemble_has_not_is_refused(ensemble):
    with pytest.raises(ValueError, match=r"no month 6\.2"):
        ensemble["full"].bands["et"].at(6.2)


@pytest.mark.parametrize("scale", TWINS)
def test_beside_the_committed_twins_chance_and_publication_leave_a_like_width_open(palmira, scale):
    people = times(read(DATA / "twin" / scale), palmira)
    spread = joined(spreads()[scale], people, palmira)
    own = quantities(people, *ARMS)
    assert set(spread.ranges) == set(own)
    for name, span in spread.ranges.items():
        if name != "ph_p":
            reached = span.pushed_high - span.pushed_low
            assert span.high - span.low < own[name].upper - own[name].lower, name
            assert span.high - span.low <= reached, name
    for arm in ARMS:
        curve = of_arm(people, arm)
        early = [m for m in spread.bands[arm].months if 0 < m <= 12]
        low, high, pushed_low, pushed_high = (
            np.array([spread.bands[arm].at(m)[part] for m in early]) for part in PARTS
        )
        sampling = np.mean(
            [
                curve.at(m * DAYS_PER_MONTH, "upper") - curve.at(m * DAYS_PER_MONTH, "lower")
                for m in early
            ]
        )
        assert sampling / 2 < np.mean(high - low) < 1.5 * sampling
        assert np.mean(pushed_high - pushed_low) > np.mean(high - low)


@pytest.mark.parametrize("scale", TWINS)
def test_a_committed_twin_is_near_the_print_and_meets_what_its_ensemble_meets(palmira, scale):
    rows = verify(read(DATA / "twin" / scale), palmira, scale)
    assert (rows["within"] == "yes").mean() > 0.9
    overall = rows[rows["id"].str.match(r"results\.pfs\.|contrasts\.pfs\.(hazard|difference)")]
    assert (overall[overall["status"] == "to be met"]["within"] == "yes").all()
    lost = checks(rows).query("holds == 'no'")
    assert (lost["beyond"] > 0).all()


def test_the_chapter_says_that_figure_2_and_the_supplement_were_not_seen():
    text = " ".join((ROOT / "notebooks" / "twin.md").read_text(encoding="utf-8").split())
    about = [s for s in re.split(r"(?<=[.:]) ", text) if "Figure 2" in s and "not seen" in s]
    assert any("upplement" in s for s in about)
    assert re.search(r"la(?:y|id)\b.{0,40} beside the printed one", text)


def test_the_home_page_says_what_was_not_available():
    text = " ".join((ROOT / "notebooks" / "intro.md").read_text(encoding="utf-8").split())
    sentence = next(s for s in re.split(r"(?<=[.:]) ", text) if "not available to us" in s)
    for what in ("patients' data", "Data Supplement", "code", "graphics"):
        assert what in sentence


def test_the_chapter_says_that_the_match_is_no_evidence_for_a_scale():
    text = (ROOT / "notebooks" / "twin.md").read_text(encoding="utf-8")
    assert "by construction and is no evidence for its scale" in text
    assert "Both twins {glue:text}`twin_near` the Kaplan-Meier block" in text


def test_every_file_of_both_twins_can_be_downloaded_from_the_dictionary_page():
    text = (ROOT / "notebooks" / "dictionary.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\{download\}`\w+\.csv <\.\./(data/twin/[\w/]+\.csv)>`", text))
    names = ("adsl", "adtte", "adrs", "adae")
    wanted = {f"data/twin/{s}/{n}.csv" for s in TWINS for n in names}
    assert wanted <= linked


def test_the_band_of_a_level_holds_the_twin_and_knows_no_directed_search(palmira):
    frames = read(DATA / "twin" / "full")
    spread, factor = spreads()["full"], "Visceral involvement"
    sizes = 0
    for category, bands in spread.levels[factor].bands.items():
        at = AnalysisSet(palmira, frames).level(factor, category)
        adtte = frames["adtte"]
        mine = times({"adtte": adtte[adtte["USUBJID"].isin(at.index[at])]}, palmira)
        found = joined_level(spread, mine, palmira, factor, category)
        sizes += len(mine)
        for arm in ARMS:
            curve = of_arm(mine, arm)
            for m, low, high in zip(
                found.bands[arm].months, found.bands[arm].low, found.bands[arm].high, strict=True
            ):
                assert low - 1e-9 <= curve.at(m * DAYS_PER_MONTH) <= high + 1e-9
            assert (found.bands[arm].low <= bands[arm].low).all()
    assert sizes == palmira["results.randomized.total.count"].value
