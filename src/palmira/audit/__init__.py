"""The consistency audit: do the numbers that a paper prints agree with each other?

Each check is one function on a record; it carries the rounding of every print along. The audit
speaks of consistency only: it scores nobody, and it cannot tell how a number came to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from palmira.audit import counts, curves, events, odds, patients, quotes, ratios, scale
from palmira.audit import interactions as subgroups
from palmira.audit.check import MEANINGS, WEIGHT, Check, Found, Verdict
from palmira.record import Record

# In the order in which they are read, the cheapest and most certain first.
CHECKS: dict[str, Callable[[Record], Iterator[Check]]] = {
    "A1": counts.a1_percent,
    "A2": counts.a2_grim,
    "A3": counts.a3_sums,
    "A4": counts.a4_denominators,
    "A5": counts.a5_flow,
    "A6": events.a6_adverse_events,
    "A7": counts.a7_repeats,
    "B1": events.b1_proportion_interval,
    "C1": ratios.c1_symmetry,
    "C2": ratios.c2_p_value,
    "C3": ratios.c3_least_se,
    "C4": scale.c4_common_factor,
    "C5": odds.c5_odds_ratio,
    "C6": odds.c6_direction,
    "C7": curves.c7_implied_hazard_ratio,
    "C8": curves.c8_medians,
    "C9": events.c9_subgroup_sums,
    "C10": subgroups.c10_subgroups,
    "C11": curves.c11_landmark_interval,
    "C12": curves.c12_landmark_difference,
    "C13": curves.c13_dates,
    "C14": events.c14_arm_sizes,
    "C16": patients.c16_patient_table,
    "D1": events.d1_baseline,
}
NAMES = (*CHECKS, "C15")


def audit(
    record: Record, others: dict[str, Record] | None = None, only: Iterable[str] | None = None
) -> list[Check]:
    """All checks of a record, or ``only`` those named; ``others`` are the records that it quotes.

    C16 proves more than the rest and takes seconds; leave it out by naming the others. Raises
    ``ValueError`` for a check that does not exist.
    """
    wanted = set(NAMES if only is None else only)
    if unknown := wanted - set(NAMES):
        raise ValueError(f"unknown check {sorted(unknown)}: use {', '.join(NAMES)}")
    found = [c for name, check in CHECKS.items() if name in wanted for c in check(record)]
    if "C15" in wanted:
        found += quotes.c15_quotations(record, others or {})
    return found


QUICK = tuple(name for name in NAMES if name != "C16")

__all__ = ["CHECKS", "MEANINGS", "NAMES", "QUICK", "WEIGHT", "Check", "Found", "Verdict", "audit"]
