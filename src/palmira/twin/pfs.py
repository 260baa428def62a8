"""The first stage: days, events and factors of the main end point."""

from __future__ import annotations

import numpy as np
import pandas as pd

from palmira.twin.problem import Problem
from palmira.twin.tables import PatientTable


def patients_frame(problem: Problem, table: PatientTable) -> pd.DataFrame:
    """One line a patient, experimental arm first: arm, pfs (days), pfs_event, treated, factors."""
    frame = pd.DataFrame({
        "arm": np.array(problem.arms)[table.arm], "pfs": table.day, "pfs_event": table.event,
        "treated": table.last > 1,
    })  # fmt: skip
    for f, (factor, levels) in enumerate(zip(problem.factors, problem.levels, strict=True)):
        frame[factor] = np.array(levels)[table.level[:, f]]
    return frame
