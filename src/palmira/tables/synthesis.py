"""Tables of the evidence synthesis: versions of one result, quotations, pools and strategies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from palmira.estimates import Estimate, critical, log_se
from palmira.evidence_synthesis import (
    CONTINUED,
    PFS,
    READINGS,
    SWITCHED,
    all_pools,
    by_strategy,
    leave_one_out,
    pooled,
    se_bound,
    strategy_ratio,
    trial_readings,
    version_checks,
)
from palmira.exhibits import Table
from palmira.ledger import LedgerEntry
from palmira.pooling import Pool
from palmira.readings import p_text, printed_estimate
from palmira.record import Record
from palmira.tables.comparison import mark, printed_cell, sources

READING_LABELS = {
    "neutral": "PALMIRA neutral (the book's default)",
    "printed": "PALMIRA as printed",
    "conditional": "PALMIRA on the full scale (conditional)",
}
NBSP = "\u00a0"  # keeps an estimate and its interval on one line
METHOD_LABELS = {
    "FE": "Fixed effect",
    "DL": "DerSimonian-Laird",
    "PM": "Paule-Mandel",
    "REML": "REML",
    "REML + Knapp-Hartung": "REML + Knapp-Hartung",
}


def numbering(records: Mapping[str, Record]) -> dict[str, int]:
    """Source numbers by key, as in the list of sources."""
    listed = sources(records)
    return dict(zip(listed["key"], listed["number"], strict=True))


def version_frame(
    records: Mapping[str, Record], rows: Iterable[tuple[str, str, str]]
) -> pd.DataFrame:
    """Checks of every version of the given ``(trial key, row, heading)``."""
    return pd.concat(
        [version_checks(records[key], row).assign(result=head) for key, row, head in rows],
        ignore_index=True,
    )


def versions(records: Mapping[str, Record], rows: Iterable[tuple[str, str, str]]) -> Table:
    """Versions of one hazard ratio in different sources, and what its arithmetic allows."""
    frame = version_frame(records, rows)
    numbers = numbering(records)
    shown = pd.DataFrame(
        [
            {
                "Printed": v["printed"],
                "Interval": f"{v['level']:g}%",
                "Source": mark(v["source"], v["confidence"], numbers),
                "√(lower × upper)": _range(v["middle_low"], v["middle_high"], v["middle_meets"]),
                "P of the interval": _range(v["p_low"], v["p_high"], v["p_meets"]),
                "P printed": v["printed_p"] if v["own_p"] else f"none ({v['printed_p']})",
                "Here": "other version" if v["version"] else "used",
                "Result": v["result"],
            }
            for v in frame.to_dict("records")
        ]
    )
    notes = (
        "√(lower × upper) is the middle of a Wald interval on the log scale; P of the interval is "
        "the two-sided Wald P. Both are ranges, since every printed number is rounded; “fits” "
        "means that the range meets the printed estimate or P. Where a version came without P, "
        "the chosen version's stands in parentheses.",
    )
    data = frame.assign(source=frame["source"].map("; ".join))
    return Table(shown, data, group="Result", notes=notes)


def _range(low: float, high: float, fits: bool) -> str:
    return f"{low:.3f} to {high:.3f}, {'fits' if fits else 'does not fit'}"


def abstract_and_paper(record: Record) -> Table:
    """A trial's conference abstract beside its paper: events, follow-up, medians and rates."""
    pairs = (
        ("PFS events", "asco2023.events.count", "results.pfs.events.total.count"),
        ("Median follow-up, months", "asco2023.follow_up", "results.follow_up.total.median"),
        ("Median PFS with palbociclib, months", "asco2023.median.palbociclib.estimate",
         "results.pfs.median.palbociclib.estimate"),
        ("Median PFS with ET alone, months", "asco2023.median.et.estimate",
         "results.pfs.median.et.estimate"),
        ("6-month PFS with palbociclib, %", "asco2023.rate_6.palbociclib.percent",
         "results.pfs.rate_6.palbociclib.estimate"),
        ("6-month PFS with ET alone, %", "asco2023.rate_6.et.percent",
         "results.pfs.rate_6.et.estimate"),
    )  # fmt: skip
    lines = [(label, _with_limits(record, a), _with_limits(record, b)) for label, a, b in pairs]
    return Table(pd.DataFrame(lines, columns=["Result", "Conference abstract", "Paper"]))


