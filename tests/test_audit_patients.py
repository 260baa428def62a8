"""C16: a table of patients with all printed numbers exists, or some of them refute each other."""

import sys
from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palmira.audit import audit, patients
from palmira.audit.margins import Margins, grades
from palmira.audit.patient_tables import components
from palmira.audit.patients import c16_patient_table, solve
from palmira.record import Record, published
from palmira.record.entries import expand
from palmira.record.schema import Sheet

pytest.importorskip("ortools", reason="an optional extra of the audit")
QUICKLY = settings(max_examples=25)
ARMS = ("a", "b")
NAMES = (*ARMS, "total")


def record_of(*blocks, populations=("all",), arms=NAMES):
    """A record of these blocks after one that holds the sizes of its analysis sets."""
    sheet = {
        "trial": "Simulated",
        "title": "Simulated",
        "arms": {
            n: {"label": n, "role": {"a": "experimental", "b": "control"}.get(n, "total")}
            for n in arms
        },
        "populations": {p: {n: f"sizes.{p}.{n}.count" for n in arms} for p in populations},
        "sources": {},
        "blocks": list(blocks),
    }
    sheet = Sheet.model_validate(sheet)
    return Record(sheet, expand(sheet))


def block(id, *rows, columns=None, **about):
    columns = {n: {"arm": n} for n in NAMES} if columns is None else columns
    about = {"place": "Somewhere", "measure": "count", "unit": "patients", **about}
    return {"id": id, "title": id, "columns": columns, "rows": list(rows), **about}


def row(id, *values, **about):
    values = [v if v is None else str(v) for v in values]
    return {"id": id, "label": id, "values": values, "cell": "n", **about}


def sizes(*numbers, **others):
    rows = [row("all", *numbers)]
    return block("sizes", *rows, *(row(p, *v, population="all") for p, v in others.items()))


def in_arms(patients, is_counted):
    """How many patients of each arm and of the total ``is_counted`` holds for."""
    by_arm = Counter(p["arm"] for p in patients if is_counted(p))
    return [by_arm[a] for a in ARMS] + [sum(by_arm.values())]


def found(record):
    return [c for c in c16_patient_table(record) if c.verdict == "inconsistent"]


def verdicts(record):
    return {c.entry: c.verdict for c in c16_patient_table(record)}


# --- Records of the book -----------------------------------------------------------------------


def test_palmira_has_a_patient_table_but_for_one_total_of_hormone_receptor_status():
    checks = list(c16_patient_table(published("palmira")))
    (odd,) = [c for c in checks if c.verdict == "inconsistent"]
    assert odd.entry == "table1.receptor.pgr_negative.total.count"
    assert (odd.printed, odd.recomputed) == ("66", "65")
    for number in ("46", "19", "133", "198"):
        assert f"{number} (" in odd.detail
    assert not [c for c in checks if c.verdict == "impossible"]
    consistent = {c.entry: c.detail for c in checks if c.verdict == "consistent"}
    for name in (
        "Analysis sets",
        "Age",
        "Visceral involvement",
        "Responses",
        "Adverse events, palbociclib",
        "Adverse events, et",
    ):
        assert "printed numbers exists" in consistent[name]
    assert "a table of 198 patients (palbociclib 136, et 62)" in consistent["Age"]


@pytest.mark.parametrize("trial", ["pace", "maintain", "postmonarch"])
def test_what_is_printed_of_the_other_trials_has_a_patient_table(trial):
    record = published(trial)
    assert not found(record)
    assert verdicts(record)["Analysis sets"] == "consistent"


def test_the_same_record_gets_the_same_checks():
    record = published("palmira")
    assert list(c16_patient_table(record)) == list(c16_patient_table(record))


# --- Without the solver, and without what it needs ----------------------------------------------


def test_without_or_tools_the_check_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ortools.sat.python.cp_model", None)
    (check,) = c16_patient_table(published("palmira"))
    assert check.verdict == "not checkable"
    assert "pip install 'palmira[audit]'" in check.detail


def test_a_record_without_patients_is_not_checkable():
    record = record_of(block("design", row("sites", 1, 2, 3, unit="sites")), populations=())
    (check,) = c16_patient_table(record)
    assert check.verdict == "not checkable"


