"""Tables of the twins: the match with the paper, hazard ratios by scale, what is left open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite, isnan
from typing import Any

import pandas as pd

from palmira.figures.twin import EVIDENCE, TWINS, cox_result
from palmira.readings import p_text, reading
from palmira.record import Record
from palmira.show.exhibits import Table
from palmira.twin.curves import Quantity, arms_of, of_arm, quantities, survival_at
from palmira.twin.spread import PARTS, Range, Spread
from palmira.twin.targets import NOT_ATTAINABLE

# The groups of the checks in words.
GROUPS = {
    "table1": "Baseline", "KM": "Kaplan-Meier medians and limits", "landmark": "Landmark rates",
    "cox": "Hazard ratios, limits and P", "interaction": "Interaction P values",
    "events": "Patients and events of each subgroup", "OS": "Overall survival",
    "response": "Response and clinical benefit", "disposition": "Disposition",
    "interim": "Analysis of the preplanned events", "AE": "Adverse events",
}  # fmt: skip
CURVE_GROUPS = ("KM", "landmark", "events")
# So many misses of one kind are shown in one line.
MANY = 5
LATE = (9, 18)
SEARCHED = "not met by the search, not shown impossible"
Verified = Mapping[str, pd.DataFrame]


def held(checks: pd.DataFrame, groups: tuple[str, ...] = tuple(GROUPS)) -> tuple[int, int]:
    """Number of checks of some groups that hold, and of all of them."""
    here = checks[checks["group"].isin(groups)]
    return int((here["holds"] == "yes").sum()), len(here)


def score(checks: Verified) -> Table:
    """Checks by group, and how many hold on each twin; the data are all checks, one by one."""
    groups = list(dict.fromkeys(checks["full"]["group"]))
    rows = []
    for group in [*groups, None]:
        found = {s: held(checks[s], tuple(groups) if group is None else (group,)) for s in TWINS}
        label = "All" if group is None else GROUPS.get(group, group)
        rows.append(
            {"Checks of": label, "Number": str(found["full"][1])}
            | {f"Held, {TWINS[s].lower()}": str(found[s][0]) for s in TWINS}
        )
    return Table(pd.DataFrame(rows), _both(checks))


def scores(checks: Verified) -> dict[str, str]:
    """The scores in words, for prose: of all checks and of the Kaplan-Meier block by twin, and the
    misses, those that cannot hold and those that the search left open."""
    near = {s: held(checks[s], CURVE_GROUPS) for s in TWINS}
    told = {"twin_near": "meet" if all(n == m for n, m in near.values()) else "come near to"}
    for s in TWINS:
        reasons = checks[s].loc[checks[s]["holds"] == "no", "reason"]
        told |= {
            f"twin_score_{s}": "{} of {}".format(*held(checks[s])),
            f"twin_curve_score_{s}": "{} of {}".format(*near[s]),
            f"twin_impossible_{s}": str((reasons != "").sum()),
            f"twin_open_{s}": str((reasons == "").sum()),
        }
    return told


def _both(frames: Verified) -> pd.DataFrame:
    """The lines of both twins, one below the other."""
    return pd.concat([frames[s].assign(twin=TWINS[s]) for s in TWINS], ignore_index=True)


def missed(checks: Verified) -> Table:
    """Every check that does not hold, by twin, with its distance and the reason.

    Where many of one kind are missed they share a line; the data list each.
    """
    rows: list[dict[str, str]] = []
    parts = []
    for scale, label in TWINS.items():
        lost = checks[scale].query("holds == 'no'").copy()
        lost["reason"] = lost["reason"].where(lost["reason"] != "", SEARCHED)
        lost["kind"] = [
            re.sub(r"(?:at most )?\d[\d.]*(?: and \d+)?", "#", r) for r in lost["reason"]
        ]
        parts.append(lost.drop(columns="kind").assign(twin=label))
        for (group, _), alike in lost.groupby(["group", "kind"], sort=False):
            together = len(alike) > MANY and (alike["reason"] != SEARCHED).all()
            shown = [alike] if together else [alike.iloc[[i]] for i in range(len(alike))]
            rows += [_miss(label, group, part) for part in shown]
    columns = ["Twin", "Check", "Printed", "Twin gives", "Distance", "Why"]
    frame = pd.DataFrame(rows, columns=columns)
    notes = (
        "Distance: from the interval that rounds to the print, in units of its last digit. A check "
        "with several numbers holds if all of them do; its greatest distance is shown. Limits are "
        "those of 95% intervals.",
    )
    data = pd.concat(parts, ignore_index=True)
    return Table(frame, data, group="Twin", notes=notes)


def _miss(twin: str, group: str, part: pd.DataFrame) -> dict[str, str]:
    first = part.iloc[0]
    distances = part["beyond"]
    if len(part) > 1:
        return {
            "Twin": twin, "Check": f"{GROUPS.get(group, group)}: {len(part)} checks",
            "Printed": "see data", "Twin gives": "see data",
            "Distance": f"{_distance(distances.min())} to {_distance(distances.max())}",
            "Why": f"{_general(str(first['reason']))} (each in the data)",
        }  # fmt: skip
    return {
        "Twin": twin, "Check": str(first["check"]), "Printed": str(first["published"]),
        "Twin gives": str(first["recomputed"]), "Distance": _distance(float(first["beyond"])),
        "Why": str(first["reason"]),
    }  # fmt: skip


def _general(reason: str) -> str:
    """The reason of many checks without the numbers of one."""
    return re.sub(r"(?:at most )?\d[\d.]*(?: and \d+)? events", "the events", reason.split(":")[0])


def _distance(beyond: float) -> str:
    if not isfinite(beyond):
        return "one is NA"
    return f"{beyond:.2g}" if beyond < 10 else f"{beyond:.0f}"


def targets_by_group(verified: Verified) -> Table:
    """All printed numbers that a twin can be held against: attainable and met, by group; the data
    are the numbers, one by one, with what the twin gives."""
    rows = []
    groups = [*dict.fromkeys(verified["full"]["group"]), None]
    for group in groups:
        row: dict[str, str] = {"Printed numbers": group or "All"}
        for scale, label in TWINS.items():
            here = verified[scale]
            here = here if group is None else here[here["group"] == group]
            able = here["status"] != NOT_ATTAINABLE
            met, n = int((able & (here["within"] == "yes")).sum()), int(able.sum())
            row["Number"] = str(len(here))
            short = label.split()[0].lower()
            row[f"Attainable, {short}"], row[f"Met, {short}"] = str(n), str(met)
        rows.append(row)
    notes = (
        "Attainable: not shown to contradict other printed numbers or, on the neutral scale, the "
        "number of events. Met: of the attainable ones. The data list each number, with the reason "
        "where it is not attainable.",
    )
    return Table(pd.DataFrame(rows), _both(verified), notes=notes)


def hazard_ratios(verified: Verified, record: Record) -> Table:
    """Every hazard ratio of the trial: printed, in both readings, and by a Cox model on a twin."""
    full = verified["full"]
    ids = full.loc[full["group"] == "Hazard ratios", "id"]
    rows, data = [], []
    for id in ids[ids.str.endswith(".estimate")]:
        cell, entry = id.removesuffix(".estimate"), record[id]
        r = reading(record, cell)
        label = entry.label.removeprefix("Hazard ratio for ")
        whose = entry.factor or "All patients"
        neutral, _ = cox_result(verified["neutral"], cell)
        ordinary, _ = cox_result(full, cell)
        contrast, _ = cox_result(full, cell, "recomputed")
        rows.append(
            {"Whose": whose, "Hazard ratio": label, "Printed": r.texts["printed"],
             "Neutral reading": r.texts["neutral"], "Neutral twin": neutral.text(),
             "Conditional reading": r.texts["conditional"], "Conditional twin": ordinary.text(),
             "The same, orthonormal": contrast.text()}
        )  # fmt: skip
        shown = {
            "printed": r.estimates["printed"], "neutral_reading": r.estimates["neutral"],
            "neutral_twin": neutral, "conditional_reading": r.estimates["conditional"],
            "conditional_twin": ordinary, "conditional_twin_orthonormal": contrast,
        }  # fmt: skip
        data += [
            {"evidence": EVIDENCE.get(k.removesuffix("_reading"), "synthetic"), "id": cell,
             "whose": whose, "label": label, "which": k, "hazard_ratio": e.value,
             "lower": e.lower, "upper": e.upper}
            for k, e in shown.items()
        ]  # fmt: skip
    notes = (
        "Twins: ordinary Cox model of the arm (0 and 1), Efron's ties, adjusted for previous "
        "endocrine therapy and visceral involvement, a subgroup's own factor left out. Last "
        "column: the same model with the arm on orthonormal contrasts.",
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(data), group="Whose", notes=notes)


def free_quantities(
    patients: Mapping[str, pd.DataFrame], record: Record, spread: Mapping[str, Spread]
) -> Table:
    """What publication leaves open on each scale: this twin's value, the range over the ensemble,
    the range that directed search reaches, and the sampling interval."""
    rows, data = [], []
    for scale, label in TWINS.items():
        for range, q in _free(patients[scale], record, spread[scale]):
            rows.append(
                {"Twin": label, "Quantity": range.label, "This twin": _number(q.value, range.unit),
                 "Over twins": _span(range.low, range.high, range.unit),
                 "With directed search": _span(range.pushed_low, range.pushed_high, range.unit),
                 "95% sampling interval": _span(q.lower, q.upper, range.unit)}
            )  # fmt: skip
            data.append(
                {"twin": scale, "quantity": range.label, "unit": range.unit, "this_twin": q.value,
                 **{k: getattr(range, k) for k in PARTS}, "sampling_lower": q.lower,
                 "sampling_upper": q.upper}
            )  # fmt: skip
    notes = (
        "RMST: restricted mean survival time. Hazard ratios by period: a Cox model of the arm "
        "alone. Over twins (this one among them): an inner bound of what the printed numbers leave "
        "open, not a probability. Sampling interval: how far chance alone would move the value in "
        "new patients. None: not searched, or no such interval.",
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(data), group="Twin", notes=notes)


def _free(
    patients: pd.DataFrame, record: Record, spread: Spread
) -> list[tuple[Range, Quantity]]:  # fmt: skip
    arms = arms_of(record)
    own = quantities(patients, arms["experimental"], arms["control"])
    found = [(range, own[name]) for name, range in spread.ranges.items()]
    for month in LATE:
        for arm in arms.values():
            heights = spread.bands[arm].at(month)
            label = f"Free of progression at {month} months, {record.sheet.arms[arm].label}"
            found.append(
                (Range(label, "share", *(heights[k] for k in PARTS)),
                 survival_at(of_arm(patients, arm), month))
            )  # fmt: skip
    return found


def _number(value: float, unit: str) -> str:
    if isnan(value):
        return ""
    if unit == "P":
        return p_text(value)
    return f"{100 * value:.1f}%" if unit == "share" else f"{value:z.2f}"


def _span(low: float, high: float, unit: str) -> str:
    if isnan(low) or isnan(high):
        return "none"
    return f"{_number(low, unit)} to {_number(high, unit)}"


def widening(
    patients: pd.DataFrame, record: Record, spread: Spread, name: str = "rmst_12_difference"
) -> float:
    """How many times as wide the sampling interval of a quantity is as its range over the twins."""
    arms = arms_of(record)
    q = quantities(patients, arms["experimental"], arms["control"])[name]
    return (q.upper - q.lower) / (spread.ranges[name].high - spread.ranges[name].low)


def made(
    provenance: Mapping[str, Mapping[str, Any]], frames: Mapping[str, Mapping[str, pd.DataFrame]],
    spread: Mapping[str, Spread],
) -> Table:  # fmt: skip
    """How each twin was made and how large it is."""
    lines = {
        "Name in the data (STUDYID)": [frames[s]["adsl"]["STUDYID"].iloc[0] for s in TWINS],
        "Seed": [str(provenance[s]["seed"]) for s in TWINS],
        "Minutes on one core": [f"{float(provenance[s]['minutes']):.1f}" for s in TWINS],
        "Patients": [str(len(frames[s]["adsl"])) for s in TWINS],
        "Adverse events": [str(len(frames[s]["adae"])) for s in TWINS],
        "Twins in the ensemble": [str(spread[s].members) for s in TWINS],
    }
    for arm, label in (("palbociclib", "palbociclib"), ("et", "ET")):
        lines[f"Orders of events and censorings in the {label} arm"] = [
            str(spread[s].orderings[arm]) for s in TWINS
        ]
    facts = [{"Fact": k, **dict(zip(TWINS.values(), v, strict=True))} for k, v in lines.items()]
    return Table(pd.DataFrame(facts))


def dictionary(lines: pd.DataFrame, dataset: str) -> Table:
    """The variables of one data set, from the lines of the data dictionary."""
    mine = lines[lines["dataset"] == dataset]
    frame = pd.DataFrame(
        {
            "Variable": mine["variable"], "Label": mine["label"],
            "Type, values": [
                f"{t}: {v}" if v else t for t, v in zip(mine["type"], mine["terms"], strict=True)
            ],
            "Where it comes from": [
                f"{o}. {d}" if d else f"{o}."
                for o, d in zip(mine["origin"], mine["derivation"], strict=True)
            ],
        }
    )  # fmt: skip
    return Table(frame, mine.reset_index(drop=True))
