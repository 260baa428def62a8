"""Tables of a design's operating characteristics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from palmira.design.scenario import Scenario
from palmira.design.simulate import mean_with_error
from palmira.show.exhibits import Table


def percent(share: float, error: float) -> str:
    """A share with its Monte Carlo standard error, both in percent."""
    return f"{100 * share:.1f}% (± {100 * error:.1f})"


def characteristics(results: pd.DataFrame, scenarios: list[Scenario]) -> Table:
    """Significant trials, hazard ratio, coverage and medians, by scenario and analysis."""
    truth = {s.name: s for s in scenarios}
    rows = []
    for r in results.itertuples():
        hr = truth[r.scenario].hazard_ratio
        rows.append(
            {"Scenario": f"{r.scenario}; true median PFS {truth[r.scenario].medians[0]:.1f} and "
                         f"{truth[r.scenario].medians[1]:.1f} months",
             "Analysis by": r.analysis,
             "Significant": percent(r.rejected, r.rejected_error),
             "Mean HR": f"{np.exp(r.log_hazard_ratio):.2f}",
             "Bias of log HR": "no true HR" if np.isnan(hr)
             else f"{r.bias_log:+.3f} (± {r.bias_log_error:.3f})",
             "95% interval holds the truth": "no true HR" if np.isnan(hr)
             else percent(r.covered, r.covered_error),
             "Bias of the medians, months": f"{r.bias_median:+.2f}, {r.bias_control:+.2f}"}
        )  # fmt: skip
    note = (
        f"{int(results['trials'].iloc[0]):,} trials a scenario; ± standard error of the simulation "
        "(Monte Carlo). Significant: two-sided 5% level, log-rank test (Wald test for intervals). "
        "Mean HR: exponential of the mean log HR. Bias of the medians: experimental arm, control "
        f"arm; its Monte Carlo error is {results['bias_control_error'].max():.2f} at most."
    )
    data = results.round(5)
    return Table(pd.DataFrame(rows), data, group="Scenario", notes=(note,))


def best_of(selections: dict[str, pd.DataFrame], truths: dict[str, float]) -> Table:
    """What the best-looking subgroup shows where all subgroups have the same hazard ratio."""
    rows, numbers = [], []
    for name, frame in selections.items():
        frame = frame[np.isfinite(frame["best"])]
        any_one = (frame["significant"] > 0).astype(float)
        picked = np.exp(frame.loc[any_one > 0, "best"])
        row: dict[str, Any] = {"scenario": name, "true": truths[name], "trials": len(frame),
               **mean_with_error("any_significant", any_one),
               **mean_with_error("best_log", frame["best"]),
               "best_significant": float(picked.median())}  # fmt: skip
        numbers.append(row)
        rows.append(
            {"True hazard ratio, the same in all": f"{truths[name]:.2f} ({name})",
             "Trials with a significant subgroup":
             percent(row["any_significant"], row["any_significant_error"]),
             "HR of the best subgroup, typical": f"{np.exp(row['best_log']):.2f}",
             "The same if significant, median": f"{row['best_significant']:.2f}"}
        )  # fmt: skip
    note = (
        f"{numbers[0]['trials']:,} trials each; ± standard error of the simulation (Monte Carlo). "
        "Significant: 95% interval below 1. Best: lowest z. Typical: exponential of the mean log "
        "HR."
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(numbers).round(4), notes=(note,))
