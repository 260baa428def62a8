"""Verification: what the data sets give for each target, and what a slip in them does."""

import re
from dataclasses import replace
from math import exp, inf, log, sqrt

import numpy as np
import pandas as pd
import pytest
from adam_frames import START, adverse_events, dealt, frames_of
from lifelines import CoxPHFitter, KaplanMeierFitter, datasets
from lifelines.utils import median_survival_times
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binomtest
from statsmodels.duration.survfunc import SurvfuncRight

from palmira.record import published
from palmira.record.printed import Printed
from palmira.statistics.estimates import critical, two_sided_p
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival import PRECISE
from palmira.statistics.survival_curves import kaplan_meier
from palmira.twin.adam.analysis_set import AnalysisSet, at_level
from palmira.twin.targets.target import targets
from palmira.twin.verify.recompute import CHECKS, beyond, checks, shown, verify
from palmira.twin.verify.verify_response import logistic

RECORD = published("palmira")
HAZARD_RATIO = "contrasts.pfs.hazard_ratio"
# Groups that hold on patients who are dealt the printed margins at random times.
MARGINS = ("Patients", "Events")


def numbers(rows):
    return rows.set_index("id")["recomputed"]


@pytest.fixture(scope="module")
def lung():
    """The lung data as a trial: men in the experimental arm, women in the control arm."""
    lung = datasets.load_lung()
    return pd.DataFrame(
        {"TRT01PN": lung["sex"], "PFS": lung["time"], "PFS_event": lung["status"] == 1}
    )


@pytest.fixture(scope="module")
def lung_rows(lung):
    groups = ("Medians", "Landmarks", "Hazard ratios")
    return {scale: verify(frames_of(lung), RECORD, scale, groups) for scale in ("full", "neutral")}


@pytest.fixture(scope="module")
def patients():
    people = dealt(RECORD)
    rng = np.random.default_rng(2)
    people["RANDDT"] = START + pd.to_timedelta(rng.integers(0, 1296, len(people)), unit="D")
    people["OS"] = people["PFS"] + rng.integers(0, 400, len(people))
    people["OS_event"] = np.arange(len(people)) % 3 == 0
    people["BOR"] = rng.choice(["CR", "PR", "SD", "PD", "NE"], len(people))
    return people


@pytest.fixture(scope="module")
def rows(patients):
    return {scale: verify(frames_of(patients), RECORD, scale) for scale in ("full", "neutral")}


# Survival


@pytest.mark.parametrize(
    ("arm", "days"), [("palbociclib", (270, 210, 306)), ("et", (426, 345, 524))]
)
def test_medians_and_limits_of_the_lung_data_are_those_of_r(lung_rows, arm, days):
    found = numbers(lung_rows["neutral"])
    for part, day in zip(("estimate", "lower", "upper"), days, strict=True):
        months = found[f"results.pfs.median.{arm}.{part}"]
        assert months * DAYS_PER_MONTH == pytest.approx(day)


def test_the_hazard_ratio_of_the_lung_data_is_that_of_r_on_the_neutral_scale(lung_rows):
    found = numbers(lung_rows["neutral"])
    beta, se = 0.53102354, 0.16717858
    assert log(found[f"{HAZARD_RATIO}.estimate"]) == pytest.approx(beta, abs=1e-7)
    assert log(found[f"{HAZARD_RATIO}.upper"]) == pytest.approx(beta + critical(95) * se, abs=1e-6)
    assert found[f"{HAZARD_RATIO}.p"] == pytest.approx(two_sided_p(beta / se), abs=1e-6)


def test_on_contrasts_ratio_and_limits_shrink_by_the_root_of_two_and_p_stays(lung_rows):
    full, neutral = numbers(lung_rows["full"]), numbers(lung_rows["neutral"])
    ordinary = lung_rows["full"].set_index("id")["ordinary"]
    for part in ("estimate", "lower", "upper"):
        id = f"{HAZARD_RATIO}.{part}"
        assert log(full[id]) == pytest.approx(log(neutral[id]) / sqrt(2))
        assert ordinary[id] == pytest.approx(neutral[id])
    assert full[f"{HAZARD_RATIO}.p"] == pytest.approx(neutral[f"{HAZARD_RATIO}.p"])
    assert np.isnan(ordinary[f"{HAZARD_RATIO}.p"])