def test_numbers_without_an_analysis_set_are_said_to_be_left_out():
    levels = block("table", row("x", 9, 9, 9, factor="Stage", category="X"))
    (*_, check) = c16_patient_table(record_of(sizes(3, 3, 6), levels))
    assert check.verdict == "not checkable"
    assert "3 numbers (Stage)" in check.detail


# --- Simulated patients always have a table -----------------------------------------------------

PATIENT = st.fixed_dictionaries(
    {
        "arm": st.sampled_from(ARMS),
        "treated": st.booleans(),
        "stage": st.sampled_from(["I", "II", "III"]),
        "sites": st.sets(st.sampled_from(["bone", "liver"])),
        "event": st.booleans(),
        "depth": st.integers(0, 2),
        "grades": st.tuples(*[st.sampled_from([0, 0, 1, 3, 4, 5])] * 3),
    }
)
PATIENTS = st.lists(PATIENT, min_size=2, max_size=14).filter(
    lambda ps: {p["arm"] for p in ps} == set(ARMS)
)


def baseline(patients, printed_levels=("I", "II", "III")):
    """Stage (perhaps with a level left out) and metastatic sites, of which one may have several."""
    rows = [
        row(
            f"stage.{s.lower()}",
            *in_arms(patients, lambda p, s=s: p["stage"] == s),
            factor="Stage",
            category=s,
        )
        for s in printed_levels
    ] + [
        row(
            f"site.{s}",
            *in_arms(patients, lambda p, s=s: s in p["sites"]),
            factor="Site",
            category=s,
        )
        for s in ("bone", "liver")
    ]
    return block("table", *rows, population="all")


def forest(patients):
    """Events by stage, with levels joined: I, and II or III."""

    def cells(is_counted):
        n = in_arms(patients, is_counted)
        d = in_arms(patients, lambda p: is_counted(p) and p["event"])
        return [f"{a} / {b}" for a, b in zip(d, n, strict=True)][:2]

    kind = {"cell": "events / n", "factor": "Stage"}
    return block(
        "forest",
        row("all", *cells(lambda p: True), population="all") | {"cell": "events / n"},
        row("one", *cells(lambda p: p["stage"] == "I")) | kind | {"category": "I"},
        row("more", *cells(lambda p: p["stage"] != "I")) | kind | {"category": "II-III"},
        columns={a: {"arm": a} for a in ARMS},
        measure="events",
        endpoint="PFS",
    )


def responses(patients):
    rows = []
    for name, is_in in (("all", lambda p: True), ("treated", lambda p: p["treated"])):
        n = in_arms(patients, is_in)
        for endpoint, least in (("ORR", 2), ("CBR", 1)):
            k = in_arms(patients, lambda p, i=is_in, m=least: i(p) and p["depth"] >= m)
            shares = [f"{100 * a / b:.1f}" if b else None for a, b in zip(k, n, strict=True)]
            about = {"cell": "%", "endpoint": endpoint, "population": name}
            rows.append(row(f"{endpoint.lower()}.{name}", *shares) | about)
    return block("responses", *rows, measure="response rate", unit="percent")


def worst(patient, part):
    """Grade in a class's first row, in its second, or in the class (with rows not printed)."""
    first, second, unlisted = patient["grades"]
    return (first, second, max(patient["grades"]), unlisted)[part]


def adverse_events(patients):
    columns = {f"{a}.{g}": {"arm": a, "grade": g} for a in ARMS for g in ("any", "3", "4", "5")}
    treated = [p for p in patients if p["treated"]]
    rows = []
    for id, part, within in (
        ("class", 2, None),
        ("first", 0, "class"),
        ("second", 1, "class"),
        ("rest", 3, "class"),
    ):
        values = [
            in_arms(treated, lambda p, i=part, w=wanted: worst(p, i) in w)[k]
            for k in range(2)
            for wanted in ({1, 3, 4, 5}, {3}, {4}, {5})
        ]
        extra = {"within": within} if within else {"exhaustive": True}
        rows.append(row(id, *values, term=id.capitalize(), **extra))
    severe = in_arms(treated, lambda p: worst(p, 2) >= 3)
    return [
        block("events", *rows, columns=columns, population="treated"),
        block("text", row("severe", *severe, term="Class", grade="≥3"), population="treated"),
    ]


