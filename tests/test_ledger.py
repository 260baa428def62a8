"""The ledger: every printed number has one line, and known findings are found."""

import json
import re
from dataclasses import replace

import pytest

from palmira.audit.check import compare
from palmira.cli import main
from palmira.readings.ledger import MEANINGS, ledger, on_twins
from palmira.record import comparators
from palmira.twin.adam.store import committed
from palmira.twin.verify.recompute import verify


@pytest.fixture(scope="module")
def twins(palmira):
    return committed(palmira.trial)


@pytest.fixture(scope="module")
def entries(palmira, twins):
    others = comparators()
    return {e.id: e for e in ledger(palmira, others, on_twins(palmira, twins, others))}


def verdict(entries, id):
    return entries[id].verdict


def test_every_printed_number_has_one_line(palmira, entries):
    assert list(entries) == list(palmira.entries)
    assert len(entries) >= 250


def test_no_line_is_without_a_true_verdict(entries):
    assert [e.id for e in entries.values() if e.verdict == "unsettled"] == []


@pytest.mark.parametrize(
    ("row", "entry"),
    [
        ("results.randomized", "results.new.total.count"),
        ("table1.ecog.0", "table1.new.et.count"),
        ("contrasts.os.hazard_ratio", "contrasts.new.estimate"),
        ("discussion.palmira.prior_pfs_12", "discussion.palmira.new.percent"),
    ],
)
def test_a_number_that_is_added_and_forgotten_is_unsettled(palmira, twins, row, entry):
    like = next(e for i, e in palmira.entries.items() if i.startswith(f"{row}."))
    added = replace(
        like,
        id=entry,
        row=entry.split(".", 1)[1],
        same_as=(),
        perhaps_same_as=(),
        endpoint="",
        measure="new",
        factor=None,
        category=None,
        population=None,
    )
    longer = type(palmira)(palmira.sheet, {**palmira.entries, entry: added})
    lines = ledger(longer, None, on_twins(longer, twins))
    assert {e.id: e.verdict for e in lines}[entry] == "unsettled"


def test_what_only_patients_data_give_rests_on_synthetic_patients_and_says_so(
    palmira, twins, entries
):
    rows = {
        scale: verify(frames, palmira, scale).set_index("id") for scale, frames in twins.items()
    }
    held = [e for e in entries.values() if e.verdict == "reproduced on the twin"]
    assert len(held) > 100
    for e in held:
        assert e.evidence == "synthetic" and "synthetic" in e.method and not e.check, e.id
        assert "yes" in {r.within[e.id] for r in rows.values()}, e.id
    for e in entries.values():
        if e.verdict == "reproduced":
            assert e.evidence == "derived" and "synthetic" not in e.method, e.id


def test_without_synthetic_patients_the_same_numbers_need_those_of_the_trial(palmira, entries):
    alone = {e.id: e for e in ledger(palmira, comparators())}
    for id, e in entries.items():
        if e.evidence == "synthetic":
            assert alone[id].verdict == "not recomputable"
            assert "patients' data" in alone[id].method
        elif e.verdict not in ("conditional", "not recomputable"):
            assert e == alone[id]


def test_what_no_twin_prints_is_not_recomputable_and_nothing_is_held_against_it(
    palmira, twins, entries
):
    id = "results.pfs.median.palbociclib.estimate"
    assert verdict(entries, id) == "reproduced on the twin"
    other = palmira.entries | {id: replace(palmira[id], printed=type(palmira[id].printed)("9.9"))}
    slipped = type(palmira)(palmira.sheet, other)
    lines = ledger(slipped, None, on_twins(slipped, twins))
    line = next(e for e in lines if e.id == id)
    assert line.verdict == "not recomputable" and line.recomputed == ""
    assert "synthetic patients give" in line.method


def test_another_trial_has_no_twin_among_the_books():
    assert committed("postMONARCH") == {}


def test_every_line_has_a_verdict_and_a_chapter_and_says_how_or_why_not(entries):
    chapters = {
        "design",
        "baseline",
        "efficacy",
        "subgroups",
        "response-survival",
        "safety",
        "comparison",
    }
    for e in entries.values():
        assert e.verdict in MEANINGS
        assert e.chapter in chapters, e.id
        assert e.method, e.id


def test_all_hazard_ratio_limits_are_narrower_than_their_events_allow(entries):
    limits = [e for i, e in entries.items() if "hazard_ratio" in i or "preplanned" in i]
    own = [
        e
        for e in limits
        if e.id.endswith((".lower", ".upper"))
        and not e.id.startswith(("discussion", "asco2023", "sample_size"))
    ]
    assert len(own) == 2 * (13 + 1 + 1 + 1 + 1)  # Figure 3, abstract, text, April 2022, OS
    assert {e.verdict for e in own} == {"inconsistent"}


def test_p_of_the_primary_analysis_agrees_with_its_hazard_ratio_and_interval(entries):
    assert verdict(entries, "contrasts.pfs.hazard_ratio.p") == "reproduced"
    assert verdict(entries, "contrasts.pfs.preplanned.p") == "reproduced"


def test_exact_intervals_of_response_are_reproduced(entries):
    for rate in ("orr", "orr_measurable", "cbr"):
        for arm in ("palbociclib", "et"):
            for part in ("estimate", "lower", "upper"):
                assert verdict(entries, f"results.{rate}.{arm}.{part}") == "reproduced"


def test_a_level_that_does_not_add_up_is_inconsistent(entries):
    assert verdict(entries, "table1.receptor.pgr_negative.total.count") == "inconsistent"
    assert verdict(entries, "table1.receptor.pgr_positive.total.count") == "reproduced"