@pytest.mark.parametrize("months", [6, 12])
def test_landmark_rates_and_limits_are_those_of_lifelines(lung, lung_rows, months):
    found = numbers(lung_rows["full"])
    men = lung[lung["TRT01PN"] == 1]
    model = KaplanMeierFitter().fit(men["PFS"], men["PFS_event"])
    limits = model.confidence_interval_.loc[: months * DAYS_PER_MONTH].iloc[-1]
    stem = f"results.pfs.rate_{months}.palbociclib"
    assert found[f"{stem}.estimate"] == pytest.approx(100 * model.predict(months * DAYS_PER_MONTH))
    assert found[f"{stem}.lower"] == pytest.approx(100 * limits.iloc[0])
    assert found[f"{stem}.upper"] == pytest.approx(100 * limits.iloc[1])


def test_the_difference_of_rates_is_walds_with_greenwoods_error_of_another_library(lung, lung_rows):
    found = numbers(lung_rows["neutral"])
    rates, errors = [], []
    for arm in (1, 2):
        mine = lung[lung["TRT01PN"] == arm]
        curve = SurvfuncRight(mine["PFS"], mine["PFS_event"].astype(int))
        last = np.flatnonzero(curve.surv_times <= 6 * DAYS_PER_MONTH)[-1]
        rates.append(curve.surv_prob[last])
        errors.append(curve.surv_prob_se[last])
    value, se = rates[0] - rates[1], np.hypot(*errors)
    stem = "contrasts.pfs.difference_6"
    assert found[f"{stem}.estimate"] == pytest.approx(100 * value)
    assert found[f"{stem}.lower"] == pytest.approx(100 * (value - critical(95) * se))
    assert found[f"{stem}.p"] == pytest.approx(two_sided_p(value / se))


def test_medians_with_limits_follow_lifelines_where_the_curve_does_not_end_at_zero(lung):
    men = lung[lung["TRT01PN"] == 1]
    model = KaplanMeierFitter().fit(men["PFS"], men["PFS_event"])
    limits = median_survival_times(model.confidence_interval_).to_numpy().ravel()
    curve = kaplan_meier(men["PFS"], men["PFS_event"])
    assert [curve.median(p) for p in ("estimate", "lower", "upper")] == [
        model.median_survival_time_,
        *limits,
    ]


def test_no_limit_exists_where_nobody_survives():
    curve = kaplan_meier(pd.Series([1, 2, 3, 4]), pd.Series([True] * 4))
    assert curve.median("estimate") == 2
    assert curve.median("lower") == 1
    assert curve.median("upper") == inf
    assert np.isnan(curve.at(4, "upper"))
    assert curve.at(3, "upper") == pytest.approx(0.665325, abs=1e-6)


def test_one_half_is_reached_where_a_product_of_fractions_misses_it_by_a_rounding_error():
    days = pd.Series([10, 20, 30, 40, 50, 60])
    curve = kaplan_meier(days, pd.Series([True] * 5 + [False]))
    assert curve.median("estimate") == 30
    assert curve.at(29.9) == pytest.approx(4 / 6)
    assert curve.at(30) == pytest.approx(3 / 6)
    assert curve.at(5) == 1


ADJUSTED = {
    "contrasts.pfs.hazard_ratio": (None, None, ["ETDRUG", "VISCFL"]),
    "figure3.age.ge65.hazard_ratio": ("AGE", 70, ["ETDRUG", "VISCFL"]),
    "figure3.visceral.yes.hazard_ratio": ("VISCFL", "Y", ["ETDRUG"]),
    "figure3.endocrine.letrozole.hazard_ratio": ("ETDRUG", "Letrozole", ["VISCFL"]),
}


def lifelines_fit(people, covariates, event="PFS_event", time="PFS", product=None):
    """Log hazard ratio of arm 1 and its standard error, or those of its product with a level."""
    design = pd.DataFrame(
        {
            "arm": (people["TRT01PN"] == 1) * 1.0,
            **{c: (people[c] != sorted(people[c])[0]) * 1.0 for c in covariates},
        }
    )
    if product:
        design["product"] = design["arm"] * design[product]
    design["time"], design["event"] = people[time], people[event]
    model = CoxPHFitter().fit(design, "time", "event", fit_options=PRECISE)
    name = "product" if product else "arm"
    return model.params_[name], model.standard_errors_[name]


