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
from palmira.audit.selftest.printing import About, Draft, Style
from palmira.audit.selftest.relations import Relation
from palmira.audit.selftest.results import Plan
from palmira.audit.selftest.simulated_trial import Trial, draw_trial
from palmira.audit.selftest.small_trials import Outcome
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
    """A paper as data: ``sheet`` is the record's file, ``draft`` what is known behind its print."""

    sheet: dict[str, Any]
    draft: Draft
    plan: Plan

    @cached_property
    def record(self) -> Record:
        """The paper as the audit reads it."""
        return record_of(self.sheet)

    @cached_property
    def relations(self) -> list[Relation]:
        """All that ties the printed numbers to each other."""
        return ties(self.record, self.draft.log_log_tests)


def record_of(data: dict[str, Any]) -> Record:
    """A record from a sheet as plain data. Raises ``RecordError`` for what the loader refuses."""
    sheet = Sheet.model_validate(data)
    return Record(sheet, expand(sheet))


def draw_paper(seed: int, number: int) -> Paper:
    """Paper ``number`` of a seed; it depends on nothing else."""
    rng = np.random.default_rng([seed, number])
    while True:
        trial = draw_trial(rng)
        if fewest(trial, trial.pfs) >= 10:
            return print_paper(trial, Plan.draw(rng), Style.draw(rng), rng)


def fewest(trial: Trial, outcome: Outcome) -> int:
    """Events of the arm that has fewer."""
    return min(outcome.among(trial.arm == a).events for a in (0, 1))


def print_paper(trial: Trial, plan: Plan, style: Style, rng: np.random.Generator) -> Paper:
    """Analyse and print a trial."""
    draft = Draft(style)
    tables.flow(draft, trial, rng)
    landmarks = results.time_to_event(draft, trial, totals_only=bool(rng.random() < 0.3))
    responses.response_rates(draft, trial, counts=bool(rng.random() < 0.4))
    draft.block("contrasts", "Results, Efficacy", cell="estimate (lower to upper)")
    results.hazard_ratio(draft, trial, plan, "PFS")
    results.differences(draft, landmarks, rng)
    if fewest(trial, trial.os) >= results.LEAST_EVENTS:
        results.hazard_ratio(draft, trial, plan, "OS")
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
    return Paper(sheet, draft, plan)


REPEATED = ("results.randomized", "results.pfs.median", "contrasts.pfs.hazard_ratio")


def _abstract(draft: Draft) -> None:
    """The abstract: numbers of the text once more, one row an arm."""
    blocks = [b for b in draft.blocks if b["id"] in ("results", "contrasts")]
    draft.block("abstract", "Abstract")
    for block in blocks:
        for row in block["rows"]:
            if f"{block['id']}.{row['id']}" in REPEATED:
                for column, text in zip(block.get("columns", [""]), row["values"], strict=True):
                    if text is not None:
                        _repeat(draft, block, row, column, text)


def _repeat(draft: Draft, block: About, row: About, column: str, text: str) -> None:
    """Print one cell of a row again in the last block, with what is known behind it."""
    about = {k: block[k] for k in ("cell", "measure", "unit") if k in block} | copy.deepcopy(row)
    about |= {"values": [text], "same_as": f"{block['id']}.{row['id']}"}
    if column:
        about |= {"id": f"{row['id']}.{column}", "arm": column}
    draft.blocks[-1]["rows"].append(about)
    cell, again = f"{block['id']}.{about['id']}", f"abstract.{about['id']}"
    for part in ("count", "estimate", "lower", "upper", "p"):
        if f"{cell}.{part}" in draft.truth:
            draft.truth[f"{again}.{part}"] = draft.truth[f"{cell}.{part}"]
    if cell in draft.narrow:
        draft.narrow[again] = draft.narrow[cell]


def reprint(sheet: dict[str, Any], id: str, text: str, reason: str = "planted") -> None:
    """Print another text for an entry, or for a whole cell; ``sheet`` is changed in place."""
    for block in sheet["blocks"]:
        columns = block.get("columns", {"": {}})
        for row in block["rows"]:
            for k, (name, column) in enumerate(columns.items()):
                cell = ".".join(x for x in (block["id"], row["id"], name) if x)
                if cell not in (id, id.rpartition(".")[0]):
                    continue
                row["as_printed"] = reason
                layout = row.get("cell") or column.get("cell") or block.get("cell") or "value"
                _reprint(row, k, id.removeprefix(cell).removeprefix("."), layout, text)
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
