"""Members of the ensemble, recomputed by lifelines: they print what the paper prints."""

from dataclasses import replace
from math import exp

import numpy as np
import pandas as pd
import pytest

from palmira.statistics.estimates import critical, two_sided_p
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival import cox
from palmira.statistics.survival_curves import of_arm
from palmira.twin.ensemble.dealt import dealt
from palmira.twin.ensemble.members import drive, member, setting
from palmira.twin.search.goals import SURVIVAL, Push
from palmira.twin.search.orderings import rate_at
from palmira.twin.search.timing import envelope

pytestmark = pytest.mark.slow

PARTS = {"estimate": "survival", "lower": "lower", "upper": "upper"}


@pytest.fixture(scope="module", params=["full", "neutral"])
def made(request, palmira):
    return request.param, setting(palmira, request.param, 1)


@pytest.fixture(scope="module")
def found(made):
    return member(made[1], [1, 0])


def frame_of(problem, table):
    frame = pd.DataFrame(
        {
            "arm": np.array(problem.arms)[table.arm],
            "time": table.day.astype(float),
            "event": table.event,
            "x": (table.arm == 0).astype(float),
        }
    )
    for f, name in enumerate(problem.factors):
        frame[name] = table.level[:, f].astype(float)
    return frame


def assert_prints_as_in_the_paper(palmira, problem, table, scale):
    frame = frame_of(problem, table)
    for arm in problem.arms:
        curve = of_arm(frame, arm)
        for part, which in PARTS.items():
            median = palmira[f"results.pfs.median.{arm}.{part}"].printed
            day = curve.days[np.flatnonzero(getattr(curve, which) <= 0.5)[0]]
            assert median.rounds_from(day / DAYS_PER_MONTH), (arm, part)
            for month in (6, 12):
                rate = palmira[f"results.pfs.rate_{month}.{arm}.{part}"].printed
                height = curve.at(month * DAYS_PER_MONTH, which)
                assert rate.rounds_from(100 * height), (arm, month, part)
    fit = cox(
        frame.drop(columns="arm").astype(float), "time", "event", ["x", *problem.factors], "efron"
    )
    b, se = fit.log_hazard_ratio["x"], fit.se["x"]
    k, z = problem.goal.scale, critical(95)
    values = {"estimate": exp(k * b)}
    if scale == "full":
        limits = {"lower": exp(k * (b - z * se)), "upper": exp(k * (b + z * se))}
        values |= limits | {"p": two_sided_p(b / se)}
    for part, value in values.items():
        assert palmira[f"contrasts.pfs.hazard_ratio.{part}"].printed.rounds_from(value), part


def test_a_member_prints_every_result_of_all_patients(palmira, made, found):
    scale, shared = made
    assert_prints_as_in_the_paper(palmira, shared.problem, found.table, scale)


def test_the_small_arms_orders_are_those_that_leave_room_for_the_printed_difference(made):
    problem = made[1].problem
    assert 0 < len(made[1].orders) < 20
    assert len({rate_at(o, problem.n[made[1].small], 0) for o in made[1].orders}) == 1


def test_a_member_lies_within_the_days_that_its_orders_allow(made, found):
    shared, table = made[1], found.table
    for a, order in enumerate(found.orders):
        mine = np.flatnonzero(table.arm == a)
        mine = mine[np.lexsort((~table.event[mine], table.day[mine]))]
        room = envelope(shared.problem, a, table.event[mine], order.cuts, shared.horizon)
        assert (room.first <= table.day[mine]).all() and (table.day[mine] <= room.last).all()
        letters = "".join("e" if e else "c" for e in table.event[mine])
        assert letters.startswith(order.letters)


def test_a_driven_member_goes_further_prints_the_same_and_is_made_alike_twice(palmira, made, found):
    scale, shared = made
    day = 3 * DAYS_PER_MONTH

    def height(table):
        return of_arm(frame_of(shared.problem, table), "palbociclib").at(day)

    up, again, down = (
        drive(shared, found, Push(SURVIVAL, 0, day, 0.0, sign, 5.0), [1, 1])
        for sign in (1.0, 1.0, -1.0)
    )
    assert height(down) < height(found.table) < height(up)
    assert (up.day == again.day).all() and (up.level == again.level).all()
    for table in (up, down):
        assert_prints_as_in_the_paper(palmira, shared.problem, table, scale)


def test_levels_have_the_printed_patients_and_events_and_medians_near_the_printed(
    palmira, made, found
):
    scale, shared = made
    whole = shared.whole
    table, met = dealt(whole, shared.problem, found.table, np.random.default_rng(1))
    assert len(met) >= len(whole.factors) - 1
    own = [whole.factors.index(f) for f in shared.problem.factors]
    kept = replace(table, level=table.level[:, own])
    assert_prints_as_in_the_paper(palmira, shared.problem, kept, scale)
    medians = 0
    for e in palmira.entries.values():
        if e.block != "figure3" or e.measure != "events" or e.part != "n" or not e.factor:
            continue
        f = whole.factors.index(e.factor)
        frame = frame_of(shared.problem, table)
        at = table.level[:, f] == whole.levels[f].index(e.category)
        at &= frame["arm"] == e.arm
        stem = e.id.removesuffix("events.n")
        assert at.sum() == e.value
        assert frame.loc[at, "event"].sum() == palmira[f"{stem}events.events"].value
        median = palmira[f"{stem}median.estimate"].value
        if e.factor in met and at.sum() > 4:
            day = of_arm(frame[at], e.arm).median("")
            assert abs(day / DAYS_PER_MONTH - median) < 0.6, e.id
            medians += 1
    assert medians >= 4 * len(met) - 1
