"""Adverse events in time, from data sets in the form of ADaM: rates, and the first severe event.

On synthetic patients of a paper that prints no times all of it is free, but for the numbers of
patients with an event.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from statsmodels.duration.survfunc import CumIncidenceRight
from statsmodels.stats.rates import confint_poisson, confint_poisson_2indep

from palmira.estimates import Estimate
from palmira.schedule import DAYS_PER_MONTH
from palmira.twin.analysis_set import ROLES

# Days after the last dose in which an event still counts as one of the treatment.
WINDOW = 28
DAYS_PER_YEAR = 12 * DAYS_PER_MONTH
SEVERE = 3
HAPPENED, ENDED = 1, 2


def first_events(
    frames: Mapping[str, pd.DataFrame], least: int = 1, term: str | None = None
) -> pd.DataFrame:
    """Treated patients with the time to their first treatment-emergent event of a grade.

    ``least`` is the lowest grade that counts, ``term`` an AEDECOD or AECAT (any if None). Columns
    by USUBJID: role, time (days from the first dose, day 1, to the event or to the end of
    observation), status (1 event, 2 observation ended without one, 0 still on treatment at the
    cutoff). Observation ends 28 days after the last dose, with death or
    last contact, or with the cutoff.
    """
    patients = frames["adsl"].query("SAFFL == 'Y'").set_index("USUBJID")
    events = frames["adae"].query("TRTEMFL == 'Y' and AETOXGRN >= @least")
    if term is not None:
        events = events[(events["AEDECOD"] == term) | (events["AECAT"] == term)]
    first = events.groupby("USUBJID")["ASTDY"].min().reindex(patients.index).astype(float)
    ends = patients[["TRTEDT", "LSTALVDT", "DCUTDT"]].copy()
    ends["TRTEDT"] += pd.Timedelta(days=WINDOW)
    end = (ends.min(axis=1) - patients["TRTSDT"]).dt.days + 1.0
    going = patients["EOTSTT"] == "ONGOING"
    roles = {number: role for role, number in ROLES.items()}
    return pd.DataFrame(
        {"role": patients["TRT01PN"].map(roles), 
         "time": first.fillna(end),
         "status": np.where(first.notna(), HAPPENED, np.where(going, 0, ENDED))}
    )  # fmt: skip


def rates(patients: pd.DataFrame, level: float = 95.0) -> dict[str, Estimate]:
    """First events per 100 patient-years at risk in each arm, and the ratio of the two rates.

    ``patients`` as ``first_events`` gives them; a patient is at risk until the event or the end of
    observation. Keys: experimental, control, ratio. Exact intervals of Garwood (Biometrika
    1936;28:437), for the ratio a score interval (Gu et al, Biom J 2008;50:283); the ratio is
    infinite where the control arm has no event, NaN where neither has.
    """
    found, counted = {}, {}
    for role, mine in patients.groupby("role"):
        count, years = int((mine["status"] == HAPPENED).sum()), mine["time"].sum() / DAYS_PER_YEAR
        low, high = confint_poisson(count, years, method="exact-c", alpha=1 - level / 100)
        found[str(role)] = Estimate(100 * count / years, 100 * low, 100 * high, level)
        counted[str(role)] = (count, years)
    one, other = counted["experimental"], counted["control"]
    if other[0] == 0:
        nothing = float("nan")
        return found | {"ratio": Estimate(np.inf if one[0] else nothing, nothing, nothing, level)}
    low, high = confint_poisson_2indep(*one, *other, method="score", alpha=1 - level / 100)
    value = (one[0] / one[1]) / (other[0] / other[1])
    return found | {"ratio": Estimate(value, float(low), float(high), level)}


def cumulative_incidence(patients: pd.DataFrame) -> pd.DataFrame:
    """Share of an arm's patients with the event by day, beside what ends observation before it.

    Aalen and Johansen's estimator, by statsmodels: the end of observation competes, the cutoff
    censors. Columns: role, day, share. Source of the choice: Stegherr et al, Trials 2021;22:420.
    """
    lines = []
    for role, mine in patients.groupby("role", sort=False):
        # Its standard errors divide by zero where the last patient leaves; they are not used.
        with np.errstate(divide="ignore", invalid="ignore"):
            fit = CumIncidenceRight(mine["time"], mine["status"])
        days = np.append(0.0, fit.times)
        shares = np.append(0.0, fit.cinc[0])
        lines.append(pd.DataFrame({"role": role, "day": days, "share": shares}))
    return pd.concat(lines, ignore_index=True)


def still_observed(patients: pd.DataFrame, months: list[float]) -> pd.DataFrame:
    """What stands below the curves: by role and month those at risk, those with the event before,
    and those whose observation ended, or was censored, before. The three add up to the arm."""
    rows = []
    for role, mine in patients.groupby("role", sort=False):
        for month in months:
            before = mine["time"] < month * DAYS_PER_MONTH
            happened = mine["status"] == HAPPENED
            rows.append(
                {"role": role, "month": month, "at_risk": int((~before).sum()),
                 "events": int((before & happened).sum()),
                 "ended": int((before & ~happened).sum())}
            )  # fmt: skip
    return pd.DataFrame(rows)
