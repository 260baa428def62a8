"""The design of the trial: sample size, flow, dates, scans, and the home page's picture."""

from itertools import combinations
from math import ceil, exp, log, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import Rectangle
from scipy.stats import norm

from palmira.readings.ledger import ledger
from palmira.record import comparators
from palmira.record.printed import parse_date
from palmira.show import flow
from palmira.simulation.sample_size import (
    detectable_hazard_ratio,
    schoenfeld_events,
    schoenfeld_power,
)
from palmira.statistics.hazard_ratios import smallest_se
from palmira.statistics.schedule import WEEKS_PER_MONTH, assessment_weeks, last_assessment

ARMS = ("palbociclib", "et")
RATIOS = st.floats(0.2, 0.95)
POWERS = st.floats(0.5, 0.95)
ALLOCATIONS = st.floats(0.25, 4)


# Reference values: published tables of Schoenfeld's formula, two-sided 5%.
@pytest.mark.parametrize(
    ("hazard_ratio", "power", "ratio", "events"),
    [
        (0.70, 0.8, 1, 246.79),
        (0.70, 0.8, 2, 277.64),
        (0.60, 0.9, 1, 161.07),
        (0.60, 0.9, 2, 181.20),
    ],
)
def test_events_needed_agree_with_reference_values(hazard_ratio, power, ratio, events):
    assert schoenfeld_events(hazard_ratio, power, 0.05, ratio) == pytest.approx(events, abs=0.005)


@given(RATIOS, POWERS, ALLOCATIONS)
def test_the_events_needed_give_the_power_asked_for(hazard_ratio, power, ratio):
    events = schoenfeld_events(hazard_ratio, power, 0.05, ratio)
    assert schoenfeld_power(events, hazard_ratio, 0.05, ratio) == pytest.approx(power, abs=2e-4)
    assert detectable_hazard_ratio(events, power, 0.05, ratio) == pytest.approx(hazard_ratio)


@given(RATIOS, POWERS, ALLOCATIONS)
def test_equal_allocation_needs_the_fewest_events(hazard_ratio, power, ratio):
    assert schoenfeld_events(hazard_ratio, power) <= schoenfeld_events(
        hazard_ratio, power, ratio=ratio
    ) * (1 + 1e-12)


@given(st.floats(20, 500), ALLOCATIONS)
def test_without_a_true_effect_power_is_the_significance_level(events, ratio):
    assert schoenfeld_power(events, 1.0, 0.05, ratio) == pytest.approx(0.05)


@pytest.mark.parametrize("hazard_ratio", [0, -0.5, 1])
def test_a_hazard_ratio_that_cannot_be_detected_is_refused(hazard_ratio):
    with pytest.raises(ValueError, match="hazard ratio to detect"):
        schoenfeld_events(hazard_ratio)


@pytest.fixture(scope="module")
def flows(shown):
    return shown["design-flow"].data.set_index(["arm", "step"])["patients"]


def test_the_published_interval_is_narrower_than_the_sizing_formula_allows(palmira):
    events = [palmira[f"results.pfs.events.{a}.count"].value for a in ARMS]
    arms = [palmira[f"results.randomized.{a}.count"].value for a in ARMS]
    ratio = arms[0] / arms[1]
    planned = 1 / sqrt(sum(events) * ratio / (1 + ratio) ** 2)
    assert planned == pytest.approx(smallest_se(*events), rel=0.01)
    _, widest = palmira.interval("contrasts.pfs.hazard_ratio").se_range
    assert widest < planned


def test_every_assigned_patient_is_at_one_end_of_the_flow(palmira, flows):
    for arm in ARMS:
        ends = sum(flows[arm, step] for step in ("did not start", "ended", "on treatment"))
        assert ends == palmira[f"results.randomized.{arm}.count"].value
    untreated = sum(flows[arm, "did not start"] for arm in ARMS)
    assert untreated == palmira["results.not_treated.total.count"].value


def test_the_reasons_for_not_starting_add_up(palmira):
    reasons = palmira.cells("results.not_treated.*.total")["count"]
    assert len(reasons) == 3
    assert reasons.sum() == palmira["results.not_treated.total.count"].value


def test_every_assigned_patient_is_analyzed_for_efficacy_and_every_treated_one_for_safety(
    palmira, shown, flows
):
    for arm in ARMS:
        assert flows[arm, "analyzed"] == palmira[f"results.randomized.{arm}.count"].value
        safety = palmira.size("safety", arm)
        assert f"for efficacy, {safety} for safety" in shown["design-flow"].alt
        assert flows[arm, "started"] == safety.value