def _with_limits(record: Record, id: str) -> str:
    cell = record.cell(record[id])
    if id.endswith(".estimate") and "lower" in cell:
        return f"{cell['estimate']} ({cell['lower']} to {cell['upper']})"
    return record[id].text


def quotations(
    entries: Iterable[LedgerEntry], palmira: Record, records: Mapping[str, Record]
) -> Table:
    """Figures that a paper quotes from other trials and that our sources print otherwise."""
    numbers, lines = numbering(records), []
    own = {s.doi for s in palmira.sheet.sources.values() if s.doi}
    for line in differing(entries):
        entry = palmira[line.id]
        trial, row = str(entry.quotes).split(":")
        part = "" if line.id == f"{entry.block}.{entry.row}" else f".{entry.part}"
        source = records[trial][row + part]
        also = _also(records[trial], source.id, entry.value, own, numbers)
        part_name = {"p": ", P", "upper": ", upper limit", "percent": ", %"}.get(entry.part, "")
        lines.append(
            {
                "Quantity": entry.label + part_name,
                "As quoted": f"{entry.text} {mark(entry.source, entry.confidence, numbers)}",
                "As our source prints it": (
                    f"{source.text} {mark(source.source, source.confidence, numbers)}"
                ),
                "Others that agree with the quotation": also or "none found",
            }
        )
    return Table(pd.DataFrame(lines))


def _also(record: Record, id: str, value: float, own: set[str], numbers: Mapping[str, int]) -> str:
    """Versions of other authors than the quoting ones that round from the quoted number."""
    dois = {k: s.doi for k, s in record.sheet.sources.items()}
    found = []
    for v in record.entries.values():
        if not v.version or v.id.replace(f"@{v.version}", "") != id or v.printed is None:
            continue
        names = [n for n in v.source if dois[n] not in own]
        if names and v.printed.rounds_from(value):
            found.append(f"{v.text} {mark(names, v.confidence, numbers)}")
    return "; ".join(found)


