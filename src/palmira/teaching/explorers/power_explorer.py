"""Explorer of a trial's power: true hazard ratio and events to power and to what trials report."""

from __future__ import annotations

from itertools import product
from math import ceil, log

import numpy as np
from scipy.stats import norm

from palmira.readings.three_readings import reading
from palmira.record import Record
from palmira.show.formats import percent, span
from palmira.simulation.sample_size import (
    detectable_hazard_ratio,
    observed_range,
    observed_se,
    schoenfeld_events,
    schoenfeld_power,
    significant_below,
)
from palmira.teaching.explorers.panel import Control, Explorer, Shown

GRID = np.arange(40, 126, 5) / 100
EVENTS = (*range(20, 301, 20), 350, 400, 500, 600)
# Allocations, experimental to control.
RATIOS = (1.0, 2.0)
ALPHA = 0.05


def truths(record: Record) -> dict[float, str]:
    """True hazard ratios to choose from, each with its name where it has one; rising."""
    ways = reading(record, "contrasts.pfs.hazard_ratio").ways
    named = {
        record["sample_size.hazard_ratio"].value: "assumed for the sample size",
        ways.printed.value: f"{record.trial} as printed, and neutral",
        round(ways.conditional.value, 2): f"{record.trial} on the full scale (conditional)",
    }
    return dict(sorted(({round(float(x), 2): "" for x in GRID} | named).items()))


def event_numbers(record: Record) -> dict[int, str]:
    """Numbers of events to choose from, each with its name where it has one; rising."""
    power = record["sample_size.power.percent"].value / 100
    needed = schoenfeld_events(record["sample_size.hazard_ratio"].value, power, ALPHA, RATIOS[-1])
    seen = int(record["results.pfs.events.total.count"].value)
    named = {ceil(needed): "what the sample size's ratio needs", seen: f"seen in {record.trial}"}
    return dict(sorted((dict.fromkeys(EVENTS, "") | named).items()))


def shown(hazard_ratio: float, events: int, ratio: float, power: float) -> Shown:
    """Power and spread at one setting; ``power`` is that of the ratio that is detected."""
    se, limit = observed_se(events, ratio), significant_below(events, ALPHA, ratio)
    middle, half = (observed_range(events, hazard_ratio, level, ratio) for level in (95, 50))
    found = detectable_hazard_ratio(events, power, ALPHA, ratio)
    texts = {"hr": f"{hazard_ratio:.2f}", "events": str(events), "allocation": f"{ratio:g}:1"}
    texts["power"] = percent(schoenfeld_power(events, hazard_ratio, ALPHA, ratio))
    texts |= {"middle": span(middle.lower, middle.upper), "half": span(half.lower, half.upper)}
    texts["below"] = percent(float(norm.cdf(-log(hazard_ratio) / se)))
    texts |= {"limit": f"{limit:.2f}", "detected": f"{found:.2f}"}
    return Shown(texts, {"hr": hazard_ratio, "se": se, "limit": limit})


def explorer(record: Record) -> Explorer:
    """The explorer, with the trial's own numbers among its positions."""
    hrs, events = truths(record), event_numbers(record)
    power = record["sample_size.power.percent"].value / 100
    settings = [shown(h, d, r, power) for h, d, r in product(hrs, events, RATIOS)]
    assumed = list(hrs).index(record["sample_size.hazard_ratio"].value)
    seen = list(events).index(int(record["results.pfs.events.total.count"].value))
    last = len(RATIOS) - 1
    own = [i for i, words in enumerate(hrs.values()) if record.trial in words]
    kept = dict.fromkeys([assumed, *own, list(hrs).index(1.0)])
    z = np.linspace(-4, 4, 81)
    return Explorer(
        name="power",
        controls=(
            Control("True hazard ratio", _named(hrs, ".2f"), assumed, "slider"),
            Control("Number of events", _named(events, "d"), seen, "slider"),
            Control("Random assignment", tuple(f"{r:g}:1" for r in RATIOS), last),
        ),
        settings=settings,
        columns=("", "At this setting"),
        readout=(
            ("Power (two-sided 5% level)", "power"),
            ("Observed hazard ratios, middle 95% of trials", "middle"),
            ("Observed hazard ratios, middle half of trials", "half"),
            ("Trials with an observed hazard ratio below 1", "below"),
            ("Significant if the observed hazard ratio is at most", "limit"),
            (f"True hazard ratio found with {100 * power:g}% power", "detected"),
        ),
        sentence="If the true hazard ratio is {hr} and {events} events are seen with {allocation} "
        "assignment, {power} of trials are significant. The middle 95% of trials report a hazard "
        "ratio of {middle}; {below} report one below 1.",
        examples=tuple((h * len(events) + seen) * len(RATIOS) + last for h in kept),
        drawing={"z": z.tolist(), "density": np.round(norm.pdf(z), 4).tolist()},
    )


def _named(values: dict[float, str] | dict[int, str], form: str) -> tuple[str, ...]:
    return tuple(f"{v:{form}}, {words}" if words else f"{v:{form}}" for v, words in values.items())