def test_the_flow_says_what_is_published_and_what_is_derived(palmira, shown, rerun, altered):
    picture = shown["design-flow"]
    for arm in (*ARMS, "total"):
        assert palmira[f"results.randomized.{arm}.count"].text in picture.alt
    derived = picture.data.query("evidence == 'derived'")
    assert set(derived["step"]) == {"did not start", "ended"}
    other = rerun("design", altered('"135 (99.2)", "60 (96.8)"', '"130 (95.6)", "60 (96.8)"'))
    changed = other.shown["design-flow"].data.set_index(["arm", "step"])["patients"]
    assert changed["palbociclib", "did not start"] == 6
    assert other.said["design_untreated_palbociclib"] == "6"


def test_the_analysis_at_the_preplanned_events_precedes_the_last_assignment(shown, rerun, altered):
    days = shown["design-timeline"].data["days"]
    first, last, preplanned, cutoff = days
    assert 0 == first < preplanned < last < cutoff
    assert "days before the last random assignment" in shown["design-timeline"].alt
    later = rerun("design", altered('["April 7, 2022"]', '["November 7, 2022"]'))
    assert "12 days after the last random assignment" in later.shown["design-timeline"].alt


def test_the_timeline_shows_every_date_of_the_record(palmira, shown):
    picture = shown["design-timeline"]
    for key in ("first_randomized", "last_randomized", "preplanned", "cutoff"):
        assert palmira[f"timeline.{key}"].text in picture.alt
        assert str(parse_date(palmira[f"timeline.{key}"].text)) in set(picture.data["date"])
    assert len(picture.data) == 4
    longest = picture.data["days"].max() * 12 / 365.25
    assert palmira["results.follow_up.total.maximum"].value <= longest


def weeks_of(exhibit) -> list[float]:
    return list(exhibit.data.query("what == 'tumor assessment'")["week"])


def test_scans_follow_the_stated_intervals(palmira, shown):
    weeks = weeks_of(shown["design-schedule"])
    first, until, later = (
        palmira[f"methods.assessment.{k}"].value
        for k in ("first_interval", "first_until", "later_interval")
    )
    gaps = [b - a for a, b in zip([0.0, *weeks], weeks, strict=False)]
    assert len(gaps) > 6
    for week, gap in zip(weeks, gaps, strict=True):
        assert gap == (first if week <= until * WEEKS_PER_MONTH else later)


@given(st.floats(1, 12), st.floats(0, 24), st.floats(1, 16), st.floats(0, 36))
def test_no_planned_scan_is_missing_or_out_of_range(first, until, later, horizon):
    weeks = assessment_weeks(first, until, later, horizon)
    ends = [0.0, *weeks]
    assert all(a < b for a, b in zip(ends, weeks, strict=False))
    assert ends[-1] <= horizon * WEEKS_PER_MONTH < ends[-1] + max(first, later) + 1e-9


def test_there_is_no_scan_before_the_first():
    assert last_assessment([8.0, 16.0], 1) is None
    assert last_assessment([8.0, 16.0], 2) == 8.0
    with pytest.raises(ValueError, match="interval"):
        assessment_weeks(0, 12, 12, 24)


def test_the_medians_lie_closer_together_than_two_scans(palmira, shown):
    data = shown["design-schedule"].data
    medians = data[data["what"].str.startswith("Median PFS")]["week"]
    assert len(medians) == 2
    assert 0 < medians.max() - medians.min() < palmira["methods.assessment.first_interval"].value


def test_the_schedule_names_its_landmarks_and_takes_its_scans_from_the_record(
    shown, rerun, reprinted, palmira
):
    picture = shown["design-schedule"]
    assert "6-month rate" in picture.alt and "12-month rate" in picture.alt
    assert weeks_of(picture)[:2] == [8, 16]
    other = rerun("design", reprinted(palmira, methods__assessment__first_interval="6"))
    assert weeks_of(other.shown["design-schedule"])[:2] == [6, 12]


def test_power_falls_from_the_assumed_to_the_published_estimate(palmira, shown, reprinted, rerun):
    picture = shown["design-power"]
    marks = picture.data.query("mark != 'curve'").set_index("mark")
    assert list(marks.index) == ["assumed in the design", "detectable", "published"]
    assert marks["power"].is_monotonic_decreasing
    power = palmira["sample_size.power.percent"].value / 100
    assert marks.loc["detectable", "power"] == pytest.approx(power, abs=1e-4)
    for mark in marks.itertuples():
        assert f"{mark.power:.0%} at {mark.hazard_ratio:.2f}" in picture.alt
    events = palmira["results.pfs.events.total.count"].value
    arms = [palmira[f"results.randomized.{a}.count"].value for a in ARMS]
    alpha = palmira["sample_size.alpha"].value
    for point in picture.data.itertuples():
        found = schoenfeld_power(events, point.hazard_ratio, alpha, arms[0] / arms[1])
        assert point.power == pytest.approx(found, abs=1.1e-4)  # both are rounded
    other = rerun("design", reprinted(palmira, sample_size__hazard_ratio="0.50"))
    drawn = other.shown["design-power"].data.set_index("mark")["hazard_ratio"]
    assert drawn["assumed in the design"] == 0.5


