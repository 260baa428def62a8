"""Tables of the hazard ratios' scale: explanations against evidence, codings, readings."""

from __future__ import annotations

import pandas as pd

from palmira.contrasts import CODINGS, lung_under, rescaled
from palmira.explanations import EXPLANATIONS
from palmira.judgements import EVIDENCE, FITS, RARE, Judgement
from palmira.readings import p_text, reading
from palmira.record import Record
from palmira.response import odds_ratio_readings
from palmira.show.exhibits import Table

MARKS = {
    "fits": "✓\u00a0fits", "in part": "~\u00a0in\u00a0part", "does not fit": "✗\u00a0no",
    "silent": "·\u00a0silent",
}  # fmt: skip


def explanations(judgements: list[Judgement]) -> Table:
    """Rows are explanations, columns evidence; the data hold each cell's reason."""
    frame = pd.DataFrame(
        [
            {"Explanation": EXPLANATIONS[key].label}
            | {EVIDENCE[j.evidence]: MARKS[j.fit] for j in judgements if j.explanation == key}
            for key in dict.fromkeys(j.explanation for j in judgements)
        ]
    )
    words = [f"{MARKS[fit]}: {meaning}" for fit, meaning in FITS.items()]
    notes = (
        f"{'; '.join(words)}. Where trials are drawn, what fewer than {100 * RARE:.0f}% of them "
        "show does not count. The pieces of evidence are not independent and weigh differently, "
        "so the marks of a row are not to be counted.",
    )
    return Table(frame, _long(judgements), notes=notes)


def _long(judgements: list[Judgement]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"Evidence": EVIDENCE[j.evidence], "Explanation": EXPLANATIONS[j.explanation].label,
             "Fit": MARKS[j.fit], "Reason": j.reason}
            for j in sorted(judgements, key=lambda j: list(EVIDENCE).index(j.evidence))
        ]
    )  # fmt: skip


def reasons(judgements: list[Judgement]) -> Table:
    """The reason of every cell, by evidence; silent ones with one reason stand in one row."""
    data = _long(judgements)
    joined = data.groupby(["Evidence", "Fit", "Reason"], sort=False, as_index=False).agg(
        {"Explanation": "; ".join}
    )
    shown = joined[["Evidence", "Explanation", "Fit", "Reason"]]
    return Table(shown, data, group="Evidence")


def readings(record: Record, cells: dict[str, str], odds: str) -> Table:
    """The main ratios as printed, neutral and on the full scale; ``cells``: label to cell."""
    rows = [
        {"Ratio": label, "Printed": r.texts["printed"], "Neutral": r.texts["neutral"],
         "Full scale": r.texts["conditional"],
         "P in print": r.p.text if r.p else "not given",
         "P, neutral": p_text(float(r.rows()[1]["wald_p"]))}
        for label, r in ((label, reading(record, cell)) for label, cell in cells.items())
    ]  # fmt: skip
    ways = odds_ratio_readings(record)
    rows.append(
        {"Ratio": odds, "Printed": ways["printed"].text, "Neutral": ways["neutral"].text,
         "Full scale": ways["conditional"].text,
         "P in print": record["contrasts.cbr.odds_ratio.p"].text,
         "P, neutral": p_text(ways["neutral"].p)}
    )  # fmt: skip
    notes = (
        "Printed: published. Neutral: derived, the printed estimate with the least standard error "
        "that events (for the odds ratio, the raw counts) allow. Full scale: conditional on the "
        f"rescaled contrast. The raw odds ratio is {ways['raw'].text}.",
    )
    return Table(pd.DataFrame(rows), notes=notes)


def printed_under(record: Record, cell: str, coding: str) -> Table:
    """What one of ``CODINGS`` prints for public patients, and for a trial if its full scale holds.

    Raises ``KeyError`` for a coding that does not exist.
    """
    truth = reading(record, cell).estimates["conditional"]
    plain = lung_under("treatment").printed
    rows = [
        {
            "Data": label, "Ratio of the groups": ratio.text(), "Divided by": f"{divisor:.4g}",
            "In print": c.printed.text(), "SE": f"{c.se:.3f}", "z": f"{c.z:.2f}", "P": p_text(c.p),
        }
        for label, ratio, c in (
            ("Lung cancer, women to men (public)", plain, lung_under(coding)),
            (f"{record.trial}, PFS, if the full scale holds", truth, rescaled(truth, coding)),
        )
        for divisor in [CODINGS[coding].divisor]
    ]  # fmt: skip
    note = f"{CODINGS[coding].label} coding: {CODINGS[coding].where}."
    return Table(pd.DataFrame(rows), notes=(note,))
