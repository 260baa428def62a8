"""The audit finds what is inconsistent, spares what is genuine, and names no trial."""

import copy
import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palmira.audit import CHECKS, MEANINGS, NAMES, QUICK, WEIGHT, audit
from palmira.cli import main
from palmira.record import DATA, Record, comparators
from palmira.record.entries import expand
from palmira.record.printed import Printed
from palmira.record.schema import RecordError, Sheet


@pytest.fixture(scope="module")
def checks(palmira):
    return audit(palmira, comparators(), only=QUICK)


def record_of(*blocks, arms=None, **more):
    """A small record of one's own; ``blocks`` as in a file."""
    sheet = {
        "trial": "A trial",
        "title": "A trial",
        "arms": arms
        or {"a": {"label": "A", "role": "experimental"}, "b": {"label": "B", "role": "control"}},
        "sources": {"paper": {"cite": "A paper"}},
        "blocks": [{"title": "x", "place": "Table", **b} for b in blocks],
        **more,
    }
    parsed = Sheet.model_validate(sheet)
    return Record(parsed, expand(parsed))


def hazard_ratio(text, events=None, p=None, level="95", **more):
    """A record with one hazard ratio, and its events and patients by arm."""
    row = {
        "id": "hr",
        "label": "HR",
        "cell": "estimate (lower to upper)",
        "endpoint": "PFS",
        "measure": "hazard ratio",
        "analysis": "final",
        "interval_level": level,
        "values": [text],
        **({"p": p} if p else {}),
        **more,
    }
    blocks = [{"id": "contrasts", "rows": [row]}]
    if events:
        columns = {"a": {"arm": "a"}, "b": {"arm": "b"}}
        values = [str(e) for e in events]
        counts = {
            "id": "events",
            "label": "Events",
            "cell": "n",
            "endpoint": "PFS",
            "measure": "events",
            "analysis": "final",
            "values": values,
        }
        blocks.append({"id": "results", "columns": columns, "rows": [counts]})
    return record_of(*blocks)


def worst(record, only=QUICK):
    return max((c.verdict for c in audit(record, only=only)), key=WEIGHT.get, default="consistent")


def found(checks, id, verdict):
    return {c.entry for c in checks if c.id == id and c.verdict == verdict}


# What the audit finds on PALMIRA.


def test_all_13_pfs_intervals_os_and_april_2022_are_impossible_for_a_model_based_se(checks):
    impossible = found(checks, "C3", "impossible")
    assert len([e for e in impossible if e.startswith("figure3.")]) == 13
    assert {
        "contrasts.pfs.hazard_ratio",
        "contrasts.os.hazard_ratio",
        "contrasts.pfs.preplanned",
    } <= impossible


def test_the_common_factor_of_all_rows_fits_one_over_the_square_root_of_two(checks):
    (check,) = [c for c in checks if c.id == "C4"]
    assert check.found.lower < 1 / np.sqrt(2) < check.found.upper < 0.8
    assert 0.66 < check.found.value < 0.73
    assert "effect coding" in check.remark.split("; not ")[1]


@pytest.mark.parametrize(
    ("check", "entry", "verdict"),
    [
        ("C5", "contrasts.cbr.odds_ratio", "inconsistent"),
        ("A3", "table1.receptor.pgr_negative.total.count", "inconsistent"),
        ("A7", "figure3.all.palbociclib.median.upper", "inconsistent"),
        ("C10", "figure3.visceral.no.interaction.p", "inconsistent"),
        ("A1", "results.treated.palbociclib.percent", "rounding"),
        ("A1", "results.os.deaths.total.percent", "rounding"),
        ("A1", "table1.last_dose.75.total.percent", "rounding"),
        ("C6", "contrasts.cbr.odds_ratio.estimate", "information"),
        ("A7", "discussion.palmira.prior_pfs_12.percent", "information"),
        ("C13", "timeline.preplanned", "information"),
        ("C1", "discussion.maintain.hazard_ratio", "inconsistent"),
        ("C2", "contrasts.pfs.hazard_ratio.p", "consistent"),
        ("C14", "abstract.allocation", "consistent"),
    ],
)
def test_a_known_finding_is_found(checks, check, entry, verdict):
    assert entry in found(checks, check, verdict)


def test_the_six_exact_intervals_are_spared(checks):
    assert {c.verdict for c in checks if c.id == "B1"} == {"consistent"}
    assert len([c for c in checks if c.id == "B1"]) == 18


def test_sums_over_subgroups_flow_and_adverse_events_agree(checks):
    for name in ("C9", "A5", "A6", "C8", "C11", "C12"):
        assert {c.verdict for c in checks if c.id == name} == {"consistent"}, name


# What it must not flag.


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("0.73 (0.56 to 0.95)", (106, 120)),
        ("0.84 (0.59 to 1.19)", (54, 74)),
        ("0.80 (0.55 to 1.18)", (54, 49)),
        ("1.19 (0.20 to 7.11)", (2, 3)),
    ],
)
def test_a_genuine_triple_passes(text, events):
    assert worst(hazard_ratio(text, events)) == "consistent"


