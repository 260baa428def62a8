"""The design of the trial: sample size, flow, dates, scans, and the home page's picture."""

from math import sqrt

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from palmira.design import detectable_hazard_ratio, schoenfeld_events, schoenfeld_power
from palmira.figures import design as figures
from palmira.figures.intro import three_readings
from palmira.figures.schedule import landmarks, scan_weeks, schedule
from palmira.hazard_ratios import smallest_se
from palmira.ledger import ledger
from palmira.readings import widest_se
from palmira.record import DATA, Record, comparators, load, published
from palmira.schedule import WEEKS_PER_MONTH, assessment_weeks, last_assessment
from palmira.tables import design as tables
from palmira.tables.intro import key_results, printed_cell, verdict_counts

RATIOS = st.floats(0.2, 0.95)
POWERS = st.floats(0.5, 0.95)
ALLOCATIONS = st.floats(0.25, 4)


@pytest.fixture(scope="module")
def palmira() -> Record:
    return published("palmira")


@pytest.fixture
def altered(tmp_path):
    """A record of the trial in which some cells read otherwise: {(block, row): values}."""

    def alter(changes):
        data = yaml.safe_load((DATA / "published" / "palmira.yaml").read_text(encoding="utf-8"))
        for block in data["blocks"]:
            for row in block["rows"]:
                row["values"] = changes.get((block["id"], row["id"]), row["values"])
        path = tmp_path / "altered.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return load(path)

    return alter


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


def test_the_printed_interval_is_narrower_than_the_sizing_formula_allows(palmira):
    events = [palmira[f"results.pfs.events.{a}.count"].value for a in figures.ARMS]
    ratio = figures.allocation_ratio(palmira)
    planned = 1 / sqrt(sum(events) * ratio / (1 + ratio) ** 2)
    assert planned == pytest.approx(smallest_se(*events), rel=0.01)
    assert widest_se(palmira, "contrasts.pfs.hazard_ratio") < planned


def test_every_assigned_patient_is_at_one_end_of_the_flow(palmira):
    flow = figures.flow_counts(palmira).set_index(["arm", "step"])["patients"]
    for arm in figures.ARMS:
        ends = sum(flow[arm, step] for step in ("did not start", "ended", "on treatment"))
        assert ends == palmira[f"results.randomized.{arm}.count"].value
    untreated = sum(flow[arm, "did not start"] for arm in figures.ARMS)
    assert untreated == palmira["results.not_treated.total.count"].value


def test_the_reasons_for_not_starting_add_up(palmira):
    reasons = [palmira[f"results.not_treated.{k}.total.count"].value for k in figures.REASONS]
    assert sum(reasons) == palmira["results.not_treated.total.count"].value


def test_the_flow_says_what_is_printed_and_what_is_derived(palmira, altered):
    picture = figures.consort_flow(palmira)
    for arm in ("palbociclib", "et", "total"):
        assert palmira[f"results.randomized.{arm}.count"].text in picture.alt
    derived = picture.data.query("evidence == 'derived'")
    assert set(derived["step"]) == {"did not start", "ended"}
    other = altered({("results", "treated"): ["130 (95.6)", "60 (96.8)", "190 (96.0)"]})
    changed = figures.flow_counts(other).set_index(["arm", "step"])["patients"]
    assert changed["palbociclib", "did not start"] == 6


def test_the_analysis_at_the_preplanned_events_precedes_the_last_assignment(palmira, altered):
    assert figures.days_between(palmira, "preplanned", "last_randomized") > 0
    assert figures.days_between(palmira, "last_randomized", "cutoff") > 0
    assert "days before the last random assignment" in figures.timeline(palmira).alt
    later = altered({("timeline", "preplanned"): ["November 7, 2022"]})
    assert "12 days after the last random assignment" in figures.timeline(later).alt


def test_the_timeline_shows_every_date_of_the_record(palmira):
    picture = figures.timeline(palmira)
    for key in ("first_randomized", "last_randomized", "preplanned", "cutoff"):
        assert palmira[f"timeline.{key}"].text in picture.alt
    assert len(picture.data) == 4
    longest = picture.data["days"].max() * 12 / 365.25
    assert palmira["results.follow_up.total.maximum"].value <= longest


def test_scans_follow_the_stated_intervals(palmira):
    weeks = scan_weeks(palmira)
    first, until, later = (
        palmira[f"methods.assessment.{k}"].value
        for k in ("first_interval", "first_until", "later_interval")
    )
    gaps = [b - a for a, b in zip([0.0, *weeks], weeks, strict=False)]
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


