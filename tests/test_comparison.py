"""What the chapter that sets the trials side by side shows; its pool follows the trials in it."""

import ast
import re

import jupytext
import numpy as np
import pandas as pd
import pytest
from shown import ROOT

import palmira.show
from palmira.readings.evidence_synthesis import pooled, trial_effects, with_limits
from palmira.record import published
from palmira.statistics.estimates import log_se
from palmira.statistics.hazard_ratios import smallest_se

pytestmark = pytest.mark.site
TRIALS = {
    "PALMIRA": "palmira",
    "PACE": "pace",
    "MAINTAIN": "maintain",
    "postMONARCH": "postmonarch",
}
SIDE_BY_SIDE = ("comparison-design", "comparison-results", "comparison-patients")
KEPT = 'kept = ["PALMIRA", "PACE", "MAINTAIN", "postMONARCH"]'


@pytest.fixture(scope="module")
def records():
    return {trial: published(name) for trial, name in TRIALS.items()}


@pytest.fixture(scope="module")
def effects(records):
    return trial_effects({TRIALS[trial]: record for trial, record in records.items()})


@pytest.fixture(scope="module")
def chapter():
    notebook = jupytext.read(ROOT / "notebooks" / "comparison.md")
    return [c.source for c in notebook.cells if c.cell_type == "code"]


def plain(text):
    return text.replace("\u00a0", " ").replace("−", "-")


# Side by side.


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_every_cell_carries_a_source_or_says_that_nothing_was_available(shown, name):
    table = shown[name].table
    assert list(table.columns[2:]) == list(TRIALS)
    for cell in table.iloc[:, 2:].to_numpy().ravel():
        assert cell == "not available" or cell.endswith("]")


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_few_cells_are_empty_and_no_table_is_wider_than_seven_columns(shown, name):
    cells = shown[name].table.iloc[:, 2:].to_numpy().ravel()
    assert (cells == "not available").mean() < 0.35
    for name in (n for n in shown if n.startswith("comparison-")):
        if not shown[name].alt:
            assert shown[name].table.shape[1] - 1 <= 7


def test_no_blog_is_a_source(shown):
    assert not shown["comparison-sources"].table["Source"].str.contains("blog|repost").any()


def test_every_line_of_a_table_names_a_row_that_some_record_has(records, chapter):
    rows = {
        t: {f"{b.id}.{r.id}" for b in x.sheet.blocks for r in b.rows} for t, x in records.items()
    }
    others = set().union(*(rows[t] for t in list(TRIALS)[1:]))
    durations = {f"population.prior_duration.{x}" for x in ("ge12", "gt12", "lt18")}
    assert durations & others
    nodes = [node for cell in chapter for node in ast.walk(ast.parse(cell))]
    calls = [n for n in nodes if isinstance(n, ast.Call) and ast.unparse(n.func) == "side_by_side"]
    found = 0
    for pair in (v for call in calls for v in call.args[0].values):
        own, other = (e.value if isinstance(e, ast.Constant) else "" for e in pair.elts)
        assert not own or own in rows["PALMIRA"]
        assert not other or set(other.split("|")) & others
        found += bool(own) + bool(other)
    assert len(calls) == 3 and found > 30


def test_arms_stand_in_the_order_experimental_v_control(shown):
    results = shown["comparison-results"].table.set_index("Fact").map(plain)
    assert results.loc["Median PFS, months", "PALMIRA"].startswith(
        "4.9 (3.6 to 6.1) v 3.6 (2.5 to 4.2) ["
    )
    assert results.loc["Median PFS, months", "PACE"].startswith(
        "4.6 (3.6 to 5.9) v 4.8 (2.1 to 8.2); 90% intervals ["
    )
    assert results.loc["CBR, %", "PACE"] == "not available"
    assert results.loc["CBR, %", "MAINTAIN"].startswith("43 v 25 [")
    patients = shown["comparison-patients"].table.set_index("Fact").map(plain)
    assert patients.loc["Randomly assigned", "PACE"].startswith("111 v 55, 220 in all [")


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_the_numbers_of_a_table_are_those_of_the_records(shown, records, name):
    data = shown[name].data
    for number in ("count", "percent", "estimate", "lower", "upper", "value"):
        for row in data.dropna(subset=[number]).itertuples() if number in data else ():
            frame = records[row.trial].frame
            assert getattr(row, number) in set(frame[frame["part"] == number]["value"])