def test_maintain_passes_with_one_upper_limit_and_not_with_the_other():
    assert worst(hazard_ratio("0.57 (0.39 to 0.85)", p="0.006"), ["C1", "C2"]) == "consistent"
    assert worst(hazard_ratio("0.57 (0.39 to 0.95)", p="0.006"), ["C1"]) == "inconsistent"


def test_pace_is_read_at_90_percent():
    assert worst(hazard_ratio("1.11 (0.79 to 1.55)", p=".62", level="90")) != "inconsistent"
    pace = comparators()["pace"]
    assert {c.verdict for c in audit(pace, only=["C1", "C2"])} == {"consistent"}


@pytest.mark.parametrize(("percent", "possible"), [(str(p), p % 2 == 0) for p in range(6, 17)])
def test_grim_with_fifty_patients_allows_even_percents_only(percent, possible):
    flow = {
        "id": "flow",
        "columns": {"a": {"arm": "a"}},
        "rows": [
            {"id": "n", "label": "n", "cell": "n", "values": ["50"]},
            {"id": "x", "label": "x", "cell": "%", "population": "all", "values": [percent]},
        ],
    }
    record = record_of(flow, populations={"all": {"a": "flow.n.a.count"}})
    assert worst(record, ["A2"]) == ("consistent" if possible else "inconsistent")


def test_a_one_sided_p_is_read_as_one_sided():
    z = "0.70 (0.55 to 0.89)"
    assert worst(hazard_ratio(z, p=".002", sided="one"), ["C2"]) == "consistent"
    assert worst(hazard_ratio(z, p=".004", sided="two"), ["C2"]) == "consistent"


def test_a_p_that_is_said_to_be_walds_must_agree():
    text = "0.70 (0.55 to 0.89)"
    assert worst(hazard_ratio(text, p=".010", test="Wald"), ["C2"]) == "inconsistent"
    assert worst(hazard_ratio(text, p=".010"), ["C2"]) == "information"


# Rounding.

ratios = st.tuples(st.floats(0.3, 2.5), st.floats(0.1, 0.5), st.integers(1, 3))


@given(ratios)
def test_a_wald_interval_rounded_as_a_journal_rounds_is_never_inconsistent(drawn):
    ratio, se, places = drawn
    low, high = ratio * np.exp(-1.96 * se), ratio * np.exp(1.96 * se)
    text = f"{ratio:.{places}f} ({low:.{places}f} to {high:.{places}f})"
    try:
        record = hazard_ratio(text)
    except RecordError:
        return  # at one decimal a lower limit can round onto its estimate
    if "(0.0 " not in text and "(0.00 " not in text:
        assert worst(record, ["C1"]) == "consistent"


@settings(max_examples=60)
@given(
    st.integers(20, 200),
    st.integers(20, 200),
    st.data(),
)
def test_a_table_computed_from_patients_is_never_worse_than_rounding(n, m, data):
    k, j = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    cut = data.draw(st.booleans())

    def percent(x, of):
        value = 100 * x / of
        return f"{np.floor(value * 10 + 1e-9) / 10:.1f}" if cut else f"{value:.1f}"

    def cells(a, b):
        total = f"{a + b} ({percent(a + b, n + m)})"
        return [f"{a} ({percent(a, n)})", f"{b} ({percent(b, m)})", total]

    arms = {
        "a": {"label": "A", "role": "experimental"},
        "b": {"label": "B", "role": "control"},
        "all": {"label": "All", "role": "total"},
    }
    columns = {x: {"arm": x} for x in arms}
    table = {
        "id": "t",
        "columns": columns,
        "rows": [
            {"id": "n", "label": "n", "cell": "n", "values": [str(n), str(m), str(n + m)]},
            {
                "id": "yes",
                "label": "Yes",
                "cell": "n (%)",
                "measure": "count",
                "factor": "F",
                "category": "Yes",
                "population": "randomized",
                "values": cells(k, j),
            },
            {
                "id": "no",
                "label": "No",
                "cell": "n (%)",
                "measure": "count",
                "factor": "F",
                "category": "No",
                "population": "randomized",
                "values": cells(n - k, m - j),
            },
        ],
    }
    populations = {"randomized": {x: f"t.n.{x}.count" for x in arms}}
    record = record_of(table, arms=arms, populations=populations)
    verdicts = {c.verdict for c in audit(record, only=["A1", "A2", "A3", "A4", "A5"])}
    assert not verdicts & {"inconsistent", "impossible"}
    assert cut or "rounding" not in verdicts