def test_the_events_that_occurred_exceed_those_the_design_needed(palmira, shown):
    data = shown["design-sample-size"].data
    need = data[data["part"] == "Events needed"]["number"]
    assert len(need) == 3 and need.is_monotonic_increasing
    assert need.max() < palmira["results.pfs.events.total.count"].value
    target, alpha = (palmira[f"sample_size.{k}"].value for k in ("hazard_ratio", "alpha"))
    power = palmira["sample_size.power.percent"].value / 100
    arms = [palmira[f"results.randomized.{a}.count"].value for a in ARMS]
    by_formula = [schoenfeld_events(target, power, alpha, r) for r in (1, 2, arms[0] / arms[1])]
    assert list(need) == pytest.approx(by_formula)
    table = shown["design-sample-size"].table.set_index("Quantity")["Value"]
    assert [int(v.split()[0]) for q, v in table.items() if q.startswith("With")] == [
        ceil(x) for x in by_formula
    ]


def test_the_levels_of_a_stratification_factor_fill_each_arm(palmira, shown):
    data = shown["design-strata"].data
    for arm in ARMS:
        for total in data.groupby("factor")[f"count_{arm}"].sum():
            assert total == palmira[f"results.randomized.{arm}.count"].value
    assert (data["ratio"] == data["count_palbociclib"] / data["count_et"]).all()


@pytest.mark.parametrize("name", ["design-estimand", "design-intercurrent"])
def test_every_part_of_the_estimand_says_what_is_stated_and_what_is_not(shown, name):
    frame = shown[name].data
    assert len(frame) >= 5
    assert (frame.map(len) > 0).all(axis=None)
    assert frame.columns[-1] == "Not stated in the article (may be in the protocol)"


def test_the_identity_card_takes_its_facts_from_the_record(palmira, shown, rerun, reprinted):
    card = shown["design-card"].data.set_index("Feature")["PALMIRA"]
    assert card["Registry"] == palmira["methods.registry"].text
    other = rerun("design", reprinted(palmira, methods__sites__count="42")).shown["design-card"]
    assert other.data.set_index("Feature")["PALMIRA"]["Sites"].startswith("42 sites")


def test_the_planned_effect_is_excluded_as_published_barely_by_the_least_and_not_by_the_rescaled(
    palmira, said
):
    planned = palmira["sample_size.hazard_ratio"].value
    ratio = "contrasts.pfs.hazard_ratio"
    assert palmira[f"{ratio}.lower"].value == 0.66 > planned == 0.59
    events = [palmira[f"results.pfs.events.{a}.count"].value for a in ARMS]
    least = palmira[f"{ratio}.estimate"].value * exp(-1.959964 * smallest_se(*events))
    assert planned < least < planned + 0.015
    rescaled = 0.66 ** sqrt(2)
    assert rescaled < planned
    for chapter in ("design", "efficacy"):
        assert said[f"{chapter}_lower_least"] == f"{least:.2f}" == "0.60"
        assert said[f"{chapter}_lower_rescaled"] == f"{rescaled:.2f}" == "0.56"


def test_conditional_power_is_that_of_a_brownian_motion(palmira, said):
    """By simulation: z at the end is made of that at the first analysis and an increment."""
    first, last, share = 127, 158, 136 / 198
    now = norm.isf(palmira["contrasts.pfs.preplanned.p"].value / 2)
    end = norm.isf(palmira["contrasts.pfs.hazard_ratio.p"].value / 2)
    effects = {
        "planned_effect": -log(palmira["sample_size.hazard_ratio"].value)
        * sqrt(last * share * (1 - share)),
        "first_estimate": now * sqrt(last / first),
        "no_effect": 0.0,
    }
    increments = np.random.default_rng(1).normal(size=200_000)
    t = first / last
    for effect, drift in effects.items():
        final = now * sqrt(t) + drift * (1 - t) + increments * sqrt(1 - t)
        assert percent(said[f"design_conditional_{effect}"]) == pytest.approx(
            (final > 1.959964).mean(), abs=0.007
        )
        assert percent(said[f"design_as_low_{effect}"]) == pytest.approx(
            (final <= end).mean(), abs=0.007
        )


def percent(text: str) -> float:
    return float(text.removesuffix("%")) / 100