def test_the_sources_are_numbered_in_their_order_and_every_bracket_names_one(shown):
    sources = shown["comparison-sources"]
    assert list(sources.table["No."]) == [str(i + 1) for i in range(len(sources.table))]
    assert sources.table["Source"].str.contains("Llombart-Cussac").sum() == 2
    for name in (*SIDE_BY_SIDE, "comparison-controls", "comparison-map"):
        for cell in shown[name].table.to_numpy().ravel():
            for found in re.findall(r"\[(?:[A-Z]{2,3} )?([\d, ]+)\]", plain(str(cell))):
                assert {int(x) for x in found.split(",")} <= set(sources.data["number"])


# Absolute effects.


def test_the_absolute_numbers_are_the_printed_ones_and_the_gap_is_named(shown, records):
    exhibit = shown["comparison-absolute"]
    data = exhibit.data
    medians = data[data["quantity"].str.startswith("Median")]
    assert list(medians["value"]) == [4.9, 3.6, 4.6, 4.8, 5.29, 2.76, 6.0, 5.3]
    assert "PACE" not in set(data.loc[data["quantity"].str.startswith("6-month"), "trial"])
    for text in ("PALMIRA 4.9 v 3.6", "postMONARCH 50 v 37", "from 2.76 (MAINTAIN)"):
        assert text in exhibit.alt
    limits = medians.set_index(["trial", "arm"])[["lower", "upper"]]
    for trial, record in records.items():
        block = "results" if trial == "PALMIRA" else "efficacy"
        for cell in record.cells(f"{block}.pfs.median.*").itertuples():
            role = record.sheet.arms[cell.arm].role
            if role in ("experimental", "control"):
                assert tuple(limits.loc[trial, role]) == (cell.lower, cell.upper)


def test_differences_are_those_of_the_printed_values(shown, records, said):
    data = shown["comparison-effects"].data.set_index(["trial", "quantity"])
    year = data.loc[("MAINTAIN", "pfs.rate_12")]
    assert year["difference"] == pytest.approx(24.6 - 7.4)
    half = ((36.7 - 12.5) ** 2 + (14.3 - 0.4) ** 2) ** 0.5 / 2
    assert year["upper"] - year["difference"] == pytest.approx(half, abs=0.01)
    six = data.loc[("PALMIRA", "pfs.rate_6")]
    printed = records["PALMIRA"].cells("contrasts.pfs.difference_6").iloc[0]
    for part, ours in (("estimate", "difference"), ("lower", "lower"), ("upper", "upper")):
        assert six[ours] == pytest.approx(printed[part], abs=0.15)
    assert said["context_maintain_six_gain"] == "17.3"


def test_hazard_ratios_stand_as_published(shown, records):
    ratios = shown["comparison-effects"].table.set_index("Trial").iloc[:, -1].map(plain)
    for trial, record in records.items():
        cell = record.cells("contrasts.pfs.hazard_ratio").iloc[0]
        assert ratios[trial] == cell["text"] + (", 90% interval" if trial == "PACE" else "")


def test_the_control_arms_are_the_printed_ones(shown):
    table = shown["comparison-controls"].table
    own = table[table["group"] == "The four trials"]["Median PFS, months"]
    assert [x.split()[0] for x in own] == ["3.6", "4.8", "2.76", "5.3"]
    assert all(x.startswith("[") for x in table["Source"])
    assert len(table) == 11


# Subgroups, and other studies.


