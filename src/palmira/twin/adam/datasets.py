"""The synthetic patients as CDISC ADaM data sets (ADaM Implementation Guide 1.3)."""

from __future__ import annotations

import pandas as pd

from palmira.record import Record
from palmira.twin.adam.adae import adae
from palmira.twin.adam.adrs import adrs
from palmira.twin.adam.adsl import adsl
from palmira.twin.adam.adtte import adtte


def frames(
    patients: pd.DataFrame, events: pd.DataFrame, record: Record, scale: str
) -> dict[str, pd.DataFrame]:
    """ADSL, ADTTE, ADRS and ADAE by name, in small letters.

    ``patients`` (one line a patient) and ``events`` (one line an adverse event) have all stages
    behind them; ``scale`` is that of the hazard ratios, full or neutral. Raises ``ValueError`` for
    a column that is missing, and ``RecordError`` for a record without two arms.
    """
    subjects = adsl(patients, record, scale)
    return {
        "adsl": subjects,
        "adtte": adtte(patients, subjects),
        "adrs": adrs(patients, subjects, record),
        "adae": adae(events, subjects),
    }