def test_a_percent_that_was_cut_off_is_rounding(entries):
    assert verdict(entries, "results.treated.palbociclib.percent") == "rounding"
    assert verdict(entries, "results.os.deaths.total.percent") == "rounding"


def test_a_limit_printed_differently_in_two_places_is_inconsistent(entries):
    assert verdict(entries, "figure3.all.palbociclib.median.upper") == "inconsistent"


def test_one_interaction_p_does_not_follow_from_its_subgroups(entries):
    tests = {i: e.verdict for i, e in entries.items() if i.endswith("interaction.p")}
    assert len(tests) == 6
    assert [i for i, v in tests.items() if v == "inconsistent"] == [
        "figure3.visceral.no.interaction.p"
    ]


def test_the_6_month_difference_is_reproduced_with_its_limits_and_p(entries):
    for part in ("estimate", "lower", "upper", "p"):
        assert verdict(entries, f"contrasts.pfs.difference_6.{part}") == "reproduced"


def test_grades_by_maximum_severity_add_up(entries):
    for arm in ("palbociclib", "et"):
        assert verdict(entries, f"safety.teae.grade3.{arm}.count") == "reproduced"
    for term in ("neutropenia", "leukopenia", "anemia"):
        assert verdict(entries, f"safety.grade34.{term}.palbociclib.percent") == "reproduced"


def test_the_odds_ratio_hangs_on_its_scale_and_its_limits_are_narrower_than_the_raw_table(entries):
    ratio = entries["contrasts.cbr.odds_ratio.estimate"]
    assert ratio.verdict in ("conditional", "not recomputable")
    assert "raw counts" in ratio.method and "synthetic" in ratio.method
    assert verdict(entries, "contrasts.cbr.odds_ratio.lower") == "inconsistent"


def test_figures_quoted_from_other_trials_are_held_against_their_sources(entries):
    assert verdict(entries, "discussion.pace.hazard_ratio.estimate") == "reproduced"
    assert verdict(entries, "discussion.maintain.hazard_ratio.upper") == "inconsistent"


def test_levels_of_intervals_and_facts_of_the_design_are_stated(entries):
    for id in (
        "results.pfs.median.et.level",
        "methods.sites.count",
        "timeline.cutoff",
        "discussion.palmira.prior_pfs_cutpoint",
    ):
        assert verdict(entries, id) == "stated"


def test_a_changed_count_changes_the_verdict_of_its_percent(palmira):
    entry = palmira["table1.visceral.yes.palbociclib.percent"]
    changed = palmira.entries | {
        "table1.visceral.yes.palbociclib.count": replace(
            palmira["table1.visceral.yes.palbociclib.count"], printed=type(entry.printed)("48")
        )
    }
    lines = {e.id: e for e in ledger(type(palmira)(palmira.sheet, changed))}
    assert lines[entry.id].verdict == "inconsistent"


def test_comparing_a_date_is_an_error(palmira):
    with pytest.raises(TypeError, match="no number"):
        compare("A1", palmira["timeline.cutoff"], 1.0, "x")


def test_the_command_prints_the_ledger_for_machines(capsys, entries):
    assert main(["ledger", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)["entries"]
    assert len(printed) == len(entries)
    assert {"id", "printed", "recomputed", "verdict", "chapter"} <= set(printed[0])


def test_the_command_refuses_bad_input_with_one_message(capsys, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("trial: X\nunknown: 1\n", "utf-8")
    assert main(["ledger", "--record", str(path)]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "bad.yaml" in message and "Mend" in message


def test_the_command_reads_another_trial_without_a_change_to_the_code(capsys):
    from palmira.record import DATA

    assert main(["ledger", "--record", str(DATA / "published" / "postmonarch.yaml")]) == 0
    assert "postMONARCH" in capsys.readouterr().out


@pytest.mark.site
def test_the_limits_that_are_too_narrow_for_their_events_are_counted_and_no_quotation_is(
    shown, said
):
    data = shown["ledger-inconsistent"].data
    limits = data["id"].str.endswith((".lower", ".upper"))
    narrow = data[limits & data["method"].str.match("SE .*events")]["id"]
    assert len(narrow) == int(said["ledger_limits"])
    assert {"contrasts.pfs.preplanned.lower", "contrasts.os.hazard_ratio.upper"} <= set(narrow)
    assert not narrow.str.startswith("discussion").any()
    assert not narrow.str.contains("odds_ratio").any()
    assert narrow.str.startswith("figure3").sum() == 2 * 13


@pytest.mark.site
def test_a_number_that_a_quoted_source_prints_as_well_counts_as_printed_twice(entries, said):
    again = ("printed again", "as the source in use has it")
    twice = {
        id
        for id, e in entries.items()
        if e.verdict == "reproduced" and any(words in e.method for words in again)
    }
    assert len(twice) == int(said["ledger_repeated"])
    assert "discussion.postmonarch.hazard_ratio.lower" in twice
    assert "figure3.all.hazard_ratio.estimate" in twice
    assert "results.cbr.rate.palbociclib.lower" not in twice


@pytest.mark.site
def test_every_entry_of_the_ledger_stands_on_its_page_once(shown, entries):
    tables = [
        e
        for n, e in shown.items()
        if re.fullmatch(
            r"ledger-(design|baseline|efficacy|"
            r"subgroups|response-survival|safety|comparison)",
            n,
        )
    ]
    listed = [id for e in tables for id in e.data["id"]]
    assert sorted(listed) == sorted(entries)
    assert shown["ledger-summary"].data.iloc[-1]["total"] == len(entries)
    assert shown["ledger-verdicts"].data["entries"].sum() == len(entries)