@pytest.mark.parametrize("stem", ADJUSTED)
def test_a_ratio_is_adjusted_for_the_strata_but_for_the_rows_own_factor(patients, rows, stem):
    variable, level, covariates = ADJUSTED[stem]
    people = patients if variable is None else patients[patients[variable] == level]
    beta, se = lifelines_fit(people, covariates)
    found = numbers(rows["neutral"])
    assert log(found[f"{stem}.estimate"]) == pytest.approx(beta, abs=1e-9)
    assert log(found[f"{stem}.lower"]) == pytest.approx(beta - critical(95) * se, abs=1e-9)


@pytest.mark.parametrize(
    ("id", "variable", "covariates"),
    [
        ("figure3.metastatic_sites.lt3", "METGR1", ["ETDRUG", "VISCFL", "METGR1"]),
        ("figure3.visceral.no", "VISCFL", ["ETDRUG", "VISCFL"]),
    ],
)
def test_interaction_is_a_wald_test_beside_both_main_effects(
    patients, rows, id, variable, covariates
):
    beta, se = lifelines_fit(patients, covariates, product=variable)
    for scale in rows:
        found = numbers(rows[scale])
        assert found[f"{id}.interaction.p"] == pytest.approx(two_sided_p(beta / se), abs=1e-9)


def test_survival_overall_has_its_own_times_and_deaths(patients, rows):
    found = numbers(rows["neutral"])
    assert found["results.os.deaths.total.count"] == patients["OS_event"].sum()
    control = patients[patients["TRT01PN"] == 2]
    median = KaplanMeierFitter().fit(control["OS"], control["OS_event"]).median_survival_time_
    assert found["results.os.median.et.estimate"] * DAYS_PER_MONTH == pytest.approx(median)
    beta, _ = lifelines_fit(patients, ["ETDRUG", "VISCFL"], "OS_event", "OS")
    assert log(found["contrasts.os.hazard_ratio.estimate"]) == pytest.approx(beta, abs=1e-9)
    months = patients["OS"] / DAYS_PER_MONTH
    stem = "results.follow_up.total"
    assert found[f"{stem}.median"] == pytest.approx(months.median())
    assert found[f"{stem}.maximum"] == pytest.approx(months.max())


def test_an_earlier_analysis_holds_who_was_in_the_trial_then_as_far_as_was_known_then():
    cut = pd.Timestamp("2022-04-07")
    randomized = [cut - pd.Timedelta(days=99), cut - pd.Timedelta(days=9), cut, cut]
    people = pd.DataFrame(
        {
            "TRT01PN": [1, 1, 2, 1],
            "PFS": [100, 50, 30, 20],
            "PFS_event": [True] * 4,
            "RANDDT": [*randomized[:2], START, randomized[3]],
        }
    )
    data = AnalysisSet(RECORD, frames_of(people))
    earlier = data.times("PFS", "preplanned")
    # The last was randomly assigned on the day itself; the second's event came later.
    assert list(earlier.index) == ["P0", "P1", "P2"]
    assert list(earlier["time"]) == [100, 10, 30]
    assert list(earlier["event"]) == [True, False, True]
    assert data.times("PFS", "final")["event"].sum() == 4


def test_the_preplanned_ratio_is_fitted_to_the_earlier_data(patients, rows):
    cut = pd.Timestamp("2022-04-07")
    known = (cut - patients["RANDDT"]).dt.days + 1
    earlier = patients.assign(
        PFS=np.minimum(patients["PFS"], known),
        PFS_event=patients["PFS_event"] & (patients["PFS"] <= known),
    )[patients["RANDDT"] < cut]
    beta, _ = lifelines_fit(earlier, ["ETDRUG", "VISCFL"])
    found = numbers(rows["neutral"])["contrasts.pfs.preplanned.estimate"]
    assert log(found) == pytest.approx(beta, abs=1e-9)


# Response


