"""Design of a two-arm trial: its sample size, and by simulation what it can and cannot show.

The modules ``scenario``, ``draw``, ``kernels``, ``studies`` and ``simulate`` hold the simulation;
they compile, so they are imported by name.
"""

from palmira.simulation.sample_size import (
    detectable_hazard_ratio,
    observed_range,
    observed_se,
    schoenfeld_events,
    schoenfeld_power,
    significant_below,
)

__all__ = [
    "detectable_hazard_ratio",
    "observed_range",
    "observed_se",
    "schoenfeld_events",
    "schoenfeld_power",
    "significant_below",
]
