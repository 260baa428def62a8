"""What the chapter on safety shows: adverse events, their differences, rates in time, benefit
beside harm; and its functions on cases whose answer is known."""

from math import inf

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from shown import defined

from palmira.record import DATA
from palmira.statistics.proportions import risk_difference, risk_ratio

pytestmark = pytest.mark.site
(compare,) = defined("safety", "compare")
ARMS = {1: "palbociclib", 2: "et"}
TWINS = ("neutral", "full")
MONTH = 365.25 / 12
arm = st.integers(2, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


# The chapter's functions.


@pytest.mark.parametrize(
    ("counts", "lower", "upper"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((10, 10, 0, 20), 0.6791, 1.0),
    ],
)
def test_the_differences_agree_with_newcombes_published_intervals(counts, lower, upper):
    found = compare(*counts)
    limits = found["difference_lower"], found["difference_upper"]
    assert limits == pytest.approx((lower, upper), abs=6e-5)


def test_the_ratio_agrees_with_koopmans_published_example():
    found = compare(36, 40, 16, 80)
    ratio = found["ratio"], found["ratio_lower"], found["ratio_upper"]
    assert ratio == pytest.approx((4.5, 2.94, 7.15), abs=0.005)


@given(arm, arm)
def test_statsmodels_gives_the_ratio_and_difference_of_the_package(one, other):
    found = compare(*one, *other)
    gap, ratio = risk_difference(*one, *other), risk_ratio(*one, *other)
    assert found["difference_lower"] == pytest.approx(gap.lower, abs=1e-9)
    if ratio is None:
        assert "ratio" not in found
    elif 0 < one[0] < one[1] and 0 < other[0] < other[1]:
        limits = found["ratio"], found["ratio_lower"], found["ratio_upper"]
        assert limits == pytest.approx((ratio.value, ratio.lower, ratio.upper), rel=1e-5)


@given(arm, arm)
def test_the_ratio_excludes_1_exactly_where_pearsons_test_is_significant(one, other):
    (k, n), (j, m) = one, other
    if not (0 < k < n and 0 < j < m):
        return
    p = chi2_contingency([[k, n - k], [j, m - j]], correction=False).pvalue
    found = compare(k, n, j, m)
    if abs(p - 0.05) > 1e-6:
        assert (found["ratio_lower"] > 1 or found["ratio_upper"] < 1) == (p < 0.05)


def test_without_a_case_in_an_arm_the_ratio_is_bounded_on_one_side_only():
    found = compare(52, 135, 0, 60)
    assert found["ratio"] == found["ratio_upper"] == inf
    assert 1 < found["ratio_lower"] < inf
    assert "ratio" not in compare(0, 135, 0, 60)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((4.74, 2.296, 10.35), "4.74 (2.30 to 10.3)"),
        ((31.6, 5.9, 179.2), "31.6 (5.90 to 179)"),
        ((inf, 1.7, inf), "∞ (1.70 to ∞)"),
        ((inf, np.nan, np.nan), "∞"),
    ],
)
def test_a_ratio_is_written_with_three_figures(numbers, text):
    (ratio_text,) = defined("safety", "ratio_text")
    assert ratio_text(*numbers) == text


def day(number):
    return pd.Timestamp("2020-01-01") + pd.Timedelta(days=number - 1)


@pytest.fixture
def first_event():
    """The chapter's function on five patients: arm, last dose, status, last known alive."""
    patients = {
        "A": (1, 100, "DISCONTINUED", 300),
        "B": (1, 40, "DISCONTINUED", 50),
        "C": (1, 400, "ONGOING", 400),
        "D": (2, 30, "DISCONTINUED", 500),
        "E": (2, 60, "DISCONTINUED", 70),
    }
    columns = ["TRT01PN", "TRTEDT", "EOTSTT", "LSTALVDT"]
    adsl = pd.DataFrame.from_dict(patients, "index", columns=columns).rename_axis("USUBJID")
    for column in ("TRTEDT", "LSTALVDT"):
        adsl[column] = adsl[column].map(day)
    adsl = adsl.assign(TRTSDT=day(1), DCUTDT=day(410)).reset_index()
    events = [
        ("A", "Fatigue", "Nonhematologic", 1, 5),
        ("A", "Neutropenia", "Hematologic", 3, 30),
        ("A", "Neutropenia", "Hematologic", 4, 20),
        ("D", "Fatigue", "Nonhematologic", 2, 58),
    ]
    columns = ["USUBJID", "AEDECOD", "AECAT", "AETOXGRN", "ASTDY"]
    adae = pd.DataFrame(events, columns=columns)
    (found,) = defined(
        "safety", "first_event", adsl={"x": adsl}, adae={"x": adae}, arms=ARMS, window=28
    )
    return found


