"""The whole of the margins: is there a table of patients that has all of them? Check C16."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import inf, nan
from typing import Any

from palmira.audit.check import Check, Found
from palmira.audit.margins import EVERYBODY, Key, Margin, Margins
from palmira.audit.patient_tables import Component, components
from palmira.record import Record

MEND = "OR-tools is not installed. Mend: pip install 'palmira[audit]'"
# Work after which a search gives up, in CP-SAT's own unit: the same on every machine.
EFFORT = 20.0
# More patients than any trial has, so that a number that nothing bounds has room.
MANY = 1_000_000


class Undecided(RuntimeError):
    """CP-SAT gave up before it found a table or a proof that there is none."""


def c16_patient_table(record: Record) -> Iterator[Check]:
    """Whether a table of patients with all printed numbers exists; otherwise which cannot hold.

    Inputs: all printed numbers of patients whose analysis set and arm the record names: sizes of
    analysis sets, levels of factors, events in all and by subgroup, responses, adverse events by
    maximum grade, other rows. A percent enters only where it stands alone, for responses and
    adverse events, as all counts that print as it rounded or cut off; those beside a count are A1's
    and those of factors A2's. Tolerance: none for counts.

    What is assumed of patients: each stands in one arm, and the total is the sum of the arms; a set
    whose size is a count in another set is part of it; a level of a factor has the same patients
    wherever factor and level have the same names; a response is a clinical benefit; a patient's
    grade in a row is at most the grade in the row that it is within, and the highest of the parts'
    where these leave nobody out. A block's levels of a factor are taken to be all, and exclusive,
    where they fill the analysis set in each printed column, or in all arms and the total but for
    one. The latter adds nothing to what the sums over the arms refute already.

    One check a component: ``consistent``, or for each set of numbers that refute each other one
    ``inconsistent``, named after the number without which all others hold if there is one. The set
    is minimal: without any one of them the others hold together. It is not ``impossible``, since a
    misprint would do. Sets are found by QuickXplain (Junker, AAAI 2004), which only asks CP-SAT
    whether chosen numbers can hold together. CP-SAT's own sufficient assumptions would depend on
    presolve and would not be minimal.

    Why numbers of patients by cell suffice. Factors, events, responses, sets: a cell is a whole
    pattern (level in each partition, event or not), so non-negative numbers of patients by pattern
    are a patient table. Two tables that share arm, set and one event glue to one where they agree
    on the shared numbers: deal the second's patients to the first's within each shared cell. A
    shared number is printed for each arm; where it is not, its tables are solved together.

    Rows within each other: cells are grade by row, c[r, g]. Necessary: with C[r, g] those of grade
    g or higher, C[part, g] <= C[whole, g], and for parts that leave nobody out c[whole, g] <= sum
    of c[part, g], since each patient of grade g in the whole has it in some part. Sufficient: given
    the whole's patients, give each of grade g one part that attains it, which that last inequality
    allows (a[p, g] <= c[p, g], summing to c[whole, g]). The rest of a part, c[p, g] - a[p, g], is
    dealt from the highest grade down to the patients not yet used for it from the highest down;
    since both sides of C[p, g] <= C[whole, g] lose the same a, nobody's part exceeds the whole.
    Parts are dealt apart from each other, and then their own parts. (This is for rows that stand
    within one other. A row within several is dealt right where no parts are said to leave nobody
    out: then sort every row by grade.)
    """
    try:
        import ortools.sat.python.cp_model  # noqa: F401
    except ImportError:
        yield Check.lacking("C16", "patient table", "", MEND)
        return
    margins = Margins(record)
    found = components(margins, record)
    if not found:
        what = "no analysis set with a printed number of patients"
        yield Check.lacking("C16", "patient table", "", what)
    refuted: set[str] = set()
    for component in found:
        try:
            yield from _checks(component, refuted)
        except Undecided:
            printed = f"{len(component.margins)} numbers"
            what = "neither a table nor a proof that there is none was found with this effort"
            yield Check.lacking("C16", component.name, printed, what)
    if left := margins.homeless:
        about = {str(e.factor or e.term or e.endpoint): None for e in left}
        what = f"no analysis set is named for {len(left)} numbers ({', '.join(about)})"
        yield Check.lacking("C16", left[0].id, left[0].text, what)


def _checks(component: Component, refuted: set[str]) -> Iterator[Check]:
    """The component's checks; numbers of a set that was named before are left out."""
    stated = component.stated(refuted)
    if not stated:
        return
    solution = solve(component, stated)
    if solution is not None:
        everybody = next(iter(component.tables[0].sums))
        sizes = {a: solution[everybody, a] for a in component.arms}
        by_arm = ", ".join(f"{a} {n}" for a, n in sizes.items())
        found = Found("{value:.0f} patients", sum(sizes.values()))
        printed = f"{len(stated)} numbers"
        how = f"a table of {found} ({by_arm}) with these {len(stated)} printed numbers exists"
        left = sum(m.entry.id in refuted for m in component.margins)
        remark = f"{left} that another set of numbers refutes are left out" if left else ""
        yield Check("C16", component.name, "consistent", printed, found, how, remark)
    while solution is None:
        minimal = _minimal(component, stated)
        yield _contradiction(component, stated, minimal)
        refuted |= {m.entry.id for m in minimal}
        stated = component.stated(refuted)
        solution = solve(component, stated)


