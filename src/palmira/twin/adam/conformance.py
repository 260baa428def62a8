"""The dictionary as a pandera schema, and the check of a whole twin (for tests and makers)."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

from palmira.record import Record
from palmira.record.schema import RecordError
from palmira.twin.adam.dictionary import SYNTHETIC, Dataset, Variable, datasets
from palmira.twin.adam.invariants import violations


def column(variable: Variable) -> pa.Column:
    """Type, terms, length and missing values of a variable; an empty text is a missing one."""
    checks = []
    empty = [""] if variable.missing and variable.type == "text" else []
    if variable.terms:
        checks.append(pa.Check.isin([*variable.terms, *empty]))
    if variable.type == "text":
        checks.append(pa.Check.str_length(0 if variable.missing else 1, variable.length))
    if variable.type == "integer":
        checks.append(pa.Check(lambda x: x % 1 == 0, name="whole number"))
    nullable = variable.missing and variable.type != "text"
    return pa.Column(variable.dtype, checks, nullable=nullable, title=variable.label)


def schema(dataset: Dataset) -> pa.DataFrameSchema:
    """The schema of a data set: its columns in their order, no others, every line synthetic."""
    columns = {v.name: column(v) for v in dataset.variables}
    columns["SYNTH"] = pa.Column(str, pa.Check.eq(SYNTHETIC))
    return pa.DataFrameSchema(columns, strict=True, ordered=True, name=dataset.name)


def validate(frames: dict[str, pd.DataFrame], record: Record) -> None:
    """Check the data sets against the dictionary and the invariants.

    Raises ``RecordError`` naming data set, variable or rule, and the first patients concerned.
    """
    for name, dataset in datasets(record).items():
        try:
            schema(dataset).validate(frames[name], lazy=True)
        except pa.errors.SchemaErrors as errors:
            first = errors.failure_cases.iloc[0]
            raise RecordError(
                f"{dataset.name}: {len(errors.failure_cases)} values are not as the dictionary "
                f"says, the first {first['failure_case']!r} of {first['column']} "
                f"({first['check']}). Mend: make the twin again."
            ) from None
    if len(broken := violations(frames, record)):
        rules = [
            f"{dataset.upper()}: {rule}: {', '.join(subjects.head(3))}"
            + (f" and {len(subjects) - 3} more" if len(subjects) > 3 else "")
            for (dataset, rule), subjects in broken.groupby(["dataset", "invariant"], sort=False)[
                "USUBJID"
            ]
        ]
        raise RecordError("does not hold: " + "; ".join(rules) + ". Mend: make the twin again.")