def test_the_medians_lie_closer_together_than_two_scans(palmira):
    medians = landmarks(palmira)["week"].iloc[2:]
    assert 0 < medians.max() - medians.min() < palmira["methods.assessment.first_interval"].value


def test_the_schedule_names_its_landmarks_and_takes_its_scans_from_the_record(palmira, altered):
    picture = schedule(palmira)
    assert "6-month rate" in picture.alt and "12-month rate" in picture.alt
    scans = picture.data.query("what == 'tumor assessment'")["week"]
    assert list(scans) == scan_weeks(palmira)
    other = altered({("methods", "assessment.first_interval"): ["6"]})
    assert scan_weeks(other)[:2] == [6, 12]


def test_power_falls_from_the_assumed_to_the_printed_hazard_ratio(palmira, altered):
    marks = figures.power_marks(palmira).set_index("mark")
    assert marks["power"].is_monotonic_decreasing
    power = figures.design_power(palmira)[2]
    assert marks.loc["detectable", "power"] == pytest.approx(power, abs=1e-4)
    picture = figures.power_curve(palmira)
    for mark in marks.itertuples():
        assert f"{mark.power:.0%} at {mark.hazard_ratio:.2f}" in picture.alt
    assert set(picture.data["mark"]) == {"curve", *marks.index}
    other = altered({("sample_size", "hazard_ratio"): ["0.50"]})
    assert figures.power_marks(other)["hazard_ratio"][0] == 0.5


def test_the_events_that_occurred_exceed_those_the_design_needed(palmira):
    shown = tables.sample_size(palmira).frame.set_index("Quantity")["Value"]
    need = {q: int(v.split()[0]) for q, v in shown.items() if q.startswith("With")}
    assert list(need.values()) == sorted(need.values())
    assert max(need.values()) < palmira["results.pfs.events.total.count"].value


def test_the_levels_of_a_stratification_factor_fill_each_arm(palmira):
    frame = tables.strata(palmira).frame
    for arm in figures.ARMS:
        counts = frame[palmira.sheet.arms[arm].label].str.split().str[0].astype(int)
        for total in counts.groupby(frame["Factor"]).sum():
            assert total == palmira[f"results.randomized.{arm}.count"].value


@pytest.mark.parametrize("table", [tables.estimand, tables.intercurrent_events])
def test_every_part_of_the_estimand_says_what_is_stated_and_what_is_not(palmira, table):
    frame = table(palmira).frame
    assert (frame.map(len) > 0).all(axis=None)
    assert frame.columns[-1] == tables.OPEN


def test_the_identity_card_takes_its_facts_from_the_record(palmira, altered):
    card = tables.identity_card(palmira).frame.set_index("Feature")["PALMIRA"]
    assert card["Registry"] == palmira["methods.registry"].text
    other = altered({("methods", "sites"): ["42"]})
    changed = tables.identity_card(other).frame.set_index("Feature")["PALMIRA"]
    assert changed["Sites"].startswith("42 sites")


def test_the_home_page_shows_three_readings_and_all_include_no_difference(palmira, altered):
    picture = three_readings(palmira)
    assert list(picture.data["reading"]) == ["printed", "neutral", "conditional"]
    assert ((picture.data["lower"] < 1) & (picture.data["upper"] > 1)).all()
    assert "3 of the 3 intervals include 1" in picture.alt
    for part in ("estimate", "lower", "upper"):
        assert palmira[f"contrasts.pfs.hazard_ratio.{part}"].text in picture.alt
    other = altered({("contrasts", "pfs.hazard_ratio"): ["0.60 (0.50 to 0.72)"]})
    assert "0 of the 3 intervals include 1" in three_readings(other).alt


def test_the_home_page_repeats_printed_cells_digit_by_digit(palmira):
    frame = key_results(palmira).frame.set_index("Outcome")
    shown = frame.loc["Median PFS, months", palmira.sheet.arms["et"].label]
    assert shown == printed_cell(palmira, "results.pfs.median", "et")
    assert all(palmira[f"results.pfs.median.et.{p}"].text in shown for p in ("estimate", "lower"))


def test_the_verdicts_on_the_home_page_count_every_entry_once(palmira):
    entries = ledger(palmira, comparators())
    frame = verdict_counts(entries).frame.set_index("Verdict")["Numbers"]
    assert frame.drop("all").sum() == frame["all"] == len(entries)
    assert frame["reproduced"] > frame["inconsistent"] + frame["rounding"]
