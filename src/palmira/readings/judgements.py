"""Each explanation of the narrow intervals against each piece of evidence, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from palmira.audit import audit
from palmira.readings.explanations import (
    CBR,
    CBR_ONLY,
    EXPLANATIONS,
    LEVELS,
    ORDINARY,
    OS,
    PFS,
    PREPLANNED,
    Evidence,
    Explanation,
    abstract_agrees,
    holds_p,
    p_span,
    printed_p,
    prints_share,
    reports_all,
)
from palmira.statistics.estimates import p_text, percent
from palmira.statistics.proportions import risk_ratio

Fit = Literal["fits", "in part", "does not fit", "silent"]
FITS: dict[Fit, str] = {
    "fits": "the explanation leads to the published numbers",
    "in part": "it does if something else holds as well, which the reason names",
    "does not fit": "it does not lead to the published numbers",
    "silent": "the evidence has nothing to say about it",
}
# An adjustment that fewer than one in a hundred drawn trials show is not counted as a fit.
RARE = 0.01
EVIDENCE = {
    "width": "Widths of the PFS intervals",
    "survival": "Width for overall survival",
    "p": "Published P values",
    "place": "Clinical benefit: estimate",
    "cbr_width": "Clinical benefit: limits",
    "abstract": "ASCO 2023 abstract",
    "elsewhere": "Medians, rates, exact limits",
    "software": "Software defaults",
}
Verdict = tuple[Fit, str]
ASKED: Verdict = ("in part", "Both SAS and R offer it; it has to be asked for.")
NO_SOFTWARE: Verdict = ("silent", "No default of software is involved.")
LOG_LOG = (
    "The log-log limits of medians and rates, however, are the default of SAS (LIFETEST), not of R."
)
SOFTWARE: dict[str, Verdict] = {
    "contrast": (
        "in part",
        "R gives ordered factors orthonormal polynomial contrasts by default, and a logistic model "
        f"profile limits beside a Wald P. {LOG_LOG}",
    ),
    "base2": ("does not fit", "No package that we know reports it; it would be a step by hand."),
    "effect": ("in part", "The default of SAS for logistic models, not for Cox models."),
    "level": ("in part", "The default is 95% everywhere; another level has to be asked for."),
    "one_sided": ("in part", "Level and side both have to be asked for."),
    "weights": ASKED,
    "robust": ASKED,
    "cluster": ASKED,
    "means": ASKED,
}


@dataclass(frozen=True)
class Judgement:
    """How an explanation (a key of ``EXPLANATIONS``) stands to a piece of ``EVIDENCE``, and why."""

    explanation: str
    evidence: str
    fit: Fit
    reason: str


def judge(found: Evidence) -> list[Judgement]:
    """All explanations against all evidence, by explanation."""
    weights = replace(EXPLANATIONS["weights"], se=found.rivals.weights)
    return [
        Judgement(name, topic, *rule(found, name, explanation))
        for name, explanation in (EXPLANATIONS | {"weights": weights}).items()
        for topic, rule in RULES.items()
    ]


def _span(low: float, high: float) -> str:
    return f"{low:.3f}" + ("" if low == high else f" to {high:.3f}")


def _width(found: Evidence, name: str, e: Explanation) -> Verdict:
    f, rivals = found.factor, found.rivals
    text = f"{f.value:.3f} ({f.lower:.3f} to {f.upper:.3f})"
    if e.robust:
        fit: Fit = "fits" if found.robust_floor <= found.widest_ratio else "does not fit"
        return fit, (
            f"In simulated trials of this size a robust standard error fell to "
            f"{found.robust_floor:.2f} of the least one; the published interval of all patients "
            f"implies {found.widest_ratio:.2f} at most. Small subgroups alone say less."
        )
    if name == "cluster":
        spreads = ", ".join(f"{s:.2f} ({n} clusters)" for n, s in rivals.clusters.items())
        return "does not fit" if min(rivals.clusters.values()) > 3 * rivals.spread else "in part", (
            f"The logarithm of SE over bound has a standard deviation of {rivals.spread:.3f} over "
            f"the published rows. Cluster-robust errors scatter far more: {spreads}."
        )
    if name == "means":
        line = rivals.means.loc["final"]
        return "in part", (
            f"On the rescaled synthetic data it gives {line['text']} for all patients. Its "
            "standard error does not follow the events, so the rows would not share one factor."
        )
    if name == "weights":
        low, high = rivals.weights
        return "in part" if low <= f.upper and f.lower <= high else "does not fit", (
            f"A model-based standard error with such weights is {_span(low, high)} of the ordinary "
            f"one, by the events of the row (standard deviation {rivals.weights_spread:.3f} on the "
            f"log scale; published rows {rivals.spread:.3f}); the common factor is {text}."
        )
    if name == "misprint":
        return "does not fit", (
            f"{len(f.rows)} rows share one factor; slips of single digits would scatter. One slip "
            "that touched all rows would be another line of this table."
        )
    if e.se is None:
        return "silent", "It concerns clinical benefit only."
    inside = e.se[0] <= f.upper and f.lower <= e.se[1]
    return (
        "fits" if inside else "does not fit",
        f"It narrows every interval to {_span(*e.se)}; the factor common to all rows is {text}.",
    )


def _survival(found: Evidence, name: str, e: Explanation) -> Verdict:
    low, high = found.record.interval(OS).se_range
    least, most = found.survival
    published = f"published {low:.3f} to {high:.3f}"
    if name in CBR_ONLY:
        return "silent", "It concerns clinical benefit only."
    if name == "misprint":
        return "in part", f"One more interval would be wrong, by the same factor; {published}."
    if name == "cluster":
        return "in part", "One interval alone can be narrowed to any width by clusters."
    if name == "means":
        line = found.rivals.means.loc["os"]
        return "fits" if low <= line["se"] <= high else "does not fit", (
            f"On the rescaled synthetic data its standard error is {line['se']:.3f}; {published}."
        )
    ends = (found.robust_floor, 1.0) if e.robust else e.se or (1.0, 1.0)
    least, most = least * ends[0], most * ends[1]
    return "fits" if least <= high and low <= most else "does not fit", (
        f"The standard error would be {least:.3f} to {most:.3f}, as the deaths divide between the "
        f"arms; {published}."
    )


def _p(found: Evidence, name: str, e: Explanation) -> Verdict:
    cells = [PFS, PREPLANNED, CBR]
    prints = [printed_p(found.record, c).text for c in cells]
    held = [holds_p(found.record, c, 95) for c in cells]
    count = f"{sum(held)} of {len(held)} P values ({', '.join(prints)})"
    small = [f"{p:.4f}".lstrip("0") for p in p_span(found.record, CBR, 95)]
    rest = (
        f" For clinical benefit a Wald fit gives {small[0]} to {small[1]}; profile limits beside "
    )
    rest = "" if held[-1] else f"{rest}a Wald P can give {prints[-1]}."
    if name in CBR_ONLY:
        return "silent", "A P value and its own interval agree under any covariates or ratio."
    if name == "misprint":
        return "in part" if sum(held) < len(held) else "does not fit", (
            f"{count} follow from ratio and limits; changing one number would break that.{rest}"
        )
    if name == "means":
        final, early = (found.rivals.means.loc[k, "p"] for k in ("final", "preplanned"))
        return "in part", (
            f"On the rescaled synthetic data P = {p_text(final)} ({prints[0]} published); cut at "
            f"the date of the first analysis, {p_text(early)} ({prints[1]} published)."
        )
    if not e.own_p:
        levels = np.linspace(*LEVELS, 31)
        spans = [[p_span(found.record, c, x, e.sides) for x in levels] for c in cells]
        held = [any(holds_p(found.record, c, x, e.sides) for x in levels) for c in cells]
        ranges = _ranges(spans)
        fit: Fit = "in part" if e.sides == 2 else "fits" if all(held) else "does not fit"
        other = " Only P values of another test, such as log-rank, could be so small."
        return fit, (
            f"Ratio and limits would go with P = {ranges}; published are {', '.join(prints)}."
            + (other if e.sides == 2 else f" {sum(held)} of {len(held)} agree.")
        )
    return "fits" if all(held) else "in part", (
        f"{count} follow from ratio and limits, which change together.{rest}"
    )


def _ranges(spans: list[list[tuple[float, float]]]) -> str:
    """The least and largest of several ranges of P for each number: ``.149 to .166, .076``."""
    ends = [(min(a for a, _ in s), max(b for _, b in s)) for s in spans]
    return ", ".join(f"{p_text(a)} to {p_text(b)}" for a, b in ends)


def _place(found: Evidence, name: str, e: Explanation) -> Verdict:
    printed, lower, upper = found.record.interval(CBR).prints
    model = "risk" if name == "risk" else "logistic"
    shares = [prints_share(found.draws[model, k], printed, e.estimate) for k in ("strata", "more")]
    raw = found.benefit.odds_ratio.value
    if name == "means":
        return "silent", "It concerns times to an event only."
    if name == "misprint":
        middle = (lower.value * upper.value) ** 0.5
        return "does not fit", (
            f"The middle of the limits, {middle:.2f}, agrees with {printed.text}: all of these "
            "numbers would have to be wrong together."
        )
    said = [_percent(s) for s in shares]
    drawn = (
        f"{said[0]} of the drawn adjustments for the strata give {printed.text}, {said[1]} with "
        f"{' and '.join(found.more)} added"
    )
    if name == "risk":
        a, b = found.benefit.control, found.benefit.experimental
        raw_risk = risk_ratio(a.count, a.n, b.count, b.n)
        where = f"The raw ratio of risks is {raw_risk.text() if raw_risk else 'undefined'};"
        return ("fits" if shares[0] >= RARE else "in part"), f"{where} {drawn}."
    if name == "covariates":
        return ("fits" if max(shares) >= RARE else "does not fit"), (
            f"The raw odds ratio is {raw:.2f}; {drawn}."
        )
    where = (
        f"The raw {raw:.2f} would appear as {raw**e.estimate:.2f};"
        if e.estimate != 1
        else f"It leaves the estimate (raw {raw:.2f}) alone, but covariates could move it:"
    )
    fit: Fit = "fits" if shares[0] >= RARE else "in part" if shares[1] >= RARE else "does not fit"
    every = ""
    if e.se and e.se[0] == e.se[1]:
        share = _percent(reports_all(found.draws["logistic", "strata"], found.record, e))
        every = f" Estimate, profile limits and Wald P agree together in {share}."
    return fit, f"{where} {drawn}.{every}"


def _percent(share: float) -> str:
    return "none" if share == 0 else percent(share, 0 if share >= RARE else 2)


def _cbr_width(found: Evidence, name: str, e: Explanation) -> Verdict:
    low, high = found.record.interval(CBR).se_range
    woolf = found.benefit.odds_ratio_se
    published = f"published {low:.3f} to {high:.3f}"
    logistic = found.draws["logistic", "strata"]["se"]
    if name == "means":
        return "silent", "It concerns times to an event only."
    if name == "cluster":
        return "in part", "One interval alone can be narrowed to any width by clusters."
    if name == "misprint":
        return "does not fit", "The published limits agree with the published estimate."
    if name == "risk":
        se = found.draws["risk", "more"]["se"]
        share = float(((se >= low) & (se <= high)).mean())
        fit: Fit = "fits" if share >= RARE else "in part" if se.max() >= low else "does not fit"
        return fit, (
            f"Standard error of the log ratio of risks: {se.min():.3f} to {se.max():.3f} in drawn "
            f"adjustments, {published}; {_percent(share)} lie there."
        )
    if e.robust:
        least = min(found.draws["logistic", k]["robust"].min() for k in ("strata", "more"))
        return "fits" if least <= high else "does not fit", (
            f"A robust standard error was {least:.2f} or more in drawn adjustments; {published}."
        )
    least, most = (x * (e.se or (1, 1))[i] for i, x in enumerate((woolf, logistic.quantile(0.99))))
    meets = least <= high and low <= most
    if name == "covariates":
        return "fits" if meets else "does not fit", (
            f"Proved: no adjustment of a logistic model lowers the raw {woolf:.3f}; {published}."
        )
    return "fits" if meets else "does not fit", (
        f"The raw {woolf:.3f}, or more after adjusting, would appear as {least:.3f} to {most:.3f}; "
        f"{published}."
    )


def _abstract(found: Evidence, name: str, e: Explanation) -> Verdict:
    if name in (*CBR_ONLY, "misprint", "means"):
        return "silent", "The abstract reports another analysis."
    own, other = (abstract_agrees(found.record, e, own_p=x) for x in (True, False))
    if own:
        return "fits", "Ratio, interval and P there go with an ordinary standard error."
    if other:
        return "in part", (
            "Ratio, interval and P there go with an ordinary 95% interval. It could hold there too "
            "only if P is of another test; or it concerns only the analyses in the article."
        )
    return "does not fit", (
        f"Even with P set aside no standard error up to {ORDINARY:.2f} of its bound leads to the "
        "limits there."
    )


def _elsewhere(found: Evidence, name: str, e: Explanation) -> Verdict:
    if name in ("doubled", "level", "one_sided"):
        checks = audit(found.record, only=["B1"])
        exact = [c for c in checks if c.entry.endswith(("lower", "upper"))]
        agree = sum(c.verdict == "consistent" for c in exact)
        what = "single patients" if name == "doubled" else "a 95% level"
        return "in part", (
            f"{agree} of {len(exact)} exact limits are those of {what}, and the 6-month interval "
            f"that of {found.effective:.0f} patients out of {found.patients}: the slip would have "
            "to spare everything but the regression models."
        )
    return "silent", "They do not come from a regression model."


def _software(found: Evidence, name: str, e: Explanation) -> Verdict:
    return SOFTWARE.get(name, NO_SOFTWARE)


RULES: dict[str, Callable[[Evidence, str, Explanation], Verdict]] = {
    "width": _width,
    "survival": _survival,
    "p": _p,
    "place": _place,
    "cbr_width": _cbr_width,
    "abstract": _abstract,
    "elsewhere": _elsewhere,
    "software": _software,
}