def paper(patients, **options):
    everybody, treated = (in_arms(patients, f) for f in (lambda p: True, lambda p: p["treated"]))
    lost = [a - b for a, b in zip(everybody, treated, strict=True)]
    flow = row("lost", *lost, population="all", between=["sizes.all", "sizes.treated"])
    first = sizes(*everybody, treated=treated)
    return [
        first | {"rows": [*first["rows"], flow]},
        baseline(patients, **options),
        forest(patients),
        responses(patients),
        *adverse_events(patients),
    ]


@QUICKLY
@given(PATIENTS, st.sampled_from([("I", "II", "III"), ("I", "II"), ("I", "III")]))
def test_what_is_counted_in_patients_never_refutes_itself(patients, levels):
    record = record_of(*paper(patients, printed_levels=levels), populations=("all", "treated"))
    assert found(record) == []
    assert {"Analysis sets", "Stage", "Site", "Adverse events"} <= set(verdicts(record))
    sums = audit(record, only=["A1", "A2", "A3", "A4", "A5", "A6", "C9"])
    assert {c.id for c in sums} >= {"A3", "A5", "A6"}
    assert [c for c in sums if c.verdict in ("inconsistent", "impossible")] == []


@QUICKLY
@given(PATIENTS, st.integers(0, 2), st.integers(0, 2), st.sampled_from([1, -1]))
def test_a_count_off_by_one_in_a_factor_with_totals_is_found(patients, level, column, step):
    data = paper(patients)
    cell = data[1]["rows"][level]["values"]
    wrong = int(cell[column]) + step
    cell[column] = str(abs(wrong))
    record = record_of(*data, populations=("all", "treated"))
    odd = found(record)
    assert odd and odd[0].detail.startswith("Stage: ")
    id = f"table.stage.{('i', 'ii', 'iii')[level]}.{NAMES[column]}.count"
    assert id in " ".join(c.detail for c in odd)


@QUICKLY
@given(PATIENTS, st.data())
def test_a_named_set_is_minimal(patients, data):
    """The printed numbers of the set refute each other, and no longer without any one of them."""
    sheets = paper(patients)
    for _ in range(2):
        cell = data.draw(st.sampled_from(sheets[1]["rows"]))["values"]
        k = data.draw(st.integers(0, 2))
        cell[k] = str(int(cell[k]) + data.draw(st.integers(1, 3)))
    record = record_of(*sheets, populations=("all", "treated"))
    for check in found(record):
        name, names = check.detail.split(": ", 1)
        ids = {w.strip("(),") for w in names.split(" cannot")[0].split() if w.startswith("(")}
        (component,) = [c for c in components(Margins(record), record) if c.name == name]
        named = [m for m in component.margins if m.entry.id in ids]
        assert len(named) == len(ids)
        assert solve(component, named) is None
        for m in named:
            assert solve(component, [x for x in named if x is not m]) is not None


# --- The counts by cell are as good as patients -------------------------------------------------


def exists(record, name):
    (component,) = [c for c in components(Margins(record), record) if c.name.split(",")[0] == name]
    return solve(component, component.margins) is not None


ROWS = ("whole", "one", "other")
GRADES = (0, 3, 5)


def possible_grades(n, full):
    """Counts at grades 3 and 5 by row, over all tables of ``n`` patients."""
    patients = [
        (w, a, b)
        for w, a, b in product(GRADES, repeat=3)
        if (w == max(a, b) if full else w >= max(a, b))
    ]
    return {
        tuple(sum(p[r] == g for p in table) for r in range(3) for g in (3, 5))
        for table in product(patients, repeat=n)
    }