def test_a_patient_counts_from_the_first_dose_to_the_event_or_the_end_of_observation(first_event):
    found = first_event("x")
    # 28 days after the last dose, but not after last contact; on treatment to the last contact.
    assert found.time.to_dict() == {"A": 5, "B": 50, "C": 400, "D": 58, "E": 70}
    assert found.status.to_dict() == {"A": 1, "B": 2, "C": 0, "D": 1, "E": 2}
    assert list(found.arm) == ["palbociclib"] * 3 + ["et"] * 2


def test_only_events_of_the_grade_and_term_count_and_the_first_of_them(first_event):
    severe = first_event("x", 3)
    assert severe.time["A"] == 20
    assert severe.status["D"] == 2
    assert first_event("x", 1, "Neutropenia").status.sum() == 1 + 2 + 0 + 2 + 2
    assert first_event("x", 1, "Hematologic").time["A"] == 20


def rates_of(palbociclib, et):
    """The chapter's rates of two arms, each (times in days, status)."""
    patients = pd.concat(
        pd.DataFrame({"arm": a, "time": times, "status": status})
        for a, (times, status) in (("palbociclib", palbociclib), ("et", et))
    )
    names = dict.fromkeys(ARMS.values())
    (rates,) = defined("safety", "rates", first_event=lambda *_: patients, names=names)
    return rates("x", "an event", 1, None)


def test_a_rate_has_the_exact_poisson_interval():
    years = 12 * MONTH
    found = rates_of(([years / 10] * 10, 1), ([years / 2] * 2, 2))
    # Garwood's limits for 10 events: 4.795 and 18.390.
    one = found.loc[0, ["per_100_years", "lower", "upper"]].to_list()
    assert one == pytest.approx([1000, 479.54, 1839.04], abs=0.01)
    assert found.loc[1, ["lower", "upper"]].to_list() == pytest.approx([0, 368.89], abs=0.01)
    assert (found["ratio"] == inf).all() and "ratio_lower" not in found


def test_the_ratio_of_two_equal_rates_is_1_and_its_interval_holds_it():
    arm = ([100.0] * 8, [1] * 4 + [2] * 4)
    found = rates_of(arm, arm).iloc[0]
    assert found["ratio"] == pytest.approx(1)
    assert found["ratio_lower"] * found["ratio_upper"] == pytest.approx(1, rel=1e-3)


# Adverse events as printed.


def test_the_bars_hold_every_patient_and_the_alt_text_says_what_differs(shown, palmira):
    exhibit = shown["safety-grades"]
    data = exhibit.data
    assert len(data) == 14 * 2 * 4
    printed = palmira.cells("table2.*").set_index(["term", "arm", "grade"])["count"]
    for (term, role), rows in data.groupby(["term", "role"]):
        arm = {"experimental": "palbociclib", "control": "et"}[role]
        assert rows["count"].sum() == printed[term, arm, "any"]
        assert (rows["count"] >= 0).all()
        assert (rows["percent"] - 100 * rows["count"] / rows["n"]).abs().max() < 1e-9
    for text in ("92.6% v 86.7%", "47.4% v 10.0%", "38.5% v 0.0%", "11.1% v 10.0%"):
        assert text in exhibit.alt
    assert exhibit.evidence == "derived"


def test_grades_3_to_5_are_what_the_text_says(shown, palmira):
    data = shown["safety-grades"].data.query("term == 'Any' and grade != '1-2'")
    found = data.groupby("role")["count"].sum()
    assert found["experimental"] == palmira["safety.teae.grade3.palbociclib.count"].value
    assert found["control"] == palmira["safety.teae.grade3.et.count"].value


def test_the_printed_table_shows_every_cell(shown, palmira):
    exhibit, rows = shown["safety-table2"], palmira.block("table2").rows
    assert exhibit.table.shape == (len(rows), 9)  # with the class of each row
    texts = exhibit.table.iloc[:, 2:].map(lambda x: x.replace("\u00a0", " ")).to_numpy()
    assert [list(t) for t in texts] == [r.values for r in rows]
    assert exhibit.table["group"].nunique() == 3
    printed = palmira.cells("table2.*")
    assert exhibit.data["count"].to_list() == printed["count"].to_list()
    assert exhibit.data["percent"].to_list() == printed["percent"].to_list()