def _contradiction(component: Component, stated: list[Margin], minimal: list[Margin]) -> Check:
    """The check that names a minimal set, and each number that alone could be the odd one."""
    would = {m.entry.id: found for m in minimal if (found := _otherwise(component, stated, m))}
    odd = [m for m in minimal if m.entry.id in would] or minimal
    how = f"{component.name}: {_names(minimal)} cannot hold together"
    if len(would) == 1:
        rest = [m for m in stated if m in odd or m not in minimal]
        rest.sort(key=lambda m: (m not in odd, m.arm != odd[0].arm))
        if solve(component, rest) is None:
            how += f", nor can {_names(_minimal(component, rest))}"
        (value,) = would.values()
        remark = f"the others hold without {odd[0].entry.id}, which would be {value}"
    elif would:
        ids = ", or ".join(f"{id} were {value}" for id, value in would.items())
        remark = f"all could if {ids}"
    else:
        remark = "no single other number mends it"
    found = Found(
        " or ".join(map(str, would.values())),
        lower=min((x.lower for x in would.values()), default=nan),
        upper=max((x.upper for x in would.values()), default=nan),
    )
    printed = "; ".join(m.entry.text for m in odd)
    return Check("C16", odd[0].entry.id, "inconsistent", printed, found, how, remark)


def _otherwise(component: Component, stated: list[Margin], margin: Margin) -> Found | None:
    """What a number would be by all the others; None where these do not hold together either."""
    rest = [m for m in stated if m is not margin]
    ends = [solve(component, rest, (margin, sense)) for sense in (1, -1)]
    low, high = (s[component.key(margin), margin.arm] if s else None for s in ends)
    if low is None or high is None:
        return None
    if high >= MANY:
        return Found("{lower} or more", lower=low, upper=inf)
    return Found("{lower}" if low == high else "{lower} to {upper}", lower=low, upper=high)


def _names(margins: list[Margin]) -> str:
    return ", ".join(f"{m.entry.text} ({m.entry.id})" for m in margins)


def _minimal(component: Component, numbers: list[Margin]) -> list[Margin]:
    """A minimal part of impossible ``numbers`` that is impossible; earlier ones are preferred."""

    def explain(known: list[Margin], new: bool, rest: list[Margin]) -> list[Margin]:
        if new and solve(component, known) is None:
            return []
        if len(rest) == 1:
            return rest
        one, other = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        late = explain(known + one, True, other)
        return explain(known + late, bool(late), one) + late

    return explain([], False, numbers)


def solve(
    component: Component, stated: list[Margin], aim: tuple[Margin, int] | None = None
) -> dict[tuple[Key, str], int] | None:
    """Sums of tables that have the ``stated`` numbers, or None if there are none. With an ``aim``,
    those in which a number is smallest (1) or largest (-1). One worker, one seed: deterministic."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    ceiling = MANY + sum(m.count or 0 for m in component.margins)
    sums: dict[tuple[Key, str], Any] = {}
    for arm in component.arms:
        for table in component.tables:
            x = [model.new_int_var(0, ceiling, "") for _ in range(table.size)]
            for key, lists in table.sums.items():
                if (key, arm) not in sums:
                    sums[key, arm] = model.new_int_var(0, ceiling, "")
                for cells in lists:
                    model.add(sum(x[i] for i in cells) == sums[key, arm])
            for less, more in table.at_most:
                model.add(sum(x[i] for i in less) <= sum(x[i] for i in more))
    for key, total in product({k: None for k, _ in sums}, component.totals):
        sums[key, total] = model.new_int_var(0, len(component.arms) * ceiling, "")
        model.add(sums[key, total] == sum(sums[key, arm] for arm in component.arms))
    for m in stated:
        for key in m.keys:
            if (key, m.arm) in sums:
                _state(
                    model, m, sums[key, m.arm], sums.get((Key(key.population, EVERYBODY), m.arm))
                )
    if aim:
        margin, sense = aim
        model.minimize(sense * sums[component.key(margin), margin.arm])
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = EFFORT
    # Otherwise Ctrl-C would end the program without a word from then on.
    solver.parameters.catch_sigint_signal = False
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return None
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE) or (aim and status == cp_model.FEASIBLE):
        raise Undecided(component.name)
    return {k: solver.value(v) for k, v in sums.items()}


def _state(model: Any, margin: Margin, count: Any, n: Any) -> None:
    """Add a printed count, or a printed percent of ``n`` that was rounded or cut off."""
    if margin.count is not None:
        model.add(count == margin.count)
    else:
        unit, low, above = margin.share()
        model.add(unit * count >= low * n)
        model.add(unit * count <= above * n - 1)