@pytest.mark.parametrize("full", [True, False])
def test_rows_within_each_other_fit_exactly_if_patients_with_such_grades_exist(full):
    truth = possible_grades(2, full)
    for counts in product(range(3), repeat=6):
        by_row = [counts[i : i + 2] for i in (0, 2, 4)]
        if any(sum(c) > 2 for c in by_row):
            continue
        rows = [
            row(
                r,
                sum(c),
                *c,
                "0",
                term=r,
                exhaustive=full and r == "whole",
                within=None if r == "whole" else "whole",
            )
            for r, c in zip(ROWS, by_row, strict=True)
        ]
        columns = {g: {"arm": "a", "grade": g} for g in ("any", "3", "5", "4")}
        table = block("events", *rows, columns=columns, population="all")
        whole = block("sizes", row("all", 2), columns={"a": {"arm": "a"}})
        record = record_of(whole, table, arms=("a",))
        assert exists(record, "Adverse events") == (counts in truth), counts


def test_levels_that_two_blocks_share_fit_exactly_if_such_patients_exist():
    """Stage is I, II, III in one block and I, rest in the other, with events: every pattern."""
    n, events = 3, 1
    truth = set()
    for table in product(product("123", (0, 1)), repeat=n):
        stages = [sum(s == level for s, _ in table) for level in "123"]
        truth.add((*stages, sum(e for _, e in table), sum(e for s, e in table if s != "1")))
    for one, two, late in product(range(n + 1), range(n + 1), range(events + 1)):
        three = n - one - two
        if three < 0 or late > n - one:
            continue
        columns = {"a": {"arm": "a"}}
        levels = [
            row(f"s{k}", v, factor="Stage", category=k)
            for k, v in zip("123", (one, two, three), strict=True)
        ]
        about = {"cell": "events / n", "factor": "Stage"}
        record = record_of(
            block("sizes", row("all", n), columns=columns),
            block("table", *levels, columns=columns, population="all"),
            block(
                "forest",
                row("all", f"{events} / {n}") | {"cell": "events / n"},
                row("rest", f"{late} / {n - one}") | about | {"category": "rest"},
                row("one", f"{min(one, 1)} / {one}") | about | {"category": "1"},
                columns=columns,
                measure="events",
                endpoint="PFS",
                population="all",
            ),
            arms=("a",),
        )
        expected = (one, two, three, events, late) in truth and late + min(one, 1) == events
        assert exists(record, "Stage") == expected, (one, two, late)


# --- Single statements ----------------------------------------------------------------------------


def test_more_treated_than_randomized_is_found():
    record = record_of(sizes(5, 5, 10, treated=(6, 3, 9)), populations=("all", "treated"))
    check = found(record)[0]
    assert "5 (sizes.all.a.count)" in check.detail and "6 (sizes.treated.a.count)" in check.detail


def test_a_size_that_is_printed_twice_with_different_numbers_is_found_once():
    again = block("abstract", row("all", 5, 6, 11, same_as="sizes.all"))
    stage = [
        row(k, *v, factor="Stage", category=k) for k, v in {"i": (3, 2, 5), "ii": (2, 3, 5)}.items()
    ]
    record = record_of(sizes(5, 5, 10), again, block("table", *stage, population="all"))
    odd = found(record)
    assert {c.detail.split(":")[0] for c in odd} == {"Analysis sets"}


def rates(orr, cbr, treated_orr):
    rows = [
        row("orr", orr, endpoint="ORR", population="all"),
        row("cbr", cbr, endpoint="CBR", population="all"),
        row("orr.treated", treated_orr, endpoint="ORR", population="treated"),
    ]
    return block(
        "rates",
        *(r | {"cell": "%"} for r in rows),
        columns={"a": {"arm": "a"}},
        measure="response rate",
        unit="percent",
    )


@pytest.mark.parametrize(
    ("orr", "cbr", "treated_orr", "holds"),
    [
        ("20.0", "40.0", "25.0", True),
        ("20.0", "40.0", "50.0", False),  # 4 of 8 treated, but 2 of all 10
        ("40.0", "20.0", "25.0", False),  # more responses than benefits
        ("20.0", "40.0", "0.0", True),  # those who respond are the two who were not treated
        ("30.0", "40.0", "0.0", False),  # three respond, none treated; only two were not
        ("23.0", "40.0", "25.0", False),  # no count of 10 prints as 23.0
    ],
)
def test_responses_fit_into_benefit_and_into_their_sets(orr, cbr, treated_orr, holds):
    record = record_of(
        sizes(10, 4, 14, treated=(8, 4, 12)),
        rates(orr, cbr, treated_orr),
        populations=("all", "treated"),
    )
    assert (not found(record)) == holds