def compared(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Lines of a ledger that hold a quotation against the quoted trial's own record."""
    return [
        e for e in entries
        if e.id.startswith("discussion.")
        and e.verdict in ("reproduced", "rounding", "inconsistent")
    ]  # fmt: skip


def differing(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Those of them that differ."""
    return [e for e in compared(entries) if e.verdict != "reproduced"]


def pool_frame(effects: pd.DataFrame) -> pd.DataFrame:
    """Every method under every reading, one line each, as ratios with 95% limits."""
    lines = []
    for reading, pools in all_pools(effects).items():
        for p in pools:
            ahead = p.prediction_ratio
            lines.append(
                {"reading": reading, "method": p.method, "hazard_ratio": p.ratio.value,
                 "lower": p.ratio.lower, "upper": p.ratio.upper,
                 "prediction_lower": ahead.lower if ahead else None,
                 "prediction_upper": ahead.upper if ahead else None, "tau2": p.tau2,
                 "tau2_lower": p.tau2_interval[0], "tau2_upper": p.tau2_interval[1],
                 "i2": p.i2, "q": p.q, "q_p": p.q_p, "trials": p.trials}
            )  # fmt: skip
    return pd.DataFrame(lines)


def pools(effects: pd.DataFrame) -> Table:
    """Pooled hazard ratios by method, under each reading of a trial that has more than one."""
    shown = [
        _pool_line(p) | {"Reading": READING_LABELS[reading]}
        for reading, found in all_pools(effects).items()
        for p in found
    ]
    notes = (
        "Prediction intervals: Higgins, Thompson and Spiegelhalter's with k − 2 degrees of "
        "freedom; with Knapp-Hartung, k − 1. Intervals of τ² by the Q-profile method, the same for "
        "every method. I² of the fixed-effect model from Q, of the others from τ².",
    )
    return Table(pd.DataFrame(shown), pool_frame(effects), group="Reading", notes=notes)


def _pool_line(p: Pool) -> dict[str, str]:
    ahead = p.prediction_ratio
    tau2 = "0 by definition" if p.method == "FE" else f"{p.tau2:.3f}"
    low, high = p.tau2_interval
    return {
        "Method": METHOD_LABELS[p.method],
        "HR (95% CI)": p.ratio.text(3).replace(" ", NBSP),
        "95% prediction interval": f"{ahead.lower:.2f} to {ahead.upper:.2f}" if ahead else "–",
        "τ² (95% CI)": tau2 if p.method == "FE" else f"{tau2} ({low:.2f} to {high:.2f})",
        "I²": f"{p.i2:.0f}%",
        "Q (P)": f"{p.q:.2f} ({p_text(p.q_p)})",
    }


def strategies(effects: pd.DataFrame) -> Table:
    """REML pools of the two strategies and their ratio, under each reading."""
    shown, data = [], []
    for reading in READINGS:
        found = by_strategy(effects, reading)
        estimate, p, detectable = strategy_ratio(effects, reading)
        shown.append(
            {"Reading": READING_LABELS[reading]}
            | {f"{name}, HR (95% CI)": x.ratio.text() for name, x in found.items()}
            | {"Ratio, switched to continued": estimate.text(), "P": p_text(p)}
        )
        for name, x in (*((k, v.ratio) for k, v in found.items()), ("ratio", estimate)):
            data.append(_line(reading, name, x, p, detectable))
    return Table(pd.DataFrame(shown), pd.DataFrame(data))


def _line(reading: str, name: str, e: Estimate, p: float, detectable: float) -> dict[str, object]:
    own = name not in (CONTINUED, SWITCHED)
    return {
        "reading": reading, "quantity": name, "value": e.value, "lower": e.lower, "upper": e.upper,
        "p": p if own else None, "detectable_80_percent": detectable if own else None,
    }  # fmt: skip


def prose_numbers(
    records: Mapping[str, Record], effects: pd.DataFrame, entries: Iterable[LedgerEntry]
) -> dict[str, str]:
    """What the chapter says of the trials and their pools, as text by key."""
    entries = list(entries)
    text: dict[str, str] = {"quoted": str(len(compared(entries)))}
    text["differing"] = str(len(differing(entries)))
    for key in READINGS:
        text[f"reml_{key}"] = pooled(effects, key).ratio.text()
        text[f"kh_{key}"] = pooled(effects, key, knapp_hartung=True).ratio.text()
    for line in effects[effects["reading"] != "printed"].itertuples():
        e = Estimate(line.hazard_ratio, line.lower, line.upper)
        text[f"{line.trial.lower()}_{line.reading}"] = e.text()
    main = pooled(effects, "neutral", knapp_hartung=True)
    ahead, (low, high) = main.prediction_ratio, main.tau2_interval
    assert ahead is not None
    text |= {"prediction": f"{ahead.lower:.2f} to {ahead.upper:.2f}", "tau2": f"{main.tau2:.3f}",
             "tau2_interval": f"{low:.2f} to {high:.2f}"}  # fmt: skip
    estimate, p, detectable = strategy_ratio(effects)
    text |= {"ratio": estimate.text(), "ratio_p": p_text(p), "detectable": f"{detectable:.2f}"}
    for name, left in leave_one_out(effects).items():
        text[f"without_{name.lower()}"] = left.ratio.text()
    for key, record in records.items():
        for name, path in PROSE.items():
            if (found := printed_cell(record, path)) is not None:
                text[f"{key}_{name}"] = found.split(";")[0]
        text[f"{key}_on_95"] = trial_readings(record)["printed"].text()
        bound = se_bound(record)
        if bound:
            text[f"{key}_bound"] = f"{bound:.3f}"
        text[f"{key}_se"] = f"{log_se(*_limits(record)):.3f}"
    return {f"comparison_{k}": v for k, v in text.items()}


PROSE = {
    "hr": PFS,
    "bicr": "contrasts.pfs.bicr.hazard_ratio",
    "medians": "efficacy.pfs.median",
    "palbociclib": "population.prior_palbociclib",
    "ribociclib": "population.prior_ribociclib.patients",
    "weeks": "design.assessment",
}


def _limits(record: Record) -> tuple[float, float, float]:
    e = printed_estimate(record, PFS)
    return e.lower, e.upper, e.level


def level_arithmetic(record: Record, row: str = PFS) -> str:
    """The standard error that a printed interval implies, written out."""
    e = printed_estimate(record, row)
    lower, upper = record[f"{row}.lower"], record[f"{row}.upper"]
    return (
        f"(ln {upper} − ln {lower}) / (2 × {critical(e.level):.3f}) "
        f"= {log_se(e.lower, e.upper, e.level):.3f}"
    )
