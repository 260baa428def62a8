"""Adverse events in time: who counts from when to when, rates, and the first severe event."""

from math import inf, isnan

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from palmira.figures.safety import risks_and_differences

from palmira import exposure, safety
from palmira.figures import exposure as figures
from palmira.tables import computed
from palmira.tables import safety as tables
from palmira.twin.store import committed
from palmira.twin.verify import verify

# Patient: arm, last dose, end of treatment status, last known alive (days from the first dose).
PATIENTS = {
    "A": (1, 100, "DISCONTINUED", 300), "B": (1, 40, "DISCONTINUED", 50),
    "C": (1, 400, "ONGOING", 400), "D": (2, 30, "DISCONTINUED", 500),
    "E": (2, 60, "DISCONTINUED", 70),
}  # fmt: skip
# Event: patient, term, category, grade, day.
EVENTS = [
    ("A", "Fatigue", "Nonhematologic", 1, 5), ("A", "Neutropenia", "Hematologic", 3, 30),
    ("A", "Neutropenia", "Hematologic", 4, 20), ("D", "Fatigue", "Nonhematologic", 2, 58),
]  # fmt: skip


def day(number):
    return pd.Timestamp("2020-01-01") + pd.Timedelta(days=number - 1)


@pytest.fixture
def frames():
    adsl = pd.DataFrame(
        [{"USUBJID": k, "SAFFL": "Y", "TRT01PN": arm, "TRTSDT": day(1), "TRTEDT": day(end),
          "EOTSTT": status, "LSTALVDT": day(alive), "DCUTDT": day(410)}
         for k, (arm, end, status, alive) in PATIENTS.items()]
    )  # fmt: skip
    untreated = adsl.iloc[[0]].assign(USUBJID="F", SAFFL="N", TRTSDT=pd.NaT, TRTEDT=pd.NaT)
    columns = ["USUBJID", "AEDECOD", "AECAT", "AETOXGRN", "ASTDY"]
    adae = pd.DataFrame(EVENTS, columns=columns).assign(TRTEMFL="Y")
    return {"adsl": pd.concat([adsl, untreated]), "adae": adae}


@pytest.fixture(scope="module")
def twins(palmira):
    return committed(palmira.trial)


def test_a_patient_counts_from_the_first_dose_to_the_event_or_to_the_end_of_observation(frames):
    found = exposure.first_events(frames)
    # 28 days after the last dose, but not after last contact; on treatment to the last contact.
    assert found.time.to_dict() == {"A": 5, "B": 50, "C": 400, "D": 58, "E": 70}
    assert found.status.to_dict() == {"A": 1, "B": 2, "C": 0, "D": 1, "E": 2}
    assert list(found.role) == ["experimental"] * 3 + ["control"] * 2


def test_only_events_of_the_grade_and_term_count_and_the_first_of_them(frames):
    severe = exposure.first_events(frames, 3)
    assert severe.time["A"] == 20
    assert severe.status["D"] == 2
    assert exposure.first_events(frames, 1, "Neutropenia").status.sum() == 1 + 2 + 0 + 2 + 2
    assert exposure.first_events(frames, 1, "Hematologic").time["A"] == 20


def test_a_rate_has_the_exact_poisson_interval():
    years = exposure.DAYS_PER_YEAR
    ten = pd.DataFrame({"role": "experimental", "time": [years / 10] * 10, "status": 1})
    none = pd.DataFrame({"role": "control", "time": [years / 2] * 2, "status": 2})
    found = exposure.rates(pd.concat([ten, none]))
    rate = found["experimental"]
    # Garwood's limits for 10 events: 4.795 and 18.390.
    assert (rate.value, rate.lower, rate.upper) == pytest.approx((1000, 479.54, 1839.04), abs=0.01)
    assert (found["control"].lower, found["control"].upper) == pytest.approx((0, 368.89), abs=0.01)
    assert found["ratio"].value == inf and isnan(found["ratio"].lower)
    assert isnan(exposure.rates(pd.concat([ten.assign(status=2), none]))["ratio"].value)


def test_the_ratio_of_two_equal_rates_is_1_and_its_interval_holds_it():
    arm = {"time": [100.0] * 8, "status": [1] * 4 + [2] * 4}
    both = pd.concat([pd.DataFrame(arm).assign(role=r) for r in ("experimental", "control")])
    ratio = exposure.rates(both)["ratio"]
    assert ratio.value == pytest.approx(1)
    assert ratio.lower * ratio.upper == pytest.approx(1, rel=1e-3)