def test_only_palmiras_subgroups_have_a_least_interval_and_paces_are_on_the_95_level(
    shown, records
):
    exhibit = shown["comparison-modifiers"]
    data = exhibit.data
    own = data["label"].str.startswith("PALMIRA")
    assert own.sum() == 4 and len(data) == 10
    assert data.loc[own, "least_lower"].notna().all()
    assert data.loc[~own, "least_lower"].isna().all()
    assert (data.loc[own, "least_lower"] < data.loc[own, "lower"]).all()
    assert (data.loc[own, "least_upper"] > data.loc[own, "upper"]).all()
    events = records["PALMIRA"].cells("figure3.visceral.yes.*.events").set_index("arm")["events"]
    least = smallest_se(events["palbociclib"], events["et"])
    line = data.set_index("label").loc["PALMIRA: visceral involvement"]
    assert np.log(line["least_upper"] / line["estimate"]) == pytest.approx(1.959964 * least, 1e-5)
    for line in data[data["label"].str.startswith("PACE")].itertuples():
        cell = records["PACE"].cells("subgroups.*").query("estimate == @line.estimate").iloc[0]
        assert cell["level"] == 90 == line.level
        assert log_se(line.lower, line.upper) == pytest.approx(
            log_se(cell["lower"], cell["upper"], 90)
        )
    assert "postMONARCH: no liver metastases 0.40" in exhibit.alt
    assert "0.75, no interval" in exhibit.alt


def test_the_map_names_what_the_paper_names_and_takes_its_numbers_from_the_records(shown):
    table = shown["comparison-map"].table
    text = " ".join(table["Study"])
    for name in (
        "BioPER",
        "EMBER-3",
        "PARSIFAL-Long",
        "EMERALD",
        "VERONICA",
        "alpelisib",
        "capivasertib",
    ):
        assert name in text
    assert table["Results"].str.contains(r"\[").all()
    assert not table.apply(lambda c: c.str.contains("{", regex=False)).any().any()
    bioper = plain(table.set_index("Study").loc["BioPER", "Results"])
    assert "33 patients in the abstract, 36 in the Discussion" in bioper
    numbers = published("setting").cells("*")
    assert shown["comparison-map"].data["estimate"].to_list() == pytest.approx(
        numbers["estimate"].to_list(), nan_ok=True
    )


# The pool.


def test_the_forest_shows_every_trial_as_published_and_palmiras_least_interval(
    shown, effects, records
):
    exhibit = shown["comparison-forest"]
    data = exhibit.data.set_index("label")
    printed = effects[effects["reading"] == "printed"].set_index("trial")
    for trial in TRIALS:
        line = data.loc[trial, ["estimate", "lower", "upper"]].to_list()
        assert line == pytest.approx(
            printed.loc[trial, ["hazard_ratio", "lower", "upper"]].to_list()
        )
    neutral = effects[effects["reading"] == "neutral"].iloc[0]
    assert list(data.index[data["least_lower"].notna()]) == ["PALMIRA"]
    least = data.loc["PALMIRA", ["least_lower", "least_upper"]].to_list()
    assert least == pytest.approx([neutral["lower"], neutral["upper"]])
    assert data.loc[list(TRIALS), "weight"].sum() == pytest.approx(100)
    for text in (
        "0.84 (0.66 to 1.07)",
        "1.11 (0.74 to 1.66)",
        "0.57 (0.39 to 0.85)",
        "0.73 (0.57 to 0.95)",
        pooled(effects, "printed").ratio.text(),
    ):
        assert text in exhibit.alt


