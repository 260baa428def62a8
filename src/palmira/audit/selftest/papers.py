"""One synthetic paper: a simulated trial, analysed and printed in the format of the records."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from palmira.audit.selftest import counting_tables as tables
from palmira.audit.selftest import response_rates as responses
from palmira.audit.selftest import results
from palmira.audit.selftest import subgroup_figure as forest
from palmira.audit.selftest.printing import Draft, Style
from palmira.audit.selftest.relations import Relation
from palmira.audit.selftest.results import Plan
from palmira.audit.selftest.simulated_trial import Trial, draw_trial
from palmira.audit.selftest.ties import ties
from palmira.record import Record
from palmira.record.entries import expand
from palmira.record.printed import CELLS
from palmira.record.schema import Sheet

ARM_LABELS = {
    "experimental": "Experimental treatment",
    "control": "Control treatment",
    "total": "All patients",
}


@dataclass(frozen=True)
class Paper:
    """A paper as data: ``sheet`` is the record's file, ``truth`` the true value behind each entry.

    ``narrow`` holds each cell that prints a 95% interval with its 90% interval instead, ``other_p``
    the P values of other tests by row, ``log_log_tests`` the rows of differences whose P is of
    that scale.
    """

    sheet: dict[str, Any]
    truth: dict[str, float]
    narrow: dict[str, str]
    other_p: dict[str, dict[str, float]]
    log_log_tests: frozenset[str]
    style: Style
    plan: Plan

    @cached_property
    def record(self) -> Record:
        """The paper as the audit reads it."""
        return record_of(self.sheet)

    @cached_property
    def relations(self) -> list[Relation]:
        """All that ties the printed numbers to each other."""
        return ties(self.record, self.log_log_tests)


def record_of(data: dict[str, Any]) -> Record:
    """A record from a sheet as plain data. Raises ``RecordError`` for what the loader refuses."""
    sheet = Sheet.model_validate(data)
    return Record(sheet, expand(sheet))


def draw_paper(seed: int, number: int) -> Paper:
    """Paper ``number`` of a seed; it depends on nothing else."""
    rng = np.random.default_rng([seed, number])
    while True:
        trial = draw_trial(rng)
        if min(trial.progressed[trial.arm == a].sum() for a in (0, 1)) >= 10:
            return print_paper(trial, Plan.draw(rng), Style.draw(rng), rng)


def print_paper(trial: Trial, plan: Plan, style: Style, rng: np.random.Generator) -> Paper:
    """Analyse and print a trial."""
    draft = Draft(style)
    tables.flow(draft, trial, rng)
    landmarks = results.time_to_event(draft, trial, totals_only=bool(rng.random() < 0.3))
    responses.response_rates(draft, trial, counts=bool(rng.random() < 0.4))
    draft.block("contrasts", "Results, Efficacy", cell="estimate (lower to upper)")
    outcomes = results.outcomes(trial)
    results.hazard_ratio(
        draft, "pfs.hazard_ratio", "Hazard ratio for PFS", trial, plan, outcomes["PFS"],
        endpoint="PFS",
    )  # fmt: skip
    results.differences(draft, landmarks, rng)
    if min(trial.died[trial.arm == a].sum() for a in (0, 1)) >= results.LEAST_EVENTS:
        results.hazard_ratio(
            draft, "os.hazard_ratio", "Hazard ratio for OS", trial, plan, outcomes["OS"],
            endpoint="OS",
        )  # fmt: skip
    responses.odds_ratio(draft, trial, plan)
    tables.dates(draft, trial)
    tables.table_1(draft, trial)
    forest.subgroups(draft, trial, plan, rng)
    tables.adverse_events(draft, trial)
    _abstract(draft)
    sets = {"randomized": "randomized", "safety": "treated"}
    sheet = {
        "trial": "SYNTHETIC",
        "title": "A simulated trial",
        "arms": {k: {"label": v, "role": k} for k, v in ARM_LABELS.items()},
        "populations": {
            name: {arm: f"results.{row}.{arm}.count" for arm in ARM_LABELS}
            for name, row in sets.items()
        },
        "sources": {"simulation": {"cite": "Simulated patients"}},
        "strata": [f.name for f in trial.strata] if plan.adjusted else [],
        "blocks": draft.blocks,
    }
    return Paper(
        sheet, draft.truth, draft.narrow, draft.other_p, frozenset(draft.log_log_tests), style, plan
    )


REPEATED = ("results.randomized", "results.pfs.median", "contrasts.pfs.hazard_ratio")


def _abstract(draft: Draft) -> None:
    """The abstract: numbers of the text once more, one row an arm."""
    blocks = {b["id"]: b for b in draft.blocks}
    repeated = [(b, r) for b in ("results", "contrasts") for r in blocks[b]["rows"]
                if f"{b}.{r['id']}" in REPEATED]  # fmt: skip
    draft.block("abstract", "Abstract")
    for block, row in repeated:
        columns = blocks[block].get("columns", {"": {}})
        for column, text in zip(columns, row["values"], strict=True):
            if text is None:
                continue
            about: dict[str, Any] = {
                k: blocks[block][k] for k in ("cell", "measure", "unit") if k in blocks[block]
            }
            about |= copy.deepcopy({k: v for k, v in row.items() if k not in ("id", "label")})
            about |= {"values": [text], "same_as": f"{block}.{row['id']}"}
            id = f"{row['id']}.{column}" if column else str(row["id"])
            if column:
                about["arm"] = column
            draft.blocks[-1]["rows"].append({"id": id, "label": row["label"], **about})
            stem = ".".join(x for x in (block, row["id"], column) if x)
            for part in ("count", "estimate", "lower", "upper", "p"):
                if f"{stem}.{part}" in draft.truth:
                    draft.truth[f"abstract.{id}.{part}"] = draft.truth[f"{stem}.{part}"]
            if stem in draft.narrow:
                draft.narrow[f"abstract.{id}"] = draft.narrow[stem]


def reprint(sheet: dict[str, Any], id: str, text: str, reason: str = "planted") -> None:
    """Print another text for an entry, or for a whole cell; ``sheet`` is changed in place."""
    for block in sheet["blocks"]:
        columns = block.get("columns", {"": {}})
        for row in block["rows"]:
            for k, (name, column) in enumerate(columns.items()):
                stem = ".".join(x for x in (block["id"], row["id"], name) if x)
                if id == stem or id.rpartition(".")[0] == stem:
                    row["as_printed"] = reason
                    layout = row.get("cell") or column.get("cell") or block.get("cell") or "value"
                    part = "" if id == stem else id.rpartition(".")[2]
                    _reprint(row, k, part, layout, text)
                    return
    raise KeyError(id)


def _reprint(row: dict[str, Any], k: int, part: str, layout: str, text: str) -> None:
    if part == "p" and "p" in row:
        row["p"] = text
    elif not part:
        row["values"][k] = text
    else:
        match = CELLS[layout].match(row["values"][k])
        if match is None:
            raise ValueError(f"{row['id']}: {row['values'][k]!r} does not read as {layout!r}")
        start, end = match.span(part)
        row["values"][k] = match.string[:start] + text + match.string[end:]