@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from([1, 2])), min_size=2, max_size=30))
def test_where_nothing_is_censored_the_curve_ends_at_the_share_with_the_event(patients):
    frame = pd.DataFrame(patients, columns=["time", "status"]).assign(role="experimental")
    if not (frame.status == 1).any():
        return
    curve = exposure.cumulative_incidence(frame.astype({"time": float}))
    assert curve.share.iloc[0] == 0
    assert curve.share.is_monotonic_increasing
    assert curve.share.iloc[-1] == pytest.approx((frame.status == 1).mean())


def test_below_the_curves_each_arm_is_whole_at_every_month(frames):
    counts = exposure.still_observed(exposure.first_events(frames), [0.0, 2.0, 12.0])
    whole = counts.at_risk + counts.events + counts.ended
    assert list(whole) == [3] * 3 + [2] * 3
    assert list(counts.at_risk[counts.month == 0]) == [3, 2]


def test_on_the_twins_the_patients_with_an_event_are_those_of_the_adverse_event_table(
    palmira, twins
):
    spans = safety.by_span(safety.adverse_events(palmira)).set_index(["term", "span"])
    severe = spans.loc[("Any", safety.SEVERE)]
    for frames in twins.values():
        found = exposure.first_events(frames, 3)
        with_event = found[found.status == 1].groupby("role").size()
        assert with_event["experimental"] == severe["count"]
        assert with_event["control"] == severe.control_count
        curve = exposure.cumulative_incidence(found).groupby("role").share.max()
        assert curve["experimental"] >= severe["count"] / severe.n - 1e-12


def test_the_table_from_adae_counts_each_patient_once_at_the_highest_grade(palmira, twins):
    verified = {s: verify(f, palmira, s, ["Adverse events"]) for s, f in twins.items()}
    table = computed.adverse_events(verified, palmira)
    worst = twins["full"]["adae"].groupby(["TRTAN", "USUBJID"]).AETOXGRN.max()
    cell = table.data.set_index(["row", "column"]).loc[("any", "palbociclib.grade3")]
    assert cell.full.startswith(f"{(worst[1] == 3).sum()}\u00a0(")
    assert cell.printed.split("\u00a0")[0] == palmira["table2.any.palbociclib.grade3.count"].text
    assert list(dict.fromkeys(table.frame.Grade)) == list(computed.GRADES.values())
    assert (table.frame["ET alone, twins"][table.frame.Grade == "Grade 5"] == "–").all()


def test_the_table_of_rates_shows_both_twins_and_its_data_hold_what_was_divided(palmira, twins):
    table = tables.exposure_adjusted(twins, palmira)
    assert len(table.frame) == 2 * len(tables.RATES)
    data = table.data
    assert (100 * data.with_event / data.years_at_risk).to_numpy() == pytest.approx(
        data.per_100_years.to_numpy()
    )
    assert not table.frame.apply(lambda c: c.str.contains("nan")).any(axis=None)


def test_the_dots_are_the_risks_and_the_intervals_those_of_the_table(palmira, altered):
    picture = risks_and_differences(palmira)
    ax, beside = picture.figure.axes
    shown = {x for line in ax.lines for x in line.get_xdata()}
    assert {100 * r["count"] / r["n"] for _, r in picture.data.iterrows()} <= shown
    ends = [tuple(line.get_xdata()) for line in beside.lines if len(line.get_xdata()) == 2]
    limits = list(
        zip(100 * picture.data.difference_lower, 100 * picture.data.difference_upper, strict=True)
    )
    assert set(limits) <= set(ends)
    assert "neutropenia 52.6% against 1.7%, +50.9 (39.9 to 59.3)" in picture.alt
    record = altered('"37 (27.4)", "0 (0)"', '"67 (49.6)", "0 (0)"')
    assert "fatigue 49.6% against 23.3%" in risks_and_differences(record).alt


def test_the_curves_of_both_twins_are_drawn_and_the_picture_says_that_they_are_invented(
    palmira, twins
):
    picture = figures.time_to_severe(twins, palmira)
    assert picture.alt.startswith("Invented patients.")
    assert set(picture.data.twin) == {"neutral", "full"}
    ax, under = picture.figure.axes
    assert len([line for line in ax.lines if len(line.get_xdata()) > 2]) == 4
    counts = exposure.still_observed(exposure.first_events(twins["neutral"], 3), figures.MONTHS)
    below = [t.get_text() for t in under.texts]
    assert str(counts.at_risk.iloc[1]) in below