def test_a_percent_that_was_cut_off_counts_as_the_same_number():
    third = sizes(3, 1, 4, treated=(3, 1, 4))
    for text in ("66.6", "66.7"):
        assert not found(record_of(third, rates(text, text, text), populations=("all", "treated")))


def test_levels_with_missing_patients_are_not_taken_to_be_all():
    rows = [
        row(k, *v, factor="Stage", category=k) for k, v in {"i": (3, 3, 6), "ii": (2, 1, 3)}.items()
    ]
    assert not found(record_of(sizes(5, 5, 10), block("table", *rows, population="all")))


def test_events_by_level_add_up_where_the_levels_are_all():
    def figure(one, other):
        about = {"cell": "events / n", "factor": "Stage"}
        return block(
            "figure",
            row("all", "3 / 6", "2 / 4") | {"cell": "events / n"},
            row("i", *one) | about | {"category": "I"},
            row("ii", *other) | about | {"category": "II"},
            columns={a: {"arm": a} for a in ARMS},
            measure="events",
            endpoint="PFS",
            population="all",
        )

    size = sizes(6, 4, 10)
    assert not found(record_of(size, figure(("1 / 2", "1 / 2"), ("2 / 4", "1 / 2"))))
    (check,) = found(record_of(size, figure(("1 / 2", "1 / 2"), ("3 / 4", "1 / 2"))))
    assert "3 (figure.ii.a.events)" in check.detail


def events_by(id, *levels):
    about = {"cell": "events / n", "factor": id, "population": "all"}
    return [
        row(f"{id}.{k}", *cells) | about | {"category": str(k)} for k, cells in enumerate(levels, 1)
    ]


@pytest.mark.parametrize("total", [("5",), (None,)])
def test_factors_must_agree_on_events_that_are_not_printed_by_arm(total):
    """By one factor 3 events are in the first arm; by the other 3 or 2."""

    def paper(late):
        columns = {a: {"arm": a} for a in ARMS}
        rows = [
            *events_by("stage", ("2 / 3", "1 / 2"), ("1 / 3", "1 / 2")),
            *events_by("site", ("1 / 4", "0 / 1"), late),
        ]
        return record_of(
            sizes(6, 4, 10),
            block(
                "text",
                row("events", *total, measure="events", endpoint="PFS"),
                columns={"total": {"arm": "total"}},
                population="all",
            ),
            block("figure", *rows, columns=columns, measure="events", endpoint="PFS"),
        )

    assert not found(paper(("2 / 2", "2 / 3")))
    odd = found(paper(("1 / 2", "3 / 3")))
    assert odd and all("figure.stage" in c.detail and "figure.site" in c.detail for c in odd)


def test_a_search_that_gives_up_is_not_checkable(monkeypatch):
    def give_up(component, *rest):
        raise patients.Undecided(component.name)

    monkeypatch.setattr(patients, "solve", give_up)
    (check,) = c16_patient_table(record_of(sizes(3, 3, 6)))
    assert check.verdict == "not checkable"


def test_two_contradictions_of_a_factor_are_both_named():
    rows = [
        row(k, *v, factor="Stage", category=k) for k, v in {"i": (3, 2, 6), "ii": (2, 3, 6)}.items()
    ]
    odd = found(record_of(sizes(5, 5, 10), block("table", *rows, population="all")))
    assert len(odd) == 2
    for check, name in zip(odd, ("table.i.", "table.ii."), strict=True):
        assert name in check.detail


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("any", ("1", "5")),
        ("3", ("3", "3")),
        ("3-4", ("3", "4")),
        ("≥3", ("3", "5")),
        (">= 3", ("3", "5")),
        ("severe", None),
        (">3", None),
    ],
)
def test_grades_are_read(text, span):
    assert grades(text) == span