def test_response_rates_have_exact_limits_in_the_analysis_set(patients, rows):
    found = numbers(rows["full"])
    mine = patients[(patients["TRT01PN"] == 1) & (patients["MEASFL"] == "Y")]
    hits = int(mine["BOR"].isin(["CR", "PR"]).sum())
    limits = binomtest(hits, len(mine)).proportion_ci(method="exact")
    stem = "results.orr_measurable.palbociclib"
    assert found[f"{stem}.estimate"] == pytest.approx(100 * hits / len(mine))
    assert found[f"{stem}.lower"] == pytest.approx(100 * limits.low)
    assert found[f"{stem}.upper"] == pytest.approx(100 * limits.high)


def test_benefit_is_response_or_stable_disease_of_24_weeks():
    people = pd.DataFrame(
        {
            "TRT01PN": [1] * 5 + [2],
            "PFS": [168, 169, 100, 400, 400, 50],
            "PFS_event": True,
            "BOR": ["SD", "SD", "PR", "PD", "NE", "SD"],
        }
    )
    found = numbers(verify(frames_of(people), RECORD, "full", ["Response"]))
    assert found["results.cbr.palbociclib.estimate"] == pytest.approx(100 * 2 / 5)
    assert found["results.orr.palbociclib.estimate"] == pytest.approx(100 * 1 / 5)
    assert found["results.cbr.et.estimate"] == 0


# Patients and patients with benefit by endocrine therapy and visceral involvement: a table with
# the printed margins on which the printed odds ratio appears on the full scale.
TABLE = {
    (1, "Fulvestrant", "N"): (38, 13),
    (1, "Fulvestrant", "Y"): (82, 40),
    (1, "Letrozole", "N"): (14, 3),
    (1, "Letrozole", "Y"): (2, 1),
    (2, "Fulvestrant", "N"): (24, 6),
    (2, "Fulvestrant", "Y"): (34, 11),
    (2, "Letrozole", "N"): (1, 0),
    (2, "Letrozole", "Y"): (3, 0),
}


def of_table():
    return pd.DataFrame(
        [
            {
                "TRT01PN": arm,
                "ETDRUG": drug,
                "VISCFL": visceral,
                "PFS": 300,
                "PFS_event": i % 3 > 0,
                "BOR": "SD" if i < benefit else "PD",
            }
            for (arm, drug, visceral), (n, benefit) in TABLE.items()
            for i in range(n)
        ]
    )


def test_the_printed_odds_ratio_with_limits_and_p_appears_on_contrasts():
    rows = verify(frames_of(of_table()), RECORD, "full", ["Response"]).set_index("id")
    stem = "contrasts.cbr.odds_ratio"
    for part in ("estimate", "lower", "upper", "p"):
        assert rows.loc[f"{stem}.{part}", "within"] == "yes"
    assert list(rows.loc[[f"{stem}.lower", f"{stem}.p"], "shown"]) == ["0.38", ".044"]
    # The control arm over the experimental one, as the printed ratio has it.
    assert rows.loc[f"{stem}.estimate", "ordinary"] < 0.62
    neutral = verify(frames_of(of_table()), RECORD, "neutral", ["Response"]).set_index("id")
    assert neutral.loc[f"{stem}.estimate", "within"] == "no"
    assert neutral.loc[f"{stem}.p", "within"] == "yes"


def test_the_odds_ratio_turns_with_the_reference_arm(altered):
    record = altered(
        'sided: not stated, place: "Results, Efficacy, paragraph 3", note',
        'sided: not stated, reference: control, place: "Results", note',
    )
    id = "contrasts.cbr.odds_ratio.estimate"
    one, other = (
        numbers(verify(frames_of(of_table()), r, "full", ["Response"]))[id]
        for r in (RECORD, record)
    )
    assert one == pytest.approx(1 / other)