def test_the_table_of_differences_leaves_out_single_patients_only(shown):
    exhibit = shown["safety-differences"]
    assert "Acidosis" not in set(exhibit.table["Adverse event"])
    assert list(exhibit.table["group"].value_counts(sort=False)) == [10, 8]
    line = exhibit.table[exhibit.table["Adverse event"] == "Neutropenia"].iloc[1]
    assert line.iloc[-1].replace("\u00a0", " ").startswith("∞ (6.38 to")
    severe = exhibit.data.query("term == 'Any' and span == '3-5'").iloc[0]
    assert severe["difference"] == pytest.approx(64 / 135 - 6 / 60)
    assert severe["ratio"] == pytest.approx(64 / 135 / (6 / 60))
    for r in exhibit.data.itertuples():
        ours = risk_difference(r.count, r.n, r.control_count, r.control_n)
        limits = r.difference_lower, r.difference_upper
        assert limits == pytest.approx((ours.lower, ours.upper))
        ratio = risk_ratio(r.count, r.n, r.control_count, r.control_n)
        assert (r.ratio_lower, r.ratio_upper) == pytest.approx((ratio.lower, ratio.upper), rel=1e-6)


def test_the_dots_are_the_lines_of_the_table_and_the_alt_text_names_what_excludes_zero(shown):
    exhibit, table = shown["safety-dots"], shown["safety-differences"].data
    both = exhibit.data.merge(table, on=["term", "span"])
    assert len(both) == len(exhibit.data) and both["ratio_lower_x"].equals(both["ratio_lower_y"])
    clear = (exhibit.data["difference_lower"] > 0) | (exhibit.data["difference_upper"] < 0)
    assert exhibit.alt.count("% v ") == clear.sum() == 6
    assert "neutropenia 52.6% v 1.7%, +50.9 (39.9 to 59.3)" in exhibit.alt


def test_patients_in_both_classes_are_those_counted_twice(shown, said):
    data = shown["safety-classes"].data
    either = data[["hematologic", "nonhematologic"]]
    assert (data["both"] == either.sum(axis=1) - data["any"]).all()
    assert (data["any"] >= either.max(axis=1)).all() and (data["both"] >= 0).all()
    both = data.set_index(["role", "span"])["both"]
    assert both["experimental", "3-5"] == 5 == int(said["safety_both"])
    assert both["experimental", "4-5"] == 0
    assert both["control", "3-5"] == 0


def test_the_exposure_table_holds_each_row_of_the_text_that_is_no_adverse_event(shown, palmira):
    exhibit = shown["safety-exposure"]
    assert len(exhibit.table) == 8
    assert "5 (3.7)" in set(exhibit.table["Palbociclib + ET"].str.replace("\u00a0", " "))
    rows = [r.id for r in palmira.block("safety").rows if not r.id.startswith(("teae", "grade34"))]
    assert list(dict.fromkeys(exhibit.data["row"])) == rows


def test_dose_changes_and_stops_have_their_intervals(shown, said):
    """Clopper-Pearson limits of R's binom.test(14, 135) and (54, 135)."""
    assert said["safety_reduced"] == "5.8 to 16.8" and said["safety_interrupted"] == "31.7 to 48.8"
    stopped = risk_difference(5, 135, 1, 60)
    limits = f"{100 * stopped.value:.1f} ({100 * stopped.lower:.1f} to {100 * stopped.upper:.1f})"
    assert said["safety_stopped"].replace("−", "-") == limits
    gaps = shown["safety-exposure"].table.iloc[:, -1]
    assert (gaps != "–").sum() == 2


def test_no_event_in_60_patients_has_an_upper_limit(said):
    assert said["safety_zero"] == "0 of 60"
    assert said["safety_zero_two_sided"] == f"{100 * (1 - 0.025 ** (1 / 60)):.1f}" == "6.0"
    assert said["safety_zero_one_sided"] == f"{100 * (1 - 0.05 ** (1 / 60)):.1f}" == "4.9"
    assert said["safety_zero_three"] == "5.0"


def test_most_patients_with_a_severe_event_had_severe_neutropenia(said):
    assert said["safety_neutropenia_severe"] == "52 of the 64"


def test_the_one_patient_with_thrombocytopenia_is_the_count_that_fits(said, palmira):
    printed = palmira["safety.grade34.thrombocytopenia.palbociclib.percent"].printed
    assert printed.rounds_from(100 * int(said["safety_low_platelets"]) / 135)


# Benefit beside harm.


def test_the_benefit_differences_agree_with_the_printed_ones(shown, palmira):
    rows = shown["safety-benefit-harm"].data.set_index("outcome")
    six = rows.loc["Free of progression at 6 months"]
    for part, name in (("lower", "lower"), ("upper", "upper"), ("value", "estimate")):
        printed = palmira[f"contrasts.pfs.difference_6.{name}"].value
        assert six[part] == pytest.approx(printed, abs=0.15)
    assert list(rows.kind) == ["benefit"] * 4 + ["harm"] * 4
    assert set(rows.n[rows.kind == "benefit"]) == {136}
    assert set(rows.n[rows.kind == "harm"]) == {135}
    assert ((rows.lower < rows.value) & (rows.value < rows.upper)).all()
    for outcome, row in (("Clinical benefit", "cbr"), ("Response", "orr")):
        for column, arm in (("experimental", "palbociclib"), ("control", "et")):
            assert palmira[f"results.{row}.{arm}.estimate"].printed.rounds_from(
                rows.loc[outcome, column]
            )


