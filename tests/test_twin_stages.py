"""The stages of the generator after survival: every printed number holds, patient by patient."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from fake_twin import FACTORS
from scipy.optimize import brentq
from scipy.stats import chi2

from palmira.record import Record, published
from palmira.record.adverse_event_table import adverse_events as printed_events
from palmira.record.printed import parse_date
from palmira.record.schema import RecordError
from palmira.statistics.proportions import count_from_percent
from palmira.twin.facts import bounds
from palmira.twin.search.adverse_events import adverse_events
from palmira.twin.search.benefit import benefit_tables, best_benefit, frame
from palmira.twin.search.characteristics import characteristics
from palmira.twin.search.exposure import exposure
from palmira.twin.search.medians import Interval, values_on_medians
from palmira.twin.search.responses import responses, visits

ARMS = {"palbociclib": 1, "et": 2}  # the arms with their patients never treated, for the fixture
BENEFIT = 24 * 7


def survived(record: Record, seed: int, extra: int = 2) -> pd.DataFrame:
    """Patients as the stages of PFS, calendar and OS leave them, with plausible made-up days.

    Events and patients of every level are the record's; ``extra`` more than must be are free of
    progression long enough for clinical benefit, some of each cell of the odds ratio's model.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for arm, untreated in ARMS.items():
        n, d = (int(record[f"figure3.all.{arm}.events.{p}"].value) for p in ("n", "events"))
        part = pd.DataFrame({"arm": arm, "pfs_event": np.arange(n) < d})
        part["treated"] = np.arange(n) < n - untreated
        for factor in FACTORS:
            text = np.empty(n, dtype=object)
            entries = record.where(factor=factor, arm=arm, part="n")
            events = {e.category: int(record.cell(e)["events"].value) for e in entries}
            sizes = {e.category: int(e.value) for e in entries}
            text[:d] = rng.permutation([c for c, k in events.items() for _ in range(k)])
            rest = [c for c, k in sizes.items() for _ in range(k - events[c])]
            text[d:] = rng.permutation(rest)
            part[factor] = text
        parts.append(part)
    out = pd.concat(parts, ignore_index=True)
    out["pfs"] = 1
    about = frame(record)
    long = np.zeros(len(out), dtype=bool)
    groups = [
        np.flatnonzero(
            (out["arm"] == arm) & (out[about.strata[0]] == a) & (out[about.strata[1]] == b)
        )
        for arm in about.arms
        for a in about.levels[0]
        for b in about.levels[1]
    ]
    able = [g[out["treated"].to_numpy()[g]] for g in groups]
    sizes = np.array([len(g) for g in groups])
    ceiling = np.array([len(g) for g in able])
    share = np.repeat(about.benefit / about.sizes, 4)
    table = best_benefit(about, sizes, ceiling, sizes * share)
    for g, k in zip(able, table, strict=True):
        censored = rng.permutation(g[~out["pfs_event"].to_numpy()[g]])
        long[
            np.concatenate([censored, rng.permutation(g[out["pfs_event"].to_numpy()[g]])])[
                : k + extra
            ]
        ] = True
    days = np.where(
        long, BENEFIT + 1 + rng.exponential(130, len(out)), rng.uniform(15, BENEFIT, len(out))
    )
    out["pfs"] = np.where(out["treated"], np.minimum(days.astype(int), 1100), 1)
    first, last, cutoff = (
        parse_date(str(record[f"timeline.{k}"]))
        for k in ("first_randomized", "last_randomized", "cutoff")
    )
    span, whole = (last - first).days, (cutoff - first).days
    out["enrolled"] = [int(rng.integers(0, min(span, whole + 1 - p) + 1)) for p in out["pfs"]]
    out["on_treatment"] = False
    for arm in ARMS:
        pool = out.index[(out["arm"] == arm) & ~out["pfs_event"] & out["treated"]]
        k = int(record[f"results.on_treatment.{arm}.count"].value)
        out.loc[pool[:k], "on_treatment"] = True
    limit = whole - out["enrolled"] + 1
    later = (out["pfs"] + rng.exponential(500, len(out)).astype(int) + 1).clip(upper=limit)
    out["died"] = False
    deaths = int(record["results.os.deaths.total.count"].value)
    pool = rng.permutation(out.index[out["pfs_event"] & (later < limit)])[:deaths]
    out.loc[pool, "died"] = True
    out["os"] = np.where(out["died"], later, limit)
    at_once = np.concatenate([[i for i in pool if out.loc[i, "arm"] == arm][:4] for arm in ARMS])
    out.loc[at_once, "os"] = out.loc[at_once, "pfs"]
    return out