def test_profile_limits_are_where_the_likelihood_has_fallen_by_the_quantile():
    """Two proportions without covariates: the likelihood written out and maximized by scipy."""
    k, n, c, m = 7, 20, 3, 25
    y = pd.Series([1] * k + [0] * (n - k) + [1] * c + [0] * (m - c))
    x = pd.DataFrame({"arm": [1.0] * n + [0.0] * m})
    found = logistic(y, x, "arm")

    def likelihood(a, b):
        p, q = 1 / (1 + exp(-a - b)), 1 / (1 + exp(-a))
        return k * log(p) + (n - k) * log(1 - p) + c * log(q) + (m - c) * log(1 - q)

    beta = log(k / (n - k) / (c / (m - c)))
    top = likelihood(log(c / (m - c)), beta)

    def beyond_quantile(b):
        best = minimize_scalar(
            lambda a: -likelihood(a, b), bounds=(-9, 9), method="bounded", options={"xatol": 1e-10}
        )
        return 2 * (top + best.fun) - critical(95) ** 2

    assert found["estimate"] == pytest.approx(beta, abs=1e-7)
    assert found["lower"] == pytest.approx(brentq(beyond_quantile, beta - 4, beta), abs=1e-5)
    assert found["upper"] == pytest.approx(brentq(beyond_quantile, beta, beta + 4), abs=1e-5)
    se = sqrt(1 / k + 1 / (n - k) + 1 / c + 1 / (m - c))
    assert found["p"] == pytest.approx(two_sided_p(beta / se), abs=1e-7)


# Counts


def test_dealt_patients_have_all_printed_margins(rows):
    for found in rows.values():
        margins = found[found["group"].isin(MARGINS) & ~found["id"].str.startswith("results.os.")]
        assert len(margins) > 70
        assert set(margins["within"]) == {"yes"}
        levels = found[(found["group"] == "Baseline") & found["id"].str.endswith(".count")]
        wrong = set(levels.loc[levels["within"] == "no", "id"])
        # The dealt patients have no liver metastases and none of performance status 2.
        assert wrong == {
            "table1.receptor.pgr_negative.total.count",
            "results.liver.total.count",
            "table1_footnote.ecog2.count",
        }


def differing(rows, changed):
    """Ids whose number differs between the dealt patients' rows and the changed ones'."""
    one, other = numbers(rows), numbers(changed)
    return set(one.index[~np.isclose(one, other, equal_nan=True)])


def test_a_patient_moved_to_the_other_level_of_a_factor_is_found_out(patients, rows):
    changed = patients.copy()
    who = changed.index[(changed["TRT01PN"] == 2) & (changed["METGR1"] == "<3")][0]
    changed.loc[who, "METGR1"] = ">=3"
    slipped = verify(frames_of(changed), RECORD, "full")
    found = slipped.set_index("id")
    for id in ("figure3.metastatic_sites.lt3.et.events.n", "table1.metastatic_sites.ge3.et.count"):
        assert rows["full"].set_index("id").loc[id, "within"] == "yes"
        assert found.loc[id, "within"] == "no"
        assert found.loc[id, "beyond"] == 0.5
    rest = differing(rows["full"], slipped)
    assert len(rest) > 10
    assert all(RECORD[i].factor == "Metastatic sites" for i in rest)


def test_an_event_that_becomes_a_censoring_is_found_in_every_row_of_that_patient(patients, rows):
    changed = patients.copy()
    who = changed.index[(changed["TRT01PN"] == 2) & changed["PFS_event"]][0]
    changed.loc[who, "PFS_event"] = False
    slipped = differing(rows["full"], verify(frames_of(changed), RECORD, "full"))
    assert {"results.pfs.events.et.count", "results.pfs.events.total.count"} <= slipped
    counts = {i for i in slipped if i.endswith(".events.events")}
    line = changed.loc[who]
    expected = {
        f"figure3.{'age.lt65' if line['AGE'] < 65 else 'age.ge65'}.et.events.events",
        f"figure3.endocrine.{line['ETDRUG'].lower()}.et.events.events",
        f"figure3.ecog.{'0' if line['ECOGBL'] == 0 else 'ge1'}.et.events.events",
        f"figure3.metastatic_sites.{'lt3' if line['METGR1'] == '<3' else 'ge3'}.et.events.events",
        f"figure3.visceral.{'no' if line['VISCFL'] == 'N' else 'yes'}.et.events.events",
        f"figure3.duration.{'lt12' if line['PCDKDUR'] < 12 else 'ge12'}.et.events.events",
    }
    assert counts == expected


