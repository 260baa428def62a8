"""The chapter on consistency: facts behind the audit's comparisons, its figures and tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palmira.audit import CHECKS, MEANINGS, NAMES, QUICK, audit
from palmira.readings.findings import (
    BACKGROUND,
    QUESTIONS,
    by_question,
    cell_of,
    compared,
    facts,
    listed,
    name,
    places,
)
from palmira.record import Record, comparators, published
from palmira.record.printed import Printed, tidy

RATIO = "contrasts.pfs.hazard_ratio"


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    return {"palmira": published("palmira"), **comparators()}


@pytest.fixture(scope="module")
def audits(records):
    others = comparators()
    return {k: audit(r, others if k == "palmira" else None, QUICK) for k, r in records.items()}


def test_every_check_belongs_to_exactly_one_question():
    asked = [name for names in QUESTIONS.values() for name in names]
    assert len(asked) == len(set(asked))
    assert set(CHECKS) | set(NAMES) <= set(asked)


def test_every_comparison_is_counted_once_by_question(audits):
    for checks in audits.values():
        counts = by_question(checks)
        assert counts["comparisons"].sum() == len(checks)
        for verdict in MEANINGS:
            assert counts[verdict].sum() == sum(c.verdict == verdict for c in checks)


def test_every_comparison_with_a_verdict_belongs_to_exactly_one_of_its_facts(records, audits):
    for key, checks in audits.items():
        for verdict in MEANINGS:
            mine = [c for c in checks if c.verdict == verdict]
            found = facts(records[key], checks, verdict)
            assert sorted(map(id, mine)) == sorted(id(c) for f in found for c in f.checks)
            assert {f.verdict for f in found} <= {verdict}


def test_the_same_hazard_ratio_printed_in_three_places_is_one_fact(records, audits):
    found = facts(records["palmira"], audits["palmira"], "impossible")
    whole = next(f for f in found if RATIO in f.cells)
    assert set(whole.cells) == {"abstract.pfs.hazard_ratio", RATIO, "figure3.all.hazard_ratio"}
    assert len(found) == 15  # 13 rows of the subgroup figure, survival, the first analysis
    assert sum(len(f.checks) for f in found) == 18


def test_a_count_and_its_percent_that_do_not_fit_are_one_fact(records, audits):
    found = facts(records["palmira"], audits["palmira"], "inconsistent")
    receptor = [f for f in found if f.cells == ("table1.receptor.pgr_negative.total",)]
    assert len(receptor) == 1
    assert {c.id for c in receptor[0].checks} == {"A1", "A3"}


def test_places_of_the_same_quantity_lead_to_one_of_themselves(records):
    for record in records.values():
        first = places(record)
        assert set(first.values()) <= set(first)
        assert all(first[cell] == cell for cell in first.values())
        assert {cell_of(record, id) for id in record.entries} == set(first)


def test_numbers_of_different_arms_are_never_the_same_fact(records):
    record = records["palmira"]
    first, arms = places(record), {}
    for id, entry in record.entries.items():
        if entry.arm:
            arms.setdefault(first[cell_of(record, id)], set()).add(entry.arm)
    assert all(len(a) == 1 for a in arms.values())


def test_names_say_what_where_and_whose(records):
    palmira = records["palmira"]
    assert name(palmira, "figure3") == "Forest plot of PFS by subgroup"
    assert name(palmira, "figure3.visceral.no.interaction.p") == (
        "P of interaction, visceral involvement"
    )
    assert name(palmira, "figure3.age.lt65.hazard_ratio") == "PFS, age: <65 years"
    assert name(palmira, "results.cbr.et.lower").endswith("ET alone, lower limit")
    assert name(palmira, "discussion.postmonarch.hazard_ratio.p").startswith("P of hazard ratio")


def test_what_the_chapter_says_in_words_is_what_the_audit_finds(records, audits):
    palmira, checks = records["palmira"], audits["palmira"]

    def verdicts(id: str, entry: str) -> set[str]:
        return {c.verdict for c in checks if c.id == id and c.entry.startswith(entry)}

    assert verdicts("B1", "results.") == {"consistent"}
    assert verdicts("C2", RATIO) == verdicts("C14", "") == verdicts("C9", "") == {"consistent"}
    assert verdicts("A6", "") == {"consistent"}
    assert verdicts("C10", "figure3.visceral.no.interaction") == {"inconsistent"}
    assert verdicts("C10", "figure3.age.lt65.interaction") == {"consistent"}
    same = [palmira[f"figure3.{x}.interaction.p"].text for x in ("visceral.no", "age.lt65")]
    assert same[0] == same[1]
    assert verdicts("A7", "figure3.all.palbociclib.median.upper") == {"inconsistent"}
    assert verdicts("A7", "discussion.palmira.prior_pfs_12") == {"information"}
    assert verdicts("C6", "contrasts.cbr") == {"information"}
    assert verdicts("C5", "contrasts.cbr.odds_ratio") == {"information", "inconsistent"}
    assert verdicts("C13", "timeline.preplanned") == {"information"}
    assert verdicts("C1", "discussion.maintain") == {"inconsistent"}
    cut = [c.entry for c in checks if (c.id, c.verdict) == ("A1", "rounding")]
    assert "results.treated.palbociclib.percent" in cut
    quoted = [c for c in checks if c.id == "C15" and "another source prints the same" in c.detail]
    assert {c.entry.split(".")[1] for c in quoted} == {"pace", "maintain"}


@given(st.integers(20, 95), st.integers(2, 60))
def test_a_ratio_in_the_middle_of_its_limits_meets_their_range(hundredths, width):
    ratio = hundredths / 100
    texts = [f"{x:.2f}" for x in (ratio, ratio * 0.5 ** (width / 60), ratio * 2 ** (width / 60))]
    estimate, lower, upper = map(Printed, texts)
    middle = [(a * b) ** 0.5 for a, b in ((lower.low, upper.low), (lower.high, upper.high))]
    assert middle[0] < estimate.high and estimate.low < middle[1]


@pytest.mark.site
def test_the_picture_of_rounding_shows_which_ranges_meet(shown):
    exhibit = shown["consistency-rounding"]
    assert exhibit.data["overlap"].tolist() == [True, True, False]
    for printed in exhibit.data["printed"]:
        assert printed in exhibit.alt
    assert "do not overlap" in exhibit.alt.split(". ")[-1]
    assert exhibit.data["estimate_low"].tolist() == pytest.approx([0.835, 0.565, 0.565])


@pytest.mark.site
def test_every_comparison_is_counted_in_the_glance_and_by_question(shown, audits):
    checks = audits["palmira"]
    glance = shown["consistency-glance"]
    assert glance.data["comparisons"].sum() == len(checks)
    agree = sum(c.verdict == "consistent" for c in checks)
    assert f"{agree} are consistent" in glance.alt
    assert agree > 0.85 * len(checks)  # the chapter says that most agree
    table = shown["consistency-questions"].table.set_index("Question").drop(columns="group")
    numbers = table.astype(int)
    assert (numbers[["Agree", "Do not", "Other"]].sum(axis=1) == numbers["Comparisons"]).all()
    assert numbers.loc["All", "Comparisons"] == len(checks)


@pytest.mark.site
def test_the_examples_of_agreement_agree(shown, audits):
    data = shown["consistency-agree"].data.set_index("entry")
    table = shown["consistency-agree"].table
    assert len(data) == len(table) > 8
    found = {(c.entry, c.id): c.verdict for c in audits["palmira"]}
    assert {found[entry, check] for entry, check in data["id"].items()} == {"consistent"}
    upper = table[table["Printed"] == "40.2"].iloc[0]
    assert upper["Recomputed"] == "40.2" and "17 of 62" in upper["How"]


@pytest.mark.site
def test_the_table_of_impossible_intervals_has_the_arithmetic(shown, records, audits):
    exhibit = shown["consistency-impossible"]
    table = exhibit.table.set_index("Hazard ratio")
    row = table.loc["PFS, all patients"]
    assert row["SE at least"].replace("\u00a0", " ") == "√(1/107 + 1/51) = 0.170"
    assert row["Printed"].replace("\u00a0", " ") == "0.84 (0.66 to 1.07)"
    narrowest = row["With the narrowest possible interval"].replace("\u00a0", " ")
    assert narrowest == "0.84 (0.60 to 1.17)"
    assert (exhibit.data["widest_se"] < exhibit.data["least_se"]).all()
    assert len(exhibit.data) == len(facts(records["palmira"], audits["palmira"], "impossible"))
    assert "2/√70" in table.loc["Hazard ratio for OS", "SE at least"]


def test_facts_to_read_hold_every_comparison_behind_them(records, audits):
    palmira, checks = records["palmira"], audits["palmira"]
    for verdict in ("inconsistent", "rounding"):
        found = facts(palmira, checks, verdict)
        assert len(listed(palmira, found)) == len(found)
        assert len(compared(found)) == sum(len(f.checks) for f in found)
    frame = listed(palmira, facts(palmira, checks, "inconsistent"))
    receptor = frame[frame["What"].str.startswith("Hormone receptor")].iloc[0]
    assert "46 + 19" in receptor["How"] and "65" in receptor["Comes to"]


@pytest.mark.site
def test_information_that_other_chapters_show_is_left_out(shown):
    checks = set(shown["consistency-information"].data["check"])
    assert {"A7", "C6", "C13"} <= checks
    assert not checks & set(BACKGROUND)


@pytest.mark.site
def test_the_table_of_trials_counts_every_comparison(shown, records):
    data = shown["consistency-trials"].data
    columns = [v.capitalize() for v in MEANINGS]
    assert (data[columns].sum(axis=1) == data["Comparisons"]).all()
    assert data["Trial"].tolist() == [r.trial for r in records.values()]


@pytest.mark.site
def test_no_genuine_triple_lies_below_its_bound_once_rounding_is_carried(shown):
    data = shown["consistency-genuine"].data
    assert len(data) == 5 and (data["largest_ratio"] > 1).all()
    assert (data["ratio"] < 1).any()  # without rounding some would look impossible


@pytest.mark.site
def test_the_other_records_have_their_findings_by_trial(shown, audits):
    assert set(shown["consistency-others"].data["trial"]) == {"PACE", "MAINTAIN"}
    assert not [
        c
        for k in ("maintain", "postmonarch")
        for c in audits[k]
        if c.verdict in ("inconsistent", "impossible")
    ]


@pytest.mark.parametrize(
    ("text", "printed", "shown"),
    [
        ("65.0", "66", "65"),
        ("0.502", ".239", ".502"),
        ("0.60", "0.66", "0.60"),
        ("6.1", "6", "6.1"),
        ("0.27 to 1.01", "0.62 (0.38 to 0.98)", "0.27 to 1.01"),
    ],
)
def test_a_recomputed_number_is_written_as_the_print_writes_it(text, printed, shown):
    assert tidy(text, printed) == shown
