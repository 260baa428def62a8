"""A map of the other studies that PALMIRA's paper names for the same patients."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from palmira.readings import printed_text
from palmira.record import Record
from palmira.show.exhibits import Table
from palmira.tables.comparison import numbering
from palmira.tables.context import cited

# What PALMIRA's paper names for the same patients: group, study, what was given to whom, why the
# paper names it, and the numbers, by ids of the records ({palmira: of the paper}).
MAP = (
    ("A CDK4/6 inhibitor once more", "BioPER",
     "Palbociclib again with another ET after progression on palbociclib; one arm",
     "Biopsies before the second course: low retinoblastoma, high cyclin E1 and ESR1 "
     "mutations went with a worse outcome",
     "{setting:patients.bioper.count} patients in the abstract, "
     "{palmira:discussion.bioper.biopsied.count} in the Discussion; median PFS in months "
     "{setting:medians.bioper.experimental}, CBR in % {setting:benefit.bioper}",
     "setting:medians.bioper.experimental.estimate palmira:discussion.bioper.biopsied.count"),
    ("A CDK4/6 inhibitor once more", "EMBER-3, combination",
     "Imlunestrant with or without abemaciclib after an aromatase inhibitor, with or without a "
     "CDK4/6 inhibitor",
     "A switched inhibitor with a new degrader of the estrogen receptor; longer PFS whatever the "
     "ESR1 status",
     "Median PFS in months {setting:medians.ember3.combination.experimental} v "
     "{setting:medians.ember3.combination.control}, HR "
     "{setting:hazard_ratios.ember3.combination}",
     "setting:hazard_ratios.ember3.combination.estimate"),
    ("ESR1 mutation: degraders of the estrogen receptor", "EMERALD",
     "Elacestrant against standard ET after a CDK4/6 inhibitor",
     "ESR1 guides treatment already; PFS of at least {palmira:discussion.emerald.cutpoint} months "
     "on the inhibitor foretold sensitivity",
     "ESR1 mutated: HR {setting:hazard_ratios.emerald.esr1}; of these after long treatment: "
     "{setting:medians.emerald.esr1_ge12.experimental} v "
     "{setting:medians.emerald.esr1_ge12.control} months, HR "
     "{setting:hazard_ratios.emerald.esr1_ge12}, post hoc",
     "setting:hazard_ratios.emerald.esr1.estimate setting:medians.emerald.esr1_ge12.control"),
    ("ESR1 mutation: degraders of the estrogen receptor", "EMBER-3, imlunestrant alone",
     "Imlunestrant against standard ET",
     "Named for its combination; its ESR1 result is from a report",
     "ESR1 mutated: HR {setting:hazard_ratios.ember3.esr1}; not mutated: "
     "{setting:hazard_ratios.ember3.no_esr1}",
     "setting:hazard_ratios.ember3.esr1.estimate"),
    ("PIK3CA, AKT1 or PTEN: inhibitors of that pathway", "SOLAR-1 (alpelisib)",
     "Alpelisib or placebo with fulvestrant, PIK3CA mutated, after an aromatase inhibitor",
     "PIK3CA guides treatment already; few had a CDK4/6 inhibitor before",
     "HR {setting:hazard_ratios.solar1.mutated}; after a CDK4/6 inhibitor "
     "{setting:hazard_ratios.solar1.prior_cdk46} "
     "({setting:patients.solar1.prior_cdk46.count} patients)",
     "setting:hazard_ratios.solar1.mutated.estimate setting:medians.solar1.prior_cdk46.control"),
    ("PIK3CA, AKT1 or PTEN: inhibitors of that pathway", "BYLieve (alpelisib)",
     "Alpelisib with fulvestrant, PIK3CA mutated, straight after a CDK4/6 inhibitor; one arm",
     "A benefit much like that without the inhibitor before",
     "{setting:patients.bylieve.count} patients, median PFS {setting:medians.bylieve.experimental} "
     "months",
     "setting:medians.bylieve.experimental"),
    ("PIK3CA, AKT1 or PTEN: inhibitors of that pathway", "CAPItello-291 (capivasertib)",
     "Capivasertib or placebo with fulvestrant; {setting:patients.capitello.prior_cdk46.percent}% "
     "had a CDK4/6 inhibitor before",
     "Named in the Introduction as a partner of fulvestrant, and for its control arm",
     "All: HR {setting:hazard_ratios.capitello.all}; pathway altered: "
     "{setting:hazard_ratios.capitello.altered}",
     "setting:hazard_ratios.capitello.all.estimate"),
    ("How long the first inhibitor worked", "PARSIFAL-Long",
     "Long follow-up of first-line palbociclib with fulvestrant or letrozole",
     "PFS of at least {palmira:discussion.parsifal_long.cutpoint} months went with longer OS",
     "OS {palmira:discussion.parsifal_long.os.longer} v "
     "{palmira:discussion.parsifal_long.os.shorter} months, as the Discussion prints them",
     "palmira:discussion.parsifal_long.os.longer"),
    ("Control arms", "VERONICA",
     "Fulvestrant with or without venetoclax after a CDK4/6 inhibitor",
     "For its control arm, shorter than PALMIRA's and PACE's",
     "Median PFS in months {setting:medians.veronica.experimental} v "
     "{setting:medians.veronica.control}, HR {setting:hazard_ratios.veronica}",
     "setting:hazard_ratios.veronica.estimate"),
)  # fmt: skip


def setting_map(records: Mapping[str, Record], setting: Record) -> Table:
    """The other studies that PALMIRA's paper names, why, and what of them was seen."""
    everything = {**records, "setting": setting}
    numbers, lines = numbering(everything), []
    for group, name, given, why, found, source in MAP:
        marks = []
        for place in source.split():
            key, id = place.split(":")
            marks.append(cited(everything[key], id, numbers))
        lines.append(
            {"Study": name, "What was given, to whom": _fill(given, everything),
             "Why the paper names it": _fill(why, everything),
             "Numbers seen": " ".join([_fill(found, everything), *marks]), "Question": group}
        )  # fmt: skip
    return Table(pd.DataFrame(lines), group="Question")


def _fill(text: str, records: Mapping[str, Record]) -> str:
    """A sentence with its numbers: ``{trial:id}`` of an entry or of a cell with its limits."""

    def number(found: re.Match[str]) -> str:
        record, id = records[found[1]], found[2]
        if f"{id}.estimate" in record.entries:
            return printed_text(record, id)
        return record[id].text

    return re.sub(r"\{(\w+):([\w.]+)\}", number, text)
