"""The stages of the calendar and of overall survival: what they print, by lifelines, and what no
patient's days may contradict. They need the extra ``twin``."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from adam_frames import START, frames_of

from palmira.record import Record, published
from palmira.record.schema import RecordError
from palmira.twin.adam.study_days import timeline
from palmira.twin.search import enrollment, overall_survival
from palmira.twin.search.annealing import Cooling
from palmira.twin.search.enrollment import enroll
from palmira.twin.search.make import earliest_censoring
from palmira.twin.search.overall_survival import survive
from palmira.twin.search.patient_table import Stage, improve, start
from palmira.twin.search.pfs import patients_frame
from palmira.twin.search.problem import empty_goal, pfs_problem
from palmira.twin.verify.recompute import verify

pytestmark = pytest.mark.slow

# Groups of targets, and which of them these stages answer for.
GROUPS = {"Events", "Medians", "Hazard ratios", "Follow-up", "Disposition"}
MINE = (
    r"results\.(os|follow_up|on_treatment|randomized|treated)\.|contrasts\.(os\.|pfs\.preplanned)"
)
STEPS = 40_000
ONE_SCALE = pytest.mark.parametrize("scale", ["full"], indirect=True)


def progressed(record: Record, scale: str) -> tuple:
    """PFS with the printed landmarks and hazard ratio of all patients, and its problem."""
    problem = pfs_problem(record, scale)
    problem = replace(problem, earliest=earliest_censoring(record, problem))
    table = start(problem, 1100, np.random.default_rng(1), [None, None])
    goal = empty_goal(problem.adjusting, problem.goal.scale)
    goal.ratios[0], goal.ratio_z[0] = problem.goal.ratios[0], problem.goal.ratio_z[0]
    goal = goal._replace(mark_days=problem.goal.mark_days, mark_boxes=problem.goal.mark_boxes)
    stage = Stage(goal, Cooling(STEPS, 0.6, 0.1), np.zeros(2, dtype=bool))
    table, _ = improve(table, stage, 1)
    return problem, patients_frame(problem, table)


@pytest.fixture(scope="module", params=["full", "neutral"])
def scale(request):
    return request.param


@pytest.fixture(scope="module")
def before(scale):
    return progressed(published("palmira"), scale)


@pytest.fixture(scope="module")
def enrolled(before):
    return enroll(published("palmira"), *before, 1)


@pytest.fixture(scope="module")
def patients(before, enrolled, scale):
    return survive(published("palmira"), before[0], enrolled, 1, scale)


def frames(patients: pd.DataFrame) -> dict[str, pd.DataFrame]:
    flag = {True: "Y", False: "N"}
    people = pd.DataFrame(
        {
            "TRT01PN": patients["arm"].map({"palbociclib": 1, "et": 2}),
            "PFS": patients["pfs"],
            "PFS_event": patients["pfs_event"],
            "OS": patients["os"],
            "OS_event": patients["died"],
            "RANDDT": START + pd.to_timedelta(patients["enrolled"], unit="D"),
            "SAFFL": patients["treated"].map(flag),
            "EOTSTT": patients["on_treatment"].map({True: "ONGOING", False: "DISCONTINUED"}),
            "ETDRUG": patients["Endocrine therapy"],
            "VISCFL": (patients["Visceral involvement"] == "Yes").map(flag),
        }
    )
    return frames_of(people)


def test_every_printed_number_of_these_stages_is_recomputed(palmira, patients, scale):
    rows = verify(frames(patients), palmira, scale, GROUPS)
    dates = rows["analysis"] == "date"
    mine = rows[(rows["id"].str.match(MINE) | dates) & (rows["status"] == "to be met")]
    assert len(mine) >= (20 if scale == "full" else 15)
    assert mine.loc[mine["within"] != "yes", "id"].tolist() == []


def test_no_day_lies_after_the_cutoff_or_a_death(palmira, patients):
    first = timeline(palmira, "first_randomized")
    cutoff = (timeline(palmira, "cutoff") - first).days
    assert (patients["os"] >= patients["pfs"]).all()
    assert (patients["enrolled"] + patients["os"] - 1 <= cutoff).all()
    assert patients["enrolled"].min() == 0
    assert patients["enrolled"].max() == (timeline(palmira, "last_randomized") - first).days
    untreated = patients[~patients["treated"]]
    assert (untreated["os"] == 1).all() and not untreated["died"].any()


def test_patients_on_treatment_are_alive_at_the_cutoff_soon_after_a_scan(palmira, patients):
    going = patients[patients["on_treatment"]]
    cutoff = (timeline(palmira, "cutoff") - timeline(palmira, "first_randomized")).days
    assert (going["os"] == cutoff - going["enrolled"] + 1).all()
    assert not going["died"].any() and not going["pfs_event"].any() and going["treated"].all()
    since = going["os"] - going["pfs"]
    # At most eight weeks and a window of seven days, and twelve weeks after the first year.
    assert since.between(0, np.where(going["pfs"] > 310, 90, 62)).all()


def test_some_pfs_events_are_deaths_and_most_are_not(patients):
    at_once = patients[patients["died"] & (patients["os"] == patients["pfs"])]
    assert at_once["pfs_event"].all() and at_once["treated"].all()
    deaths = at_once.groupby("arm").size()
    assert deaths["palbociclib"] >= 4 and deaths["et"] >= 1 and deaths.sum() <= 15


def test_accrual_is_even(patients):
    years = np.histogram(patients["enrolled"], bins=4, range=(0, 1296))[0]
    assert years.min() >= 35 and years.max() <= 65


@ONE_SCALE
def test_a_seed_gives_the_same_days_and_another_seed_others(before, patients, scale):
    palmira, (problem, table) = published("palmira"), before
    again = survive(palmira, problem, enroll(palmira, problem, table, 1), 1, scale)
    pd.testing.assert_frame_equal(again, patients)
    assert (enroll(palmira, problem, table, 2)["enrolled"] != patients["enrolled"]).any()


@ONE_SCALE
@pytest.mark.parametrize(
    "text, named",
    [
        (
            {"results.on_treatment.palbociclib.count": "31"},
            "can have been on treatment at the cutoff",
        ),
        (
            dict(
                zip(
                    (f"contrasts.pfs.preplanned.{k}" for k in ("estimate", "lower", "upper", "p")),
                    ("1.77", "1.36", "2.31", ".001"),
                    strict=True,
                )
            ),
            "not met at that date",
        ),
    ],
)
def test_days_of_assignment_that_do_not_exist_name_the_entry(
    monkeypatch, palmira, reprinted, before, text, named
):
    monkeypatch.setattr(enrollment, "TRIES", 1)
    changed = reprinted(palmira, **{k.replace(".", "__"): v for k, v in text.items()})
    with pytest.raises(RecordError, match=named) as error:
        enroll(changed, *before, 1)
    assert next(iter(text)) in str(error.value)


@ONE_SCALE
@pytest.mark.parametrize(
    "id, text, named",
    [
        ("results.os.deaths.total.count", "195", "can have died before the cutoff"),
        ("results.follow_up.total.median", "33.2", "no times of death or last contact"),
    ],
)
def test_times_of_death_that_do_not_exist_name_the_entry(
    monkeypatch, palmira, reprinted, before, enrolled, scale, id, text, named
):
    monkeypatch.setattr(overall_survival, "SPLITS", 2)
    changed = reprinted(palmira, **{id.replace(".", "__"): text})
    with pytest.raises(RecordError, match=named) as error:
        survive(changed, before[0], enrolled, 1, scale)
    assert id in str(error.value)


@ONE_SCALE
def test_dates_out_of_order_are_named(palmira, before):
    early = replace(palmira["timeline.cutoff"], text="July 1, 2019")
    record = Record(palmira.sheet, palmira.entries | {"timeline.cutoff": early})
    with pytest.raises(RecordError, match=r"timeline\.cutoff\): not in this order"):
        enroll(record, *before, 1)


@ONE_SCALE
def test_without_dates_they_are_nominal_and_everybody_fits_before_the_cutoff(palmira, before):
    entries = {k: e for k, e in palmira.entries.items() if k != "timeline.cutoff"}
    record = Record(palmira.sheet, entries)
    out = enroll(record, *before, 1)
    first, last, cutoff = (
        timeline(record, row) for row in ("first_randomized", "last_randomized", "cutoff")
    )
    assert first == pd.Timestamp("1960-01-01") and last == cutoff
    assert (out["enrolled"] + out["pfs"] - 1).max() <= (cutoff - first).days
    assert out["enrolled"].max() > (cutoff - first).days / 2
    going = out[out["on_treatment"]].groupby("arm").size().to_dict()
    assert going == {"palbociclib": 24, "et": 8}


@ONE_SCALE
def test_where_little_is_printed_the_rest_is_made_up(palmira, before, scale):
    gone = (
        "results.on_treatment",
        "results.follow_up",
        "results.os",
        "contrasts.os",
        "contrasts.pfs.preplanned",
        "timeline.last_randomized",
    )
    entries = {k: e for k, e in palmira.entries.items() if not k.startswith(gone)}
    record = Record(palmira.sheet, entries)
    out = survive(record, before[0], enroll(record, *before, 1), 1, scale)
    assert out["on_treatment"].sum() >= 24
    assert 30 < out["died"].sum() < 100 and (out["os"] >= out["pfs"]).all()