def test_disposition_and_exposure_are_read_from_the_flags():
    people = pd.DataFrame(
        {
            "TRT01PN": [1, 1, 1, 1, 2],
            "PFS": [1, 200, 300, 400, 100],
            "PFS_event": [False, True, True, False, True],
            "SAFFL": ["N", "Y", "Y", "Y", "Y"],
            "NTRTRS": ["Patient's decision", "", "", "", ""],
            "EOTSTT": ["", "DISCONTINUED", "DISCONTINUED", "ONGOING", "ONGOING"],
            "DCTREAS": ["", "ADVERSE EVENT", "DEATH", "", ""],
            "DOSREDFL": ["", "Y", "Y", "N", ""],
            "DOSINTFL": ["", "Y", "N", "N", ""],
            "RDI": [np.nan, 80.0, 90.0, 100.0, np.nan],
            "RDIET": [np.nan, 70.0, 80.0, 90.0, 60.0],
        }
    )
    groups = ("Disposition", "Safety", "Follow-up")
    found = numbers(verify(frames_of(people), RECORD, "full", groups))
    expected = {
        "results.treated.palbociclib.count": 3,
        "results.not_treated.total.count": 1,
        "results.not_treated.patient.total.count": 1,
        "results.not_treated.violation.total.count": 0,
        "results.on_treatment.palbociclib.percent": 25,
        "results.on_treatment.et.count": 1,
        "safety.discontinued.palbociclib.count": 1,
        "safety.dose.reduced.palbociclib.percent": 100 * 2 / 3,
        "safety.dose.interrupted.palbociclib.count": 1,
        "safety.dose_intensity.palbociclib.palbociclib.median": 90,
        "safety.dose_intensity.palbociclib.palbociclib.q1": 85,
        "safety.dose_intensity.et.palbociclib": 80,
        "safety.dose_intensity.et.et": 60,
        "results.follow_up.total.minimum": 1 / DAYS_PER_MONTH,
    }
    assert {i: found[i] for i in expected} == pytest.approx(expected)


def test_a_patient_counts_once_in_a_row_of_adverse_events_at_the_highest_grade():
    people = pd.DataFrame({"TRT01PN": [1, 1, 1, 2], "PFS": 90, "PFS_event": True})
    events = adverse_events(
        (0, "Neutropenia", "Hematologic", 2),
        (0, "Neutropenia", "Hematologic", 3),
        (0, "Anemia", "Hematologic", 1),
        (0, "Nausea", "Nonhematologic", 4, "Y", "RELATED"),
        (1, "Other hematologic", "Hematologic", 5),
        (1, "Fatigue", "Nonhematologic", 1),
        (3, "Anemia", "Hematologic", 2, "Y", "NOT RELATED"),
    )
    groups = ("Adverse events", "Safety")
    found = numbers(verify(frames_of(people, events), RECORD, "full", groups))
    expected = {
        "neutropenia.palbociclib.any": 1,
        "neutropenia.palbociclib.grade3": 1,
        "anemia.palbociclib.grade3": 0,
        "anemia.et.any": 1,
        "hematologic.palbociclib.any": 2,
        "hematologic.palbociclib.grade3": 1,
        "hematologic.palbociclib.grade5": 1,
        "nonhematologic.palbociclib.grade4": 1,
        "any.palbociclib.any": 2,
        "any.palbociclib.grade3": 0,
        "any.palbociclib.grade4": 1,
        "any.palbociclib.grade5": 1,
        "any.et.any": 1,
    }
    assert {i: found[f"table2.{i}.count"] for i in expected} == expected
    assert found["table2.any.palbociclib.any.percent"] == pytest.approx(100 * 2 / 3)
    text = {
        "grade34.neutropenia.palbociclib.percent": 100 / 3,
        "teae.grade3.palbociclib.count": 2,
        "serious.palbociclib.count": 1,
        "serious.et.count": 1,
        "serious_related.palbociclib.count": 1,
        "deaths.palbociclib.count": 1,
    }
    assert {i: found[f"safety.{i}"] for i in text} == pytest.approx(text)
    assert found["safety_total.related_deaths.count"] == 0


@pytest.mark.parametrize(
    ("category", "values", "inside"),
    [
        ("<65 years", [64, 65], [64]),
        ("≥65 years", [64, 65], [65]),
        ("6 to <12 months", [5.9, 6, 11.9, 12], [6, 11.9]),
        ("1-2", [0, 1, 2], [1, 2]),
        ("≥1", [0, 1, 2], [1, 2]),
        ("0", [0, 1], [0]),
        ("100 mg", [75, 100, 125], [100]),
        ("100 mg or less", [75, 100, 125], [75, 100]),
        ("Yes", ["Y", "N", ""], ["Y"]),
        ("<3", ["<3", ">=3"], ["<3"]),
        ("≥3", ["<3", ">=3"], [">=3"]),
    ],
)
def test_a_printed_category_says_who_belongs_to_it(category, values, inside):
    column = pd.Series(values)
    assert list(column[at_level(column, category)]) == inside