BOXES = pd.DataFrame(
    [
        ("all", "total", "Assigned", 30, "published", False),
        ("assigned", "palbociclib", "Drug", 20, "published", False),
        ("assigned", "et", "No drug", 10, "published", False),
        ("left", "palbociclib", "Left", 2, "published", True),
        ("left", "et", "Left", 1, "derived", True),
        ("stayed", "palbociclib", "Stayed to the end of the study", 18, "published", False),
        ("stayed", "et", "Stayed to the end of the study", 9, "published", False),
    ],
    columns=["step", "arm", "text", "patients", "evidence", "aside"],
)


def test_a_flow_holds_every_box_within_its_figure_on_a_page_and_on_a_phone():
    picture = flow(BOXES, alt="a flow")
    for figure in (picture.figure, picture.narrow()):
        ax = figure.axes[0]
        boxes = [p.get_bbox() for p in ax.patches if isinstance(p, Rectangle)]
        assert len(boxes) == len(BOXES)
        assert all(0 <= b.x0 < b.x1 <= figure.get_figwidth() for b in boxes)
        assert all(not a.overlaps(b) for a, b in combinations(boxes, 2))
        numbers = {t.get_text().split("\n")[-1] for t in ax.texts} - {""}
        assert numbers == {"30", "20", "10", "2", "1 (derived)", "18", "9"}
        dashed = [p for p in ax.patches if isinstance(p, Rectangle) and p.get_linestyle() != "-"]
        assert len(dashed) == 1
    assert picture.data is BOXES


def test_those_who_leave_both_arms_share_a_box_where_reasons_are_given_together():
    both = pd.DataFrame([("left", "total", "Left", 3, "published", True)], columns=BOXES.columns)
    rows = pd.concat([BOXES.iloc[:3], both, BOXES.iloc[3:]], ignore_index=True)
    ax = flow(rows, alt="a flow").figure.axes[0]
    boxes = [p for p in ax.patches if isinstance(p, Rectangle)]
    assert len(boxes) == len(rows) - 2  # the arms' numbers stand at the arrows
    assert {"2", "1 (derived)", "Left\n3"} <= {t.get_text() for t in ax.texts}


def test_a_flow_of_one_arm_or_without_a_column_is_refused():
    with pytest.raises(ValueError, match="two arms"):
        flow(BOXES[BOXES["arm"] != "et"], alt="none")
    with pytest.raises(ValueError, match="lacks"):
        flow(BOXES.drop(columns="text"), alt="none")


def test_the_home_page_opens_with_medians_rates_and_severe_events(palmira, shown):
    picture = shown["intro-abstract"]
    data = picture.data.set_index("cell")
    assert len(data) == 8
    for arm in ARMS:
        median = palmira[f"results.pfs.median.{arm}.estimate"]
        assert data.loc[f"results.pfs.median.{arm}", "value"] == median.value
        assert median.text in picture.alt
        for id, part in (
            ("results.pfs.rate_6", "estimate"),
            ("results.pfs.rate_12", "estimate"),
            ("safety.teae.grade3", "percent"),
        ):
            assert data.loc[f"{id}.{arm}", "value"] == palmira[f"{id}.{arm}.{part}"].value
    assert "grade 3 or higher): 47 and 10" in picture.alt


def test_the_home_page_shows_the_published_interval_within_the_least_one(palmira, shown):
    picture = shown["intro-hazard-ratio"]
    ratio = picture.data.iloc[0]
    assert ratio["least_lower"] < ratio["lower"] < 1 < ratio["upper"] < ratio["least_upper"]
    assert "Both include 1" in picture.alt
    for part in ("estimate", "lower", "upper"):
        entry = palmira[f"contrasts.pfs.hazard_ratio.{part}"]
        assert entry.text in picture.alt
        assert ratio[part] == entry.value


def test_the_home_page_repeats_published_cells_digit_by_digit(palmira, shown):
    table = shown["intro-results"].table.set_index("Outcome")
    assert list(table.index)[:3] == ["Median PFS, months", "6-month PFS, %", "12-month PFS, %"]
    cell = table.loc["Median PFS, months", palmira.sheet.arms["et"].label].replace("\u00a0", " ")
    assert cell == palmira.cells("results.pfs.median.et")["text"].item()
    assert all(palmira[f"results.pfs.median.et.{p}"].text in cell for p in ("estimate", "lower"))


def test_the_verdicts_count_every_entry_once(palmira, shown, said):
    entries = ledger(palmira, comparators())
    counts = shown["ledger-verdicts"].data.groupby("verdict")["entries"].sum()
    assert counts.sum() == len(entries) == int(said["ledger_entries"])
    assert counts["reproduced"] > counts["inconsistent"] + counts["rounding"]
