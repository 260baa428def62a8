"""Response analyses of the twin's data sets: exact limits, and a logistic model's odds ratio."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import inf, nan

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.tools.tools import add_constant

from palmira.audit.odds import tables_of
from palmira.record.entries import Entry
from palmira.statistics.proportions import clopper_pearson
from palmira.twin.adam.analysis_set import CODING, AnalysisSet
from palmira.twin.targets.target import Target
from palmira.twin.verify.verify_survival import design, wald_p

RESPONDERS = ("CR", "PR")
DAYS_PER_WEEK = 7
# Standard error of a log odds ratio that only data without a finite estimate reach.
SEPARATED = 100.0


def logistic(
    outcome: pd.Series, covariates: pd.DataFrame, name: str, level: float = 95.0
) -> dict[str, float]:
    """Coefficient of ``name`` in a logistic model: estimate, profile-likelihood limits, Wald P.

    The limits are where twice the log likelihood falls by the chi-square quantile of one degree of
    freedom when the coefficient is held there; infinite where it never falls so far. Source: Venzon
    and Moolgavkar, Appl Stat 1988;37:87. Keys: estimate, lower, upper, p; NaN without an estimate.
    """
    y = outcome.astype(float)
    x = add_constant(covariates.loc[:, covariates.min() < covariates.max()].astype(float))
    if name not in x or not 0 < y.mean() < 1:
        return dict.fromkeys(("estimate", "lower", "upper", "p"), nan)
    others, most = x.drop(columns=name), float(chi2.ppf(level / 100, 1))
    binomial = Binomial()

    def beyond(value: float) -> float:
        held = GLM(y, others, family=binomial, offset=value * x[name]).fit(tol=1e-12)
        return 2 * (whole.llf - held.llf) - most

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        whole = GLM(y, x, family=binomial).fit(tol=1e-12)
        beta, se = float(whole.params[name]), float(whole.bse[name])
        if not se < SEPARATED:
            return dict.fromkeys(("estimate", "lower", "upper", "p"), nan)
        return {
            "estimate": beta,
            "p": wald_p(beta, se),
            "lower": _limit(beyond, beta, -se),
            "upper": _limit(beyond, beta, se),
        }


def _limit(beyond: Callable[[float], float], beta: float, step: float) -> float:
    far = beta + 4 * step
    for _ in range(4):
        if beyond(far) > 0:
            return float(brentq(beyond, *sorted((beta, far)), xtol=1e-8))
        far += 4 * step
    return inf if step > 0 else -inf


class ResponseAnalyses:
    """Response rates and odds ratios of one twin."""

    def __init__(self, data: AnalysisSet, scale: str) -> None:
        self.data = data
        self.scale = scale
        self._models: dict[str, dict[str, float]] = {}

    def number(self, target: Target) -> float:
        """The number that the data sets give for a target of this module's kinds."""
        e = target.of
        if target.kind == "odds ratio":
            found = self.model(e)[e.part]
            with np.errstate(over="ignore"):
                return found if e.part == "p" else float(np.exp(found))
        here = self.data.about(e)
        hits = int((self.outcome(str(e.endpoint), e.row) & here).sum())
        if e.part == "count":
            return float(hits)
        if not here.any():
            return nan
        exact = clopper_pearson(hits, int(here.sum()), e.level)
        part = e.part if e.part in ("lower", "upper") else "value"
        return float(getattr(exact, part)) * (100 if e.unit == "percent" else 1)

    def ordinary(self, target: Target) -> float:
        """An odds ratio or its limit with the arm coded 0 and 1; NaN for any other number."""
        if target.kind != "odds ratio" or target.of.part == "p":
            return nan
        high, low = CODING[self.scale]
        return self.number(target) ** (high - low)

    def outcome(self, endpoint: str, row: str = "") -> pd.Series:
        """Which patients have an objective response (or a partial one only, where the row says so),
        or clinical benefit: response, or stable disease for as long as the record requires."""
        best = self.data.patients["BOR"]
        if row.endswith(".pr"):
            return best == "PR"
        if endpoint == "ORR":
            return best.isin(RESPONDERS)
        weeks = [
            e.value
            for e in self.data.record.entries.values()
            if e.row.endswith("stable_disease") and e.unit == "weeks"
        ]
        if not weeks:
            lines = self.data.frames["adrs"].query("PARAMCD == 'CB'").set_index("USUBJID")
            return lines["AVALC"].reindex(best.index) == "Y"
        stable = (best == "SD") & (self.data.patients["PFS"] > DAYS_PER_WEEK * weeks[0])
        return best.isin(RESPONDERS) | stable

    def model(self, e: Entry) -> dict[str, float]:
        """Log odds ratio of the arm with limits and P, adjusted for the factors of stratification.

        Experimental to control arm, unless the record names the experimental arm as the reference
        or, naming none, prints a ratio on the side of 1 that only the inverse has.
        """
        if e.cell not in self._models:
            here = self.data.population(e.population)
            covariates = design(self.data, self.scale)[here]
            if self._turned(e):
                covariates["arm"] *= -1
            outcome = self.outcome(str(e.endpoint))[here]
            self._models[e.cell] = logistic(outcome, covariates, "arm", e.level)
        return self._models[e.cell]

    def _turned(self, e: Entry) -> bool:
        if e.reference is not None:
            return e.reference == "experimental"
        estimate = self.data.record.cell(e)["estimate"]
        table = tables_of(self.data.record, estimate)
        if not {"experimental", "control"} <= set(table):
            return False
        one, other = (np.mean(table[r][0]) / table[r][1] for r in ("experimental", "control"))
        return bool((one - other) * (estimate.value - 1) < 0)