def test_the_pool_and_its_sensitivity_analyses(shown, effects, said):
    data = shown["comparison-pool"].data
    central = with_limits(effects, "postMONARCH", 0.39, 0.77)
    rows = central["trial"] == "postMONARCH"
    central.loc[rows, ["hazard_ratio", "log_hazard_ratio"]] = 0.55, np.log(0.55)
    ember3 = effects.query("trial == 'MAINTAIN'").assign(
        trial="EMBER-3", log_hazard_ratio=np.log(0.57), se=log_se(0.44, 0.73)
    )
    wanted = [
        (effects, "printed", "FE"),
        (effects, "printed", "DL"),
        (effects, "printed", "REML"),
        (effects, "neutral", "REML"),
        (effects, "conditional", "REML"),
        (central, "printed", "REML"),
        (pd.concat([effects, ember3]), "printed", "REML"),
    ]
    assert len(data) == len(wanted)
    for row, given in zip(data.itertuples(), wanted, strict=True):
        wald = pooled(*given)
        ours = wald.ratio.value, wald.ratio.lower, wald.ratio.upper
        assert (row.estimate, row.lower, row.upper) == pytest.approx(ours, rel=1e-6)
        assert row.tau2 == pytest.approx(wald.tau2, abs=1e-9)
        if given[2] != "FE":
            kh = pooled(*given, knapp_hartung=True)
            assert (row.kh_lower, row.kh_upper) == pytest.approx((kh.ratio.lower, kh.ratio.upper))
            new = kh.prediction_ratio
            assert (row.new_lower, row.new_upper) == pytest.approx((new.lower, new.upper))
    assert said["comparison_pool_reml"] == pooled(effects, "printed").ratio.text()
    assert said["comparison_pool_kh"] == pooled(effects, "printed", knapp_hartung=True).ratio.text()
    assert said["comparison_pool_least"] == pooled(effects, "neutral").ratio.text()
    assert said["comparison_pool_central"] == pooled(central, "printed").ratio.text()
    assert said["comparison_pool_trials"] == "4"


def test_the_certainty_is_judged_by_the_five_domains_of_grade(shown):
    table = shown["comparison-grade"].table.set_index("Domain")
    domains = ["Risk of bias", "Inconsistency", "Indirectness", "Imprecision", "Publication bias"]
    assert list(table.index) == [*domains, "Certainty"]
    down = table.loc[domains, "Our judgment"].str.contains("down one level").sum()
    assert table.loc["Certainty", "Our judgment"] == ["High", "Moderate", "Low", "Very low"][down]


def run(chapter, monkeypatch):
    """The data and alt text of each exhibit of the chapter, and its numbers, run without a page."""
    exhibits, numbers = {}, {}

    def show(content, *, name, data=None, alt="", **_):
        found = content.data if data is None else data
        exhibits[name] = found.to_csv(index=False), getattr(content, "alt", alt)

    with monkeypatch.context() as patch:
        patch.setattr(palmira.show, "show", show)
        patch.setattr(palmira.show, "tell", lambda **found: numbers.update(found))
        patch.setattr(palmira.show, "quote", lambda *_: None)
        space = {}
        for cell in chapter:
            exec(compile(cell, "cell", "exec"), space)
    return exhibits, numbers


def test_one_trial_left_out_in_one_cell_changes_the_pool_its_forest_and_its_numbers(
    chapter, monkeypatch, effects, capsys
):
    assert sum(KEPT in cell for cell in chapter) == 1
    whole, told = run(chapter, monkeypatch)
    fewer = [cell.replace(KEPT, 'kept = ["PALMIRA", "PACE", "postMONARCH"]') for cell in chapter]
    left, said = run(fewer, monkeypatch)
    changed = {name for name in whole if whole[name] != left[name]}
    assert changed == {"comparison-forest", "comparison-pool", "comparison-grade"}
    numbers = {key for key in told if told[key] != said[key]}
    assert numbers == {key for key in told if key.startswith("comparison_pool")}
    rest = pooled(effects[effects["trial"] != "MAINTAIN"], "printed").ratio.text()
    assert said["comparison_pool_reml"] == rest
    assert rest in left["comparison-forest"][1] and "MAINTAIN" not in left["comparison-forest"][1]


@pytest.mark.parametrize("trial", TRIALS)
def test_the_frame_of_a_record_has_every_printed_cell(records, trial):
    record = records[trial]
    cells = record.cells("*")
    assert set(cells["cell"]) == {e.cell for e in record.entries.values() if not e.version}
    assert cells["cell"].is_unique
    assert cells["text"].str.len().gt(0).all()