def whole(record: Record, patients: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All stages one after the other."""
    rng = np.random.default_rng(seed)
    out = responses(record, patients, rng)
    out = characteristics(record, out, rng)
    out = exposure(record, out, rng)
    return out, adverse_events(record, out, rng)


@pytest.fixture(scope="module", params=[1, 2])
def twin(request):
    record = published("palmira")
    return whole(record, survived(record, request.param), request.param)


@pytest.fixture(scope="module")
def people(twin):
    return twin[0]


@pytest.fixture(scope="module")
def events(twin):
    return twin[1]


@pytest.fixture(scope="module")
def tables():
    return benefit_tables(published("palmira"))


def model(patients: pd.DataFrame) -> tuple[float, float, float, float]:
    """Odds ratio of benefit on orthonormal contrasts, profile limits, Wald's P; by statsmodels."""
    y = patients["benefit"].astype(float)
    arm = (patients["arm"] == "et").astype(float)
    x = pd.DataFrame({"one": 1.0, "arm": arm})
    x["therapy"] = (patients["Endocrine therapy"] == "Letrozole").astype(float)
    x["visceral"] = (patients["Visceral involvement"] == "Yes").astype(float)
    fit = sm.GLM(y, x, family=sm.families.Binomial()).fit()
    rest, limit = x.drop(columns="arm"), chi2.ppf(0.95, 1)

    def beyond(beta):
        held = sm.GLM(y, rest, family=sm.families.Binomial(), offset=beta * arm).fit()
        return 2 * (fit.llf - held.llf) - limit

    b, se = fit.params["arm"], fit.bse["arm"]
    ends = [brentq(beyond, b, b + s * 4 * se, xtol=1e-6) for s in (-1, 1)]
    return (*np.exp(np.array([b, *ends]) / np.sqrt(2)), fit.pvalues["arm"])


# Response


def test_every_table_of_benefit_prints_the_odds_ratio_its_limits_and_its_p_value(palmira, tables):
    assert len(tables) > 100
    cell = palmira.cell(palmira["contrasts.cbr.odds_ratio.estimate"])
    printed = [cell[k].printed for k in ("estimate", "lower", "upper")]
    printed.append(palmira["contrasts.cbr.odds_ratio.p"].printed)
    for table in tables:
        assert all(p.rounds_from(v) for p, v in zip(printed, table.printed, strict=True))
        for arm, k in zip(("palbociclib", "et"), (57, 17), strict=True):
            assert sum(table.benefit[arm].values()) == k
            assert all(table.benefit[arm][c] <= n for c, n in table.n[arm].items())


def test_a_table_of_benefit_prints_by_statsmodels_what_it_says(tables):
    table = tables[0]
    lines = []
    for arm, cells in table.n.items():
        for cell, n in cells.items():
            therapy, visceral = cell.split("|")
            for i in range(n):
                lines.append((arm, therapy, visceral, i < table.benefit[arm][cell]))
    names = ["arm", "Endocrine therapy", "Visceral involvement", "benefit"]
    assert model(pd.DataFrame(lines, columns=names)) == pytest.approx(table.printed, abs=2e-6)


def test_on_the_plain_scale_no_table_prints_the_odds_ratio(palmira):
    assert benefit_tables(palmira, "neutral") == []


def test_a_record_without_an_odds_ratio_of_benefit_has_no_tables():
    assert benefit_tables(published("postmonarch")) == []


@pytest.mark.parametrize(
    "row, column, population",
    [
        ("orr", "response", "randomized"),
        ("orr_measurable", "response", "measurable"),
        ("cbr", "benefit", "randomized"),
    ],
)
def test_rates_of_response_and_benefit_are_the_printed_ones(
    palmira, people, row, column, population
):
    for arm in ARMS:
        mine = people[(people["arm"] == arm)]
        if population == "measurable":
            mine = mine[mine["measurable"]]
        assert len(mine) == palmira.size(population, arm).value
        k = (mine[column].isin([True, "CR", "PR"])).sum()
        entry = palmira[f"results.{row}.{arm}.estimate"]
        assert [k] == count_from_percent(entry.value, entry.printed.half_unit, len(mine))


def test_the_adjusted_odds_ratio_of_benefit_prints_as_in_the_paper(palmira, people):
    cell = palmira.cell(palmira["contrasts.cbr.odds_ratio.estimate"])
    printed = [cell[k].printed for k in ("estimate", "lower", "upper")]
    printed.append(palmira["contrasts.cbr.odds_ratio.p"].printed)
    assert all(p.rounds_from(v) for p, v in zip(printed, model(people), strict=True))


def test_who_responds_has_measurable_disease_and_progresses_after_a_confirmed_response(
    palmira, people
):
    mine = people[people["response"].isin(["CR", "PR"])]
    assert mine["measurable"].all() and mine["benefit"].all()
    grid = visits(palmira, 2000)
    assert mine["response_day"].isin(grid).all()
    confirmed = [grid[np.searchsorted(grid, d) + 1] for d in mine["response_day"]]
    assert (confirmed < mine["pfs"] + ~mine["pfs_event"]).all()
    assert people.loc[~people.index.isin(mine.index), "response_day"].isna().all()


def test_benefit_is_response_or_stable_disease_for_long_enough_and_nothing_else(people):
    responded = people["response"].isin(["CR", "PR"])
    stable = (people["response"] == "SD") & (people["pfs"] > BENEFIT)
    assert (people["benefit"] == (responded | stable)).all()


def test_as_few_patients_as_possible_are_not_evaluable_after_long_survival(people):
    odd = people[(people["pfs"] > BENEFIT) & ~people["benefit"]]
    died = odd["died"] & (odd["os"] == odd["pfs"])
    progressed = odd["pfs_event"] & ~died
    assert (odd["response"] == progressed.map({True: "PD", False: "NE"})).all()
    assert len(odd) == ((people["pfs"] > BENEFIT).sum() - people["benefit"].sum())


def test_on_the_neutral_scale_the_rates_hold_all_the_same(palmira):
    out = responses(palmira, survived(palmira, 3), np.random.default_rng(3), "neutral")
    assert out.groupby("arm")["benefit"].sum().to_dict() == {"palbociclib": 57, "et": 17}


def test_too_few_patients_free_of_progression_end_with_the_entries_and_a_mend(palmira):
    patients = survived(palmira, 1)
    patients["pfs"] = patients["pfs"].clip(upper=100)
    with pytest.raises(RecordError, match=r"results\.cbr\.palbociclib.*Mend"):
        responses(palmira, patients, np.random.default_rng(1))


def test_early_response_stands_in_where_too_few_are_free_of_progression(palmira):
    patients = survived(palmira, 1, extra=0)
    mine = patients.index[(patients["arm"] == "palbociclib") & (patients["pfs"] > BENEFIT)][:3]
    patients.loc[mine, "pfs"] = 130
    out = responses(palmira, patients, np.random.default_rng(1))
    assert out.groupby("arm")["benefit"].sum().to_dict() == {"palbociclib": 57, "et": 17}
    early = out[out["benefit"] & (out["pfs"] <= BENEFIT)]
    assert len(early) == 3 and (early["response"] == "PR").all()


# Baseline

COLUMNS = {
    "Ethnicity": "ethnicity",
    "Menopausal status": "menopause",
    "Measurable disease": "measurable",
    "De novo advanced breast cancer": "de_novo",
    "Hormone receptor status": "receptor",
    "Setting of previous palbociclib": "prior_setting",
    "Last palbociclib dose": "last_dose",
    "Previous ET": "prior_et",
    "Best response to previous palbociclib": "prior_response",
    "Visceral involvement": "Visceral involvement",
    "Metastatic sites": "Metastatic sites",
}


@pytest.mark.parametrize("factor", COLUMNS)
def test_every_level_of_the_baseline_table_has_its_patients_in_each_arm(palmira, people, factor):
    for arm in ARMS:
        mine = people.loc[people["arm"] == arm, COLUMNS[factor]]
        if mine.dtype == bool:
            mine = mine.map({True: "Yes", False: "No"})
        entries = [e for e in palmira.entries.values() if e.block == "table1" and e.part == "count"]
        counts = {e.category: e.value for e in entries if (e.factor, e.arm) == (factor, arm)}
        assert counts and mine.value_counts().to_dict() == counts


@pytest.mark.parametrize("row, column", [("age", "age"), ("prior_duration", "prior_duration")])
def test_medians_and_ranges_print_as_in_the_table_by_arm_and_in_total(palmira, people, row, column):
    for arm in (*ARMS, "total"):
        mine = people.loc[(people["arm"] == arm) | (arm == "total"), column]
        cell = palmira.cell(palmira[f"table1.{row}.{arm}.median"])
        assert cell["median"].printed.rounds_from(mine.median())
        assert (mine.min(), mine.max()) == (cell["minimum"].value, cell["maximum"].value)


@pytest.mark.parametrize(
    "factor, column", [("Age", "age"), ("Duration of first-line palbociclib", "prior_duration")]
)
def test_values_lie_in_the_group_that_the_survival_stage_gave(people, factor, column):
    for category, mine in people.groupby(factor):
        low, below = bounds(category)
        assert mine[column].between(low, below, inclusive="left").all()


def test_baseline_facts_agree_with_each_other(people):
    assert (people.loc[people["menopause"] == "Premenopausal", "age"] < 55).all()
    assert people["liver"].sum() == 77
    assert (people.loc[people["liver"], "Visceral involvement"] == "Yes").all()
    assert ((people["ecog"] == "0") == (people["ECOG performance status"] == "0")).all()
    two = people[people["ecog"] == "2"]
    assert list(two["arm"]) == ["palbociclib"]
    letrozole = people["Endocrine therapy"] == "Letrozole"
    assert ((people["prior_et"] == "Fulvestrant") == letrozole).all()
    adjuvant = people["prior_setting"] == "Adjuvant setting"
    assert (people["prior_response"].isna() == adjuvant).all()
    assert (people.loc[adjuvant, "de_novo"] == "No").all()


def test_medians_that_no_patients_have_together_end_with_the_entries(palmira, reprinted):
    record = reprinted(palmira, table1__age__total__median="66")
    with pytest.raises(RecordError, match=r"table1\.age\.total\.median.*table1\.age\.et\.median"):
        characteristics(record, survived(palmira, 1), np.random.default_rng(1))


def test_a_median_beyond_what_the_age_groups_allow_ends_with_the_entry(palmira, reprinted):
    record = reprinted(palmira, table1__age__palbociclib__median="70")
    with pytest.raises(RecordError, match=r"70 \(table1\.age\.palbociclib\.median\)"):
        characteristics(record, survived(palmira, 1), np.random.default_rng(1))


def test_levels_that_do_not_add_up_end_with_the_entries(palmira, reprinted):
    record = reprinted(palmira, table1__ethnicity__other__et__count="5")
    with pytest.raises(RecordError, match=r"table1\.ethnicity\.other\.et\.count.*Mend"):
        characteristics(record, survived(palmira, 1), np.random.default_rng(1))


@pytest.mark.parametrize("n", [9, 10, 61, 62])
def test_a_median_in_total_alone_holds_for_even_and_odd_numbers(n):
    record = published("pace")
    anything = Interval(np.full(n, -np.inf), np.full(n, np.inf))
    arm = np.array(["experimental"] * n)
    values = values_on_medians(record, "Age", arm, anything, np.random.default_rng(n))
    assert (np.median(values), values.min(), values.max()) == (57, 25, 83)


# Treatment


def test_treatment_ends_as_printed(palmira, people):
    for arm in ARMS:
        mine = people[people["arm"] == arm]
        stopped = (mine["end_reason"] == "Adverse event").sum()
        assert stopped == palmira[f"safety.discontinued.{arm}.count"].value
        going = mine["treated"] & mine["end_reason"].isna()
        assert going.sum() == palmira[f"results.on_treatment.{arm}.count"].value
        assert (mine.loc[going, "on_treatment"]).all()


def test_treatment_lies_between_random_assignment_and_progression_death_or_cutoff(people):
    treated = people[people["treated"]]
    assert (treated["treatment_end"] >= 1).all()
    assert (treated["treatment_end"] <= treated["os"]).all()
    off = treated[~treated["on_treatment"]]
    assert (off["treatment_end"] <= off["pfs"]).all()
    assert people.loc[~people["treated"], "treatment_end"].isna().all()


def test_patients_not_treated_have_the_printed_reasons_and_one_was_ineligible(people):
    reasons = people.loc[~people["treated"], "untreated_reason"]
    assert sorted(reasons) == [
        "Investigator's decision",
        "Patient's decision",
        "Protocol violation",
    ]
    assert list(people.loc[~people["eligible"], "untreated_reason"]) == ["Protocol violation"]


def test_doses_are_the_printed_ones(palmira, people):
    mine = people[(people["arm"] == "palbociclib") & people["treated"]]
    assert (mine["dose_reduced"].sum(), mine["interrupted"].sum()) == (14, 54)
    assert not people.loc[people["arm"] == "et", ["dose_reduced", "interrupted"]].any(axis=None)
    cell = palmira.cell(palmira["safety.dose_intensity.palbociclib.palbociclib.median"])
    for method in ("linear", "hazen", "lower", "higher", "weibull"):
        for share, part in ((0.25, "q1"), (0.5, "median"), (0.75, "q3")):
            assert cell[part].printed.rounds_from(np.quantile(mine["rdi"], share, method=method))
    assert people.loc[people["treated"]].groupby("arm")["rdi_et"].median().eq(100).all()
    assert people["rdi"].notna().sum() == len(mine)
    assert people["rdi"].dropna().between(0, 100).all()


# Adverse events


def maxima(events, people, arm):
    """Patients of an arm by highest grade: any term, classes, terms, as the printed table."""
    mine = events[events["patient"].map(people["arm"]) == arm]
    frames = [mine.assign(row="Any"), mine.assign(row=mine["body"]), mine.assign(row=mine["term"])]
    both = pd.concat(frames).groupby(["row", "patient"])["grade"].max().clip(lower=2)
    return both.reset_index().groupby(["row", "grade"]).size()


def test_every_cell_of_the_adverse_event_table_holds(palmira, people, events):
    table = printed_events(palmira)
    cells = 0
    for role, arm in (("experimental", "palbociclib"), ("control", "et")):
        counts = maxima(events, people, arm)
        for line in table[table["role"] == role].itertuples():
            grade = {"1-2": 2, "3": 3, "4": 4, "5": 5}[line.grade]
            assert counts.get((line.term, grade), 0) == line.count, line
            cells += 1
    assert cells == 2 * 4 * 14


def test_percents_of_grade_3_and_4_in_the_text_hold(palmira, people, events):
    mine = events[events["patient"].map(people["arm"]) == "palbociclib"]
    for row in ("neutropenia", "leukopenia", "anemia", "thrombocytopenia"):
        entry = palmira[f"safety.grade34.{row}.palbociclib.percent"]
        patients = mine[(mine["term"] == entry.term) & mine["grade"].isin([3, 4])]["patient"]
        assert entry.printed.rounds_from(100 * patients.nunique() / 135)


def test_terms_that_the_table_leaves_out_stay_below_its_threshold_of_severity(palmira, events):
    listed = {r.term for r in palmira.block("table2").rows}
    assert events.loc[~events["term"].isin(listed), "grade"].max() < 4


def test_serious_events_and_deaths_are_the_printed_ones(palmira, people, events):
    arm = events["patient"].map(people["arm"])
    for name in ARMS:
        serious = events[(arm == name) & events["serious"]]["patient"].nunique()
        assert serious == palmira[f"safety.serious.{name}.count"].value
    fatal = events[events["grade"] == 5]
    assert fatal["patient"].nunique() == 2 and not fatal["related"].any() and fatal["serious"].all()
    assert (events["serious"] & events["related"]).sum() == 2
    assert not events.loc[arm == "et", "related"].any()
    dead = people.loc[fatal["patient"]]
    assert dead["died"].all() and (fatal["end"].to_numpy() == dead["os"].to_numpy()).all()
    together = set(fatal.loc[fatal["term"] == "Acidosis", "patient"])
    assert together == set(fatal.loc[fatal["term"] == "Pulmonary hypertension", "patient"])


def test_events_lie_in_treated_patients_and_inside_the_treatment_window(people, events):
    who = people.loc[events["patient"]].reset_index(drop=True)
    assert who["treated"].all()
    assert (events["start"] >= 1).all() and (events["start"] <= events["end"]).all()
    assert (events["end"] <= who["treatment_end"] + 28).all()
    assert (events["end"] <= who["os"]).all()


def test_whoever_stopped_for_an_adverse_event_had_one_on_that_day(people, events):
    withdrawn = events[events["action"] == "Drug withdrawn"].set_index("patient")
    stopped = people[people["end_reason"] == "Adverse event"]
    assert sorted(withdrawn.index) == sorted(stopped.index)
    for i, end in stopped["treatment_end"].items():
        assert withdrawn.loc[i, "start"] <= end <= withdrawn.loc[i, "end"]


def test_a_table_that_no_patients_can_have_ends_with_its_entries(palmira, reprinted):
    patients, _ = whole(palmira, survived(palmira, 1), 1)
    record = reprinted(palmira, table2__neutropenia__palbociclib__grade4__count="8")
    with pytest.raises(RecordError, match=r"8 \(table2\.neutropenia\.palbociclib\.grade4\.count\)"):
        adverse_events(record, patients, np.random.default_rng(1))
    record = reprinted(palmira, table2__any__palbociclib__grade3__count="60")
    with pytest.raises(RecordError, match=r"60 \(table2\.any\.palbociclib\.grade3\.count\).*Mend"):
        adverse_events(record, patients, np.random.default_rng(1))


def test_too_few_deaths_near_treatment_end_with_what_the_survival_stage_must_provide(palmira):
    patients, _ = whole(palmira, survived(palmira, 1), 1)
    patients["died"] = False
    with pytest.raises(RecordError, match=r"overall survival must provide"):
        adverse_events(palmira, patients, np.random.default_rng(1))


# All stages


def test_the_same_seed_gives_the_same_patients_and_the_stages_leave_their_input_alone(palmira):
    patients = survived(palmira, 4)
    before = patients.copy()
    one, other = whole(palmira, patients, 7), whole(palmira, patients, 7)
    pd.testing.assert_frame_equal(patients, before)
    for a, b in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(a, b)


def test_rows_that_a_record_lacks_are_passed_over(palmira):
    gone = ("table1", "table2", "safety", "results.cbr", "contrasts", "timeline", "figure1")
    entries = {k: e for k, e in palmira.entries.items() if not k.startswith(gone)}
    entries |= {k: e for k, e in palmira.entries.items() if k.startswith("table1.measurable")}
    sheet = palmira.sheet.model_copy(
        update={"blocks": [b for b in palmira.sheet.blocks if b.id not in gone]}
    )
    people, events = whole(Record(sheet, entries), survived(palmira, 1), 1)
    benefit = (people["pfs"] > BENEFIT) | (people["response"] == "PR")
    assert (people["benefit"] == benefit).all()
    assert events.empty and not {"ethnicity", "prior_duration"} & set(people)
    assert people["age"].median() == 59  # printed in the text, in total
    assert people["ecog"].notna().all()


def test_without_a_schedule_of_assessments_there_is_no_response(palmira):
    entries = {k: e for k, e in palmira.entries.items() if "assessment" not in k}
    patients = survived(palmira, 1)
    out = responses(Record(palmira.sheet, entries), patients, np.random.default_rng(1))
    pd.testing.assert_frame_equal(out, patients)