def widened(record, places=1):
    """The same record with every number's rounding interval ten times as wide."""
    entries = {}
    for id, e in record.entries.items():
        if e.printed is not None and e.part not in ("count", "events", "n", "level"):
            decimals = max(e.printed.decimals - places, 0)
            e = copy.copy(e)
            object.__setattr__(e, "printed", Wide(e.printed.text, decimals))
        entries[id] = e
    return Record(record.sheet, entries)


class Wide(Printed):
    """A print that stands for more values; its text and value stay."""

    @property
    def decimals(self):
        return self.declared


@pytest.mark.parametrize("name", ["A1", "A2", "A7", "C1", "C2", "C3", "C8", "C10", "C12"])
def test_a_wider_rounding_interval_never_makes_a_verdict_worse(palmira, name):
    narrow = {(c.entry, c.recomputed): WEIGHT[c.verdict] for c in audit(palmira, only=[name])}
    by_entry = {}
    for (entry, _), weight in narrow.items():
        by_entry[entry] = max(weight, by_entry.get(entry, 0))
    for check in audit(widened(palmira), only=[name]):
        if check.verdict != "information":
            assert WEIGHT[check.verdict] <= by_entry[check.entry], check


# The command and the engine.


def test_no_check_names_a_trial_and_each_says_what_it_does():
    for name, check in CHECKS.items():
        text = check.__doc__ or ""
        assert len(text.split()) > 15, name


def test_every_verdict_is_one_of_six(checks):
    assert {c.verdict for c in checks} <= set(MEANINGS)
    assert {c.id for c in checks} <= set(NAMES)


def test_the_four_records_take_less_than_the_promised_time_or_ten_times_that(palmira):
    start = time.perf_counter()
    for record in (palmira, *comparators().values()):
        audit(record, comparators(), only=QUICK)
    assert time.perf_counter() - start < 20


def test_the_command_for_machines(capsys):
    path = DATA / "published" / "palmira.yaml"
    assert main(["audit", str(path), "--json", "--only", "A1,C3"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["trial"] == "PALMIRA"
    keys = {"id", "entry", "verdict", "printed", "recomputed", "detail"}
    assert all(set(c) == keys for c in report["checks"])
    assert {c["id"] for c in report["checks"]} == {"A1", "C3"}


def test_the_command_exits_0_with_nothing_inconsistent(capsys):
    path = DATA / "published" / "postmonarch.yaml"
    assert main(["audit", str(path), "--only", "C1,C3"]) == 0
    assert "consistency only" in capsys.readouterr().out


def test_min_verdict_hides_the_milder(capsys):
    path = str(DATA / "published" / "palmira.yaml")
    main(["audit", path, "--json", "--only", "A1", "--min-verdict", "rounding"])
    report = json.loads(capsys.readouterr().out)
    assert {c["verdict"] for c in report["checks"]} == {"rounding", "inconsistent"}


@pytest.mark.parametrize(
    ("content", "words"), [("trial: X\n", "missing"), ("trial: [", "not valid YAML")]
)
def test_the_command_exits_2_on_bad_input_and_names_the_mend(capsys, tmp_path, content, words):
    path = tmp_path / "mine.yaml"
    path.write_text(content, "utf-8")
    assert main(["audit", str(path)]) == 2
    message = capsys.readouterr().err
    assert words in message and "mine.yaml" in message and "Mend" in message


def test_an_unknown_check_exits_2(capsys):
    assert main(["audit", str(DATA / "published" / "pace.yaml"), "--only", "Z9"]) == 2
    assert "unknown check" in capsys.readouterr().err


BY_HAND = """
trial: Next month
title: A trial from somebody's journal club
arms:
  new: {label: New drug, role: experimental}
  old: {label: Old drug, role: control}
sources: {paper: {cite: Somebody et al}}
blocks:
  - id: results
    title: Results
    place: Results
    source: [paper]
    columns: {new: {arm: new}, old: {arm: old}}
    rows:
      - id: events
        label: Events
        cell: n
        endpoint: PFS
        measure: events
        analysis: final
        values: ["54", "74"]
  - id: contrasts
    title: Comparison
    place: Results
    source: [paper]
    rows:
      - id: pfs
        label: HR
        cell: estimate (lower to upper)
        endpoint: PFS
        measure: hazard ratio
        analysis: final
        interval_level: "95"
        values: ["0.84 (0.69 to 1.02)"]
"""


def test_a_record_made_by_hand_runs(capsys, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(BY_HAND, "utf-8")
    assert main(["audit", str(path), "--json", "--only", "C3"]) == 1
    assert json.loads(capsys.readouterr().out)["checks"][0]["verdict"] == "impossible"


@pytest.mark.parametrize("title", ["[/red]", "[bold]", ":warning:"])
def test_the_report_prints_brackets_and_colons_as_they_stand(capsys, tmp_path, title):
    path = tmp_path / "mine.yaml"
    path.write_text(BY_HAND.replace("trial: Next month", f'trial: "{title}"'), "utf-8")
    assert main(["audit", str(path), "--only", "C3"]) == 1
    assert title in capsys.readouterr().out