def test_the_picture_of_benefit_and_harm_says_each_difference(shown, said):
    exhibit = shown["safety-benefit-harm"]
    for text in ("+13.0 (−1.6 to 27.6)", "+37.4 (24.3 to 47.3)", "Benefits:", "Harms:"):
        assert text in exhibit.alt
    assert said["safety_benefit"].replace("-", "−") in exhibit.alt
    serious = exhibit.data.set_index("outcome").loc["Serious adverse event"]
    assert serious["experimental"] == pytest.approx(1000 / 135)


# Invented patients.


@pytest.fixture(scope="module")
def twins():
    frames = {}
    for twin in TWINS:
        adsl = pd.read_csv(DATA / "twin" / twin / "adsl.csv").query("SAFFL == 'Y'")
        adae = pd.read_csv(DATA / "twin" / twin / "adae.csv").query("TRTEMFL == 'Y'")
        frames[twin] = adsl, adae
    return frames


def test_the_table_of_rates_shows_one_data_set_and_its_data_hold_what_was_divided(shown, twins):
    exhibit = shown["safety-rates"]
    assert len(exhibit.table) == 5
    assert len(exhibit.data) == 2 * 2 * 5
    data = exhibit.data
    assert (100 * data.with_event / data.years_at_risk).to_numpy() == pytest.approx(
        data.per_100_years.to_numpy()
    )
    assert not exhibit.table.apply(lambda c: c.str.contains("nan")).any(axis=None)
    for twin, (adsl, _) in twins.items():
        mine = data[data["twin"] == twin].groupby("arm")["patients"].first()
        assert mine["experimental"] == (adsl["TRT01PN"] == 1).sum()
        assert mine["control"] == (adsl["TRT01PN"] == 2).sum()


def test_on_the_twins_the_patients_with_an_event_are_those_of_the_adverse_event_table(shown):
    printed = shown["safety-differences"].data.query("term == 'Any' and span == '3-5'").iloc[0]
    rates = shown["safety-rates"].data
    severe = rates[rates["event"] == "Any adverse event, grade 3 or higher"]
    assert set(severe.query("arm == 'experimental'")["with_event"]) == {printed["count"]}
    assert set(severe.query("arm == 'control'")["with_event"]) == {printed["control_count"]}


def aalen_johansen(time, status):
    """Cumulative incidence of status 1 by hand: free before each day times the day's share."""
    free, share, found = 1.0, 0.0, {0.0: 0.0}
    for day in sorted(set(time)):
        at_risk = sum(t >= day for t in time)
        events = [s for t, s in zip(time, status, strict=True) if t == day]
        share += free * events.count(1) / at_risk
        free *= 1 - sum(s > 0 for s in events) / at_risk
        found[day] = share
    return found


def test_the_curves_are_aalen_and_johansens_of_both_twins(shown, twins):
    data = shown["safety-first-severe"].data
    assert shown["safety-first-severe"].alt.startswith("Synthetic patients.")
    for twin, (adsl, adae) in twins.items():
        severe = adae[adae["AETOXGRN"] >= 3].groupby("USUBJID")["ASTDY"].min()
        for number, role in ((1, "experimental"), (2, "control")):
            times, status = [], []
            for p in adsl[adsl["TRT01PN"] == number].itertuples():
                ends = [pd.Timestamp(p.TRTEDT) + pd.Timedelta(days=28)]
                ends += [pd.Timestamp(x) for x in (p.LSTALVDT, p.DCUTDT)]
                last = (min(ends) - pd.Timestamp(p.TRTSDT)).days + 1
                had = p.USUBJID in severe.index
                times.append(severe[p.USUBJID] if had else last)
                status.append(1 if had else 0 if p.EOTSTT == "ONGOING" else 2)
            curve = data[(data["twin"] == twin) & (data["role"] == role) & data["day"].notna()]
            by_hand = aalen_johansen(times, status)
            assert curve["share"].to_numpy() == pytest.approx([by_hand[d] for d in curve["day"]])
            assert curve["share"].is_monotonic_increasing
            assert curve["share"].iloc[-1] >= status.count(1) / len(status) - 1e-12
            if twin == "neutral":
                below = data[(data["role"] == role) & data["month"].notna()]
                left = [sum(t >= m * MONTH for t in times) for m in below["month"]]
                assert below["at_risk"].to_list() == left


def test_below_the_curves_each_arm_is_whole_at_every_month(shown):
    below = shown["safety-first-severe"].data.dropna(subset=["month"])
    whole = below[["at_risk", "events", "ended"]].sum(axis=1)
    assert set(whole[below["role"] == "experimental"]) == {135}
    assert set(whole[below["role"] == "control"]) == {60}