def test_a_category_that_is_no_number_is_refused_for_a_number():
    with pytest.raises(ValueError, match="young"):
        at_level(pd.Series([1, 2]), "young")


def test_the_first_and_the_last_random_assignment_are_dates(patients):
    changed = patients.copy()
    changed["RANDDT"] = pd.Timestamp("2020-01-01")
    changed.loc[0, "RANDDT"] = START
    changed.loc[1, "RANDDT"] = pd.Timestamp("2022-10-27")
    rows = verify(frames_of(changed), RECORD, "full", ["Disposition"]).set_index("id")
    assert rows.loc["timeline.first_randomized", "within"] == "yes"
    assert rows.loc["timeline.last_randomized", "shown"] == "October 27, 2022"
    assert rows.loc["timeline.last_randomized", "beyond"] == 1
    assert rows.loc["abstract.enrollment.last", "within"] == "yes"


# Rows


def test_there_is_one_row_a_target_in_the_records_order_and_none_without_a_number(rows):
    for scale, found in rows.items():
        wanted = targets(RECORD, scale)
        assert list(found["id"]) == [t.id for t in wanted]
        assert list(found["status"]) == [t.status for t in wanted]
        assert found["recomputed"].notna().all()


def test_some_groups_alone_give_the_same_numbers(patients, rows):
    some = verify(frames_of(patients), RECORD, "full", ["Events", "Medians"])
    whole = rows["full"]
    wanted = whole[whole["group"].isin(["Events", "Medians"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, wanted)
    with pytest.raises(ValueError, match="Curves"):
        verify(frames_of(patients), RECORD, "full", ["Curves"])


def test_frames_read_from_csv_give_the_same_numbers(patients, rows, tmp_path):
    frames = {}
    events = adverse_events((0, "Nausea", "Nonhematologic", 2), (150, "Anemia", "Hematologic", 1))
    for name, frame in frames_of(patients, events).items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        frames[name] = pd.read_csv(tmp_path / f"{name}.csv")
    groups = ("Patients", "Events", "Medians", "Disposition", "Baseline")
    found = verify(frames, RECORD, "full", groups)
    wanted = rows["full"][rows["full"]["group"].isin(groups)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, wanted)


def test_a_number_is_within_rounding_exactly_where_it_is_not_beyond(rows):
    for found in rows.values():
        assert ((found["within"] == "yes") == (found["beyond"] == 0)).all()


@pytest.mark.parametrize(
    ("text", "number", "distance", "as_printed"),
    [
        ("0.84", 0.8449, 0, "0.84"),
        ("0.84", 0.845, 0, "0.84"),
        ("0.84", 0.855, 1, "0.85"),
        (".149", 0.1471, 1.4, ".147"),
        ("135", 136, 0.5, "136"),
        ("NA", inf, 0, "NA"),
        ("NA", 11.07, inf, "11.1"),
        ("14", inf, inf, "NA"),
        ("0.0", -0.01, 0, "0.0"),
        ("<.001", 0.0004, 0, "0.000"),
        ("<.001", 0.002, 1, "0.002"),
    ],
)
def test_distance_is_counted_in_last_digits_beyond_the_rounding_interval(
    palmira, text, number, distance, as_printed
):
    entry = replace(palmira["results.pfs.median.et.upper"], text=text, printed=Printed(text))
    assert beyond(entry, number) == pytest.approx(distance)
    assert shown(entry, number) == as_printed


def test_a_changed_record_changes_what_holds(reprinted, patients):
    one = reprinted(RECORD, figure3__age__lt65__et__events__events="30")
    found = verify(frames_of(patients), one, "full", MARGINS).set_index("id")
    assert found.loc["figure3.age.lt65.et.events.events", "within"] == "no"


def test_a_data_set_without_a_variable_or_with_a_patient_missing_is_refused(patients):
    frames = frames_of(patients)
    frames["adsl"] = frames["adsl"].drop(columns="ETDRUG")
    with pytest.raises(KeyError, match="ETDRUG"):
        verify(frames, RECORD, "full")
    frames = frames_of(patients)
    frames["adtte"] = frames["adtte"].iloc[1:]
    with pytest.raises(ValueError, match="PFS"):
        verify(frames, RECORD, "full")


# Checks

SIZES = {
    "table1": 25,
    "KM": 78,
    "landmark": 16,
    "cox": 40,
    "interaction": 6,
    "OS": 11,
    "disposition": 1,
    "interim": 4,
    "response": 10,
    "AE": 2,
    "events": 26,
}


def test_the_list_has_219_checks_of_eleven_groups_no_two_alike(rows):
    found = checks(rows["full"])
    assert len(found) == 219
    assert found["group"].value_counts().to_dict() == SIZES
    assert not found.duplicated(["group", "check"]).any()


def test_the_list_covers_every_ratio_median_rate_and_event_count_of_the_figure(rows):
    listed = set(" ".join(pd.read_csv(CHECKS)["entries"]).split())
    wanted = [
        t.id
        for t in targets(RECORD, "full")
        if t.kind in ("median", "rate", "hazard ratio", "interaction", "difference", "odds ratio")
        or (t.kind in ("events", "patients") and t.entry.part in ("events", "n"))
    ]
    assert len(wanted) > 180
    # The figure's 6 is checked as the text prints it, 6.1.
    assert set(wanted) - listed == {"figure3.all.palbociclib.median.upper"}


def test_a_check_holds_if_all_its_parts_do(rows):
    by_id = rows["full"].set_index("id")
    for check, line in zip(
        checks(rows["full"]).itertuples(), pd.read_csv(CHECKS).itertuples(), strict=True
    ):
        if "*" not in line.entries:
            parts = by_id.loc[line.entries.split()]
            assert (check.holds == "yes") == all(parts["within"] == "yes")
            assert re.findall(r"[^(), ]+", check.published) == list(parts["printed"])
    assert {"yes", "no"} == set(checks(rows["full"])["holds"])


def test_one_part_that_slips_fails_its_check_and_no_other(rows):
    slipped = rows["full"].copy()
    slipped.loc[slipped["id"] == "figure3.visceral.yes.et.events.n", ["within", "beyond"]] = "no", 1
    before, after = checks(rows["full"]), checks(slipped)
    changed = after[before["holds"] != after["holds"]]
    assert list(changed["check"]) == ["Events and patients, visceral involvement, ET"]


def test_a_check_that_cannot_hold_is_listed_with_the_reason(rows):
    found = checks(rows["full"]).set_index("check")
    assert found.loc["PgR-negative, total", "holds"] == "no"
    assert found.loc["PgR-negative, total", "recomputed"] == "65"
    assert "46 + 19" in found.loc["PgR-negative, total", "reason"]
    assert set(found.index[found["reason"] != ""]) == {
        "PgR-negative, total",
        "Interaction with visceral involvement, P",
        "Difference at 6 months, P (linear Wald)",
        "Median PFS, letrozole, ET",
    }
    neutral = checks(rows["neutral"])
    gone = neutral[(neutral["reason"] != "") & neutral["group"].isin(["cox", "OS", "interim"])]
    assert len(gone) == 2 * 13 + 1 + 2 + 3


def test_the_grade_that_the_control_arm_has_no_column_for_counts_as_none():
    def of(events):
        people = dealt(RECORD)
        rows = verify(frames_of(people, events), RECORD, "full", ["Adverse events"]).set_index("id")
        return rows.loc["safety.teae.grade3.et.count", "recomputed"]

    control = 140
    graded = [(control + i, "GGT increased", "Nonhematologic", 3) for i in range(6)]
    assert of(adverse_events(*graded)) == 6
    assert of(adverse_events(*graded, (control + 9, "Acidosis", "Nonhematologic", 5))) == 7
    et = pd.read_csv(CHECKS).set_index("check").loc["Table 2, ET: every count", "entries"]
    assert "safety.teae.grade3.et.count" in et.split()


def test_a_list_that_names_no_target_is_refused(rows, tmp_path):
    path = tmp_path / "checks.csv"
    path.write_text("group,check,entries\nKM,one,figure3.none.median\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"figure3\.none\.median"):
        checks(rows["full"], path)
