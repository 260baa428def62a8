"""Each explanation of the narrow intervals against each piece of evidence, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from palmira.audit import audit
from palmira.readings.explanations import (
    CBR,
    CBR_ONLY,
    EXPLANATIONS,
    LEVELS,
    ORDINARY,
    PFS,
    Evidence,
    Explanation,
    abstract_agrees,
    holds_p,
    p_span,
    printed_p,
    prints_share,
)
from palmira.statistics.estimates import p_text, percent
from palmira.statistics.proportions import risk_ratio

Fit = Literal["fits", "in part", "does not fit", "silent"]
FITS: dict[Fit, str] = {
    "fits": "the explanation leads to the printed numbers",
    "in part": "it does if something else holds as well, which the reason names",
    "does not fit": "it does not lead to the printed numbers",
    "silent": "the evidence has nothing to say about it",
}
# An adjustment that fewer than one in a hundred drawn trials show is not counted as a fit.
RARE = 0.01
EVIDENCE = {
    "width": "Width of the hazard ratios' intervals",
    "p": "P printed with ratio and interval",
    "place": "Clinical benefit: the estimate",
    "cbr_width": "Clinical benefit: its limits",
    "abstract": "ASCO 2023 abstract",
    "elsewhere": "Medians, rates, exact intervals",
}
Verdict = tuple[Fit, str]


@dataclass(frozen=True)
class Judgement:
    """How an explanation (a key of ``EXPLANATIONS``) stands to a piece of ``EVIDENCE``, and why."""

    explanation: str
    evidence: str
    fit: Fit
    reason: str


def judge(found: Evidence) -> list[Judgement]:
    """All explanations against all evidence, by explanation."""
    return [
        Judgement(name, topic, *rule(found, name, explanation))
        for name, explanation in EXPLANATIONS.items()
        for topic, rule in RULES.items()
    ]


def _width(found: Evidence, name: str, e: Explanation) -> Verdict:
    f = found.factor
    text = f"{f.value:.3f} ({f.lower:.3f} to {f.upper:.3f})"
    if e.robust:
        fit: Fit = "fits" if found.robust_floor <= found.widest_ratio else "does not fit"
        return fit, (
            f"In simulated trials of this size a robust standard error fell to "
            f"{found.robust_floor:.2f} of the bound; the printed one of all patients "
            f"is {found.widest_ratio:.2f} of it at the widest rounding. Small subgroups alone say "
            "less."
        )
    if name == "misprint":
        return "does not fit", (
            f"{len(f.rows)} rows share one factor; slips of single digits would scatter. One slip "
            "that touched all rows would be another line of this table."
        )
    if e.se is None:
        return "silent", "It concerns clinical benefit only."
    inside = e.se[0] <= f.upper and f.lower <= e.se[1]
    span = f"{e.se[0]:.3f}" + ("" if e.se[0] == e.se[1] else f" to {e.se[1]:.3f}")
    return (
        "fits" if inside else "does not fit",
        f"It narrows every interval to {span}; the factor common to all rows is {text}.",
    )


def _p(found: Evidence, name: str, e: Explanation) -> Verdict:
    cells = [PFS, "contrasts.pfs.preplanned", CBR]
    prints = [printed_p(found.record, c).text for c in cells]
    held = [holds_p(found.record, c, 95) for c in cells]
    count = f"{sum(held)} of {len(held)} P values ({', '.join(prints)})"
    if name in CBR_ONLY:
        return "silent", "A P value and its own interval agree under any covariates or ratio."
    if name == "misprint":
        return (
            "does not fit" if all(held) else "fits",
            f"{count} follow from their ratio and limits; changing one number would break that.",
        )
    if not e.own_p:
        spans = [p_span(found.record, PFS, level) for level in LEVELS]
        low, high = (p_text(f(x for s in spans for x in s)) for f in (min, max))
        return (
            "fits" if any(holds_p(found.record, PFS, x) for x in LEVELS) else "in part",
            f"Ratio and interval would go with P = {low} to {high}, not {prints[0]}; only a P of "
            "another test, such as a log-rank one, could be so small, and that three times.",
        )
    if name == "doubled":
        return "fits" if all(held) else "in part", (
            f"{count} follow from ratio and limits, if they come from the same doubled rows."
        )
    return "fits" if all(held) else "in part", (
        f"{count} follow from ratio and limits. Estimate and standard error change together, or P "
        "comes from the same standard error, so nothing here can tell."
    )


def _place(found: Evidence, name: str, e: Explanation) -> Verdict:
    printed, lower, upper = found.record.interval(CBR).prints
    model = "risk" if name == "risk" else "logistic"
    shares = [prints_share(found.draws[model, k], printed, e.estimate) for k in ("strata", "more")]
    raw = found.benefit.odds_ratio.value
    if name == "misprint":
        middle = (lower.value * upper.value) ** 0.5
        return "does not fit", (
            f"The middle of the limits, {middle:.2f}, and P go with {printed.text}: all four "
            "numbers would have to be wrong together."
        )
    said = [_percent(s) for s in shares]
    drawn = (
        f"it prints {printed.text} in {said[0]} of drawn adjustments for the strata, in {said[1]} "
        f"with {' and '.join(found.more)} added"
    )
    if name == "risk":
        a, b = found.benefit.control, found.benefit.experimental
        raw_risk = risk_ratio(a.count, a.n, b.count, b.n)
        where = f"The raw ratio of risks is {raw_risk.text() if raw_risk else 'undefined'};"
        return ("fits" if shares[0] >= RARE else "in part"), f"{where} {drawn}."
    if name == "covariates":
        return ("fits" if max(shares) >= RARE else "does not fit"), (
            f"An odds ratio of {raw:.2f} in the raw counts: {drawn}."
        )
    where = (
        f"The raw {raw:.2f} would print as {raw**e.estimate:.2f}; adjusted,"
        if e.estimate != 1
        else f"It leaves the estimate (raw {raw:.2f}) alone. Other covariates could move it:"
    )
    fit: Fit = "fits" if shares[0] >= RARE else "in part" if shares[1] >= RARE else "does not fit"
    return fit, f"{where} {drawn}."


def _percent(share: float) -> str:
    return "none" if share == 0 else percent(share, 0 if share >= RARE else 1)


def _cbr_width(found: Evidence, name: str, e: Explanation) -> Verdict:
    low, high = found.record.interval(CBR).se_range
    woolf = found.benefit.odds_ratio_se
    printed = f"{low:.3f} to {high:.3f} in print"
    logistic = found.draws["logistic", "strata"]["se"]
    if name == "misprint":
        return "does not fit", "The printed limits go with the printed estimate and P."
    if name == "risk":
        se = found.draws["risk", "more"]["se"]
        share = float(((se >= low) & (se <= high)).mean())
        fit: Fit = "fits" if share >= RARE else "in part" if se.max() >= low else "does not fit"
        return fit, (
            f"Standard error of the log ratio of risks: {se.min():.3f} to {se.max():.3f} in drawn "
            f"adjustments, {printed}; {_percent(share)} lie there."
        )
    if e.robust:
        least = min(found.draws["logistic", k]["robust"].min() for k in ("strata", "more"))
        return "fits" if least <= high else "does not fit", (
            f"A robust standard error was {least:.2f} or more in drawn adjustments; {printed}."
        )
    least, most = (x * (e.se or (1, 1))[i] for i, x in enumerate((woolf, logistic.quantile(0.99))))
    meets = least <= high and low <= most
    if name == "covariates":
        return "fits" if meets else "does not fit", (
            f"Proved: no adjustment of a logistic model lowers the raw {woolf:.3f}; {printed}."
        )
    return "fits" if meets else "does not fit", (
        f"The raw {woolf:.3f}, or more after adjusting, would appear as {least:.3f} to {most:.3f}; "
        f"{printed}."
    )


def _abstract(found: Evidence, name: str, e: Explanation) -> Verdict:
    if name in (*CBR_ONLY, "misprint"):
        return "silent", "The abstract is another print of another analysis."
    own, other = (abstract_agrees(found.record, e, own_p=x) for x in (True, False))
    if own:
        return "fits", "Ratio, interval and P there go with an ordinary standard error."
    if other:
        return "in part", (
            "Ratio, interval and P there go with an ordinary 95% interval. It could hold there too "
            "only if P is of another test; or it concerns only the analyses in the paper."
        )
    return "does not fit", (
        f"Even with P set aside no standard error up to {ORDINARY:.2f} of its bound leads to the "
        "limits there."
    )


def _elsewhere(found: Evidence, name: str, e: Explanation) -> Verdict:
    if name in ("doubled", "level"):
        checks = audit(found.record, only=["B1"])
        exact = [c for c in checks if c.entry.endswith(("lower", "upper"))]
        agree = sum(c.verdict == "consistent" for c in exact)
        what = "single patients" if name == "doubled" else "a 95% level"
        return "in part", (
            f"{agree} of {len(exact)} exact limits are those of {what}, and the 6-month interval "
            f"that of {found.effective:.0f} patients out of {found.patients}: the slip would have "
            "to spare everything but the regression models."
        )
    return "silent", "No regression stands behind them; a model's coding or error leaves no trace."


RULES: dict[str, Callable[[Evidence, str, Explanation], Verdict]] = {
    "width": _width,
    "p": _p,
    "place": _place,
    "cbr_width": _cbr_width,
    "abstract": _abstract,
    "elsewhere": _elsewhere,
}
