"""The twin's targets: every printed number is one, or is set aside with its reason."""

from pathlib import Path

import pytest
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times

from palmira.record import comparators, published
from palmira.twin.targets import target as targets
from palmira.twin.targets.target import KINDS, left_out

RESULTS = (
    "results",
    "contrasts",
    "figure3",
    "table1",
    "table1_footnote",
    "safety",
    "safety_total",
    "table2",
)
RECORDS = {"palmira": published("palmira"), **comparators()}
# Printed numbers that contradict others, on whatever scale the hazard ratios are read.
CONTRADICTORY = {
    "results.treated.palbociclib.percent",
    "results.os.deaths.total.percent",
    "table1.last_dose.75.total.percent",
    "table1.receptor.pgr_negative.total.count",
    "figure3.all.palbociclib.median.upper",
    "figure3.visceral.no.interaction.p",
    "contrasts.pfs.difference_6.p",
}
# Judged: of the smallest row, whose median stands where its curve is at one half exactly.
HALFWAY = "figure3.endocrine.letrozole.et.median.estimate"
ASIDE = CONTRADICTORY | {HALFWAY}


def status(record, scale):
    return {t.id: t for t in targets.targets(record, scale)}


@pytest.fixture(scope="module")
def full():
    return status(RECORDS["palmira"], "full")


@pytest.fixture(scope="module")
def neutral():
    return status(RECORDS["palmira"], "neutral")


@pytest.mark.parametrize("trial", RECORDS)
def test_every_printed_number_is_a_target_or_is_left_out_with_a_reason(trial):
    record = RECORDS[trial]
    kept, others = status(record, "full"), left_out(record)
    assert set(kept) | set(others) == set(record.entries)
    assert not set(kept) & set(others)
    assert all(out.reason for out in others.values())
    assert kept


def test_of_the_results_only_repeats_and_levels_of_intervals_are_left_out(palmira):
    others = {i: r for i, r in left_out(palmira).items() if palmira[i].block in RESULTS}
    assert len(others) > 20
    assert {r.reason for r in others.values() if not r.repeats} == {"the level of an interval"}


def test_what_is_printed_again_leads_to_a_target_that_prints_the_same(palmira, full):
    for id, out in left_out(palmira).items():
        if out.repeats:
            assert out.repeats in full
            assert palmira[id].printed.value == palmira[out.repeats].printed.value


@pytest.mark.parametrize(
    ("id", "kind"),
    [
        ("figure3.age.lt65.et.events.n", "patients"),
        ("figure3.age.lt65.et.events.events", "events"),
        ("results.os.deaths.total.count", "events"),
        ("results.pfs.median.et.upper", "median"),
        ("figure3.endocrine.letrozole.et.median.upper", "median"),
        ("results.os.median.palbociclib.lower", "median"),
        ("results.pfs.rate_12.et.upper", "rate"),
        ("contrasts.pfs.difference_6.p", "difference"),
        ("contrasts.pfs.hazard_ratio.p", "hazard ratio"),
        ("contrasts.pfs.preplanned.p", "hazard ratio"),
        ("contrasts.os.hazard_ratio.upper", "hazard ratio"),
        ("figure3.ecog.0.interaction.p", "interaction"),
        ("results.follow_up.total.maximum", "follow-up"),
        ("results.orr_measurable.et.lower", "response"),
        ("contrasts.cbr.odds_ratio.p", "odds ratio"),
        ("results.on_treatment.et.count", "disposition"),
        ("results.not_treated.patient.total.count", "disposition"),
        ("timeline.last_randomized", "date"),
        ("table2.ggt.palbociclib.grade4.count", "adverse events"),
        ("safety.grade34.anemia.palbociclib.percent", "adverse events"),
        ("safety.serious.et.count", "safety"),
        ("safety.dose_intensity.palbociclib.palbociclib.q1", "safety"),
        ("table1.prior_duration.total.median", "baseline"),
        ("table1_footnote.ecog2.count", "baseline"),
        ("results.liver.total.count", "baseline"),
    ],
)
def test_a_printed_number_is_given_to_the_analysis_that_prints_it(full, id, kind):
    assert full[id].kind == kind
    assert full[id].group == KINDS[kind][0]
    assert full[id].analysis.endswith(KINDS[kind][1])


def test_a_target_carries_its_rounding_interval(full):
    assert full["contrasts.pfs.hazard_ratio.p"].interval == pytest.approx((0.1485, 0.1495))
    # The figure drops a zero: 14 months are read with one decimal.
    limit = full["figure3.endocrine.letrozole.palbociclib.median.upper"]
    assert limit.interval == pytest.approx((13.95, 14.05))


def test_only_contradictions_are_not_attainable_on_the_full_scale(full):
    assert {i for i, t in full.items() if not t.attainable} == ASIDE


def test_a_reason_is_given_exactly_where_a_target_is_not_attainable(full, neutral):
    for found in (full, neutral):
        assert all(bool(t.reason) != t.attainable for t in found.values())


def test_on_the_neutral_scale_no_ratio_keeps_its_limits_and_only_they_and_their_p_go(neutral):
    gone = {i for i, t in neutral.items() if not t.attainable} - ASIDE
    ratios = {i for i, t in neutral.items() if t.kind in ("hazard ratio", "odds ratio")}
    estimates = {i for i in ratios if i.endswith(".estimate")}
    assert gone == ratios - estimates | {"contrasts.cbr.odds_ratio.estimate"}
    assert "107 and 51 events" in neutral["contrasts.pfs.hazard_ratio.lower"].reason
    assert "at most 158 events" in neutral["contrasts.pfs.preplanned.p"].reason


def test_reasons_say_what_the_print_would_be(full):
    assert "46 + 19; would be 65" in full["table1.receptor.pgr_negative.total.count"].reason
    assert "135 of 136" in full["results.treated.palbociclib.percent"].reason
    assert "Age" in full["figure3.visceral.no.interaction.p"].reason
    assert "0.078 to 0.082" in full["contrasts.pfs.difference_6.p"].reason


@pytest.mark.parametrize(
    ("id", "text"),
    [
        ("results.treated.palbociclib.percent", "99.3"),
        ("figure3.visceral.no.interaction.p", ".502"),
        ("contrasts.pfs.difference_6.p", ".080"),
        ("table1.receptor.pgr_negative.total.count", "65"),
        ("figure3.all.palbociclib.median.upper", "6.1"),
    ],
)
def test_a_contradiction_that_is_mended_in_the_record_becomes_attainable(
    palmira, reprinted, full, id, text
):
    found = status(reprinted(palmira, **{id.replace(".", "__"): text}), "full")
    assert not full[id].attainable
    # A repeat that no longer differs is no target of its own.
    assert id not in found or found[id].attainable
    assert {i for i, t in found.items() if not t.attainable} == ASIDE - {id}


def test_an_interval_that_its_events_allow_is_attainable_on_the_neutral_scale(palmira, reprinted):
    stem = "contrasts__pfs__hazard_ratio__"
    wide = reprinted(palmira, **{f"{stem}lower": "0.60", f"{stem}upper": "1.18", f"{stem}p": ".31"})
    found = status(wide, "neutral")
    assert all(found[f"contrasts.pfs.hazard_ratio.{p}"].attainable for p in ("lower", "upper", "p"))
    assert not found["contrasts.os.hazard_ratio.lower"].attainable


def test_an_interval_too_narrow_even_for_the_full_scale_is_not_attainable_there(palmira, reprinted):
    stem = "contrasts__pfs__hazard_ratio__"
    narrow = reprinted(palmira, **{f"{stem}lower": "0.75", f"{stem}upper": "0.94"})
    found = status(narrow, "full")
    assert not found["contrasts.pfs.hazard_ratio.lower"].attainable
    assert not found["contrasts.pfs.hazard_ratio.upper"].attainable


@pytest.mark.parametrize("censored", range(4))
def test_the_smallest_row_s_median_collides_with_two_lower_limits(palmira, censored):
    """The lower limit of the whole arm is reached at an event before the second one on letrozole.
    Fulvestrant's patients then have all the arm's events but one, and reach theirs at the latest
    with it, whether none of them or some are censored before."""

    def reached(n):
        fit = KaplanMeierFitter().fit(range(1, n + 1))
        limits = median_survival_times(fit.confidence_interval_)
        return int(limits.iloc[0, 0])

    stem = "figure3.endocrine.{}.et.median.{}".format
    arm = palmira["figure3.all.et.median.lower"].printed
    assert palmira[HALFWAY].printed.low > arm.high
    assert palmira[stem("fulvestrant", "lower")].printed.low > arm.high
    untreated = (
        palmira["results.randomized.et.count"].value - palmira["results.treated.et.count"].value
    )
    patients = int(palmira["results.randomized.et.count"].value - untreated)
    on_letrozole = int(palmira["figure3.endocrine.letrozole.et.events.n"].value)
    whole = reached(patients - censored)
    assert reached(patients - on_letrozole - censored) <= whole - 1


def test_a_judgment_holds_for_the_print_that_was_judged_only(palmira, reprinted, neutral):
    id = "contrasts.cbr.odds_ratio.estimate"
    assert not neutral[id].attainable
    other = reprinted(palmira, contrasts__cbr__odds_ratio__estimate="0.52")
    assert status(other, "neutral")[id].attainable


def test_a_rate_whose_limits_are_not_exact_is_noticed(palmira, reprinted):
    found = status(reprinted(palmira, results__orr__et__upper="9.8"), "full")
    assert "1 of 62" in found["results.orr.et.upper"].reason
    none = status(reprinted(palmira, results__orr__et__estimate="1.1"), "full")
    assert "no whole number of 62" in none["results.orr.et.estimate"].reason


def test_numbers_at_risk_become_targets_once_they_are_in_the_record(altered):
    row = 'label: 6 months, time: "6", values: [{}]'
    record = altered(row.format("null, null"), row.format('"46", "16"'))
    found = status(record, "full")
    assert found["figure2_at_risk.month_6.et.count"].kind == "at risk"


def test_an_analysis_without_a_date_is_left_out_and_a_dated_one_is_not(palmira, full):
    assert "whose date is not in" in left_out(palmira)["asco2023.hazard_ratio.estimate"].reason
    assert "contrasts.pfs.preplanned.estimate" in full


def test_planned_events_are_no_target(altered):
    row = "endpoint: PFS, measure: events, values: [{}]}}\n      - {{id: preplanned.events"
    record = altered(row.format("null, null, null"), row.format('null, null, "150"'))
    assert (
        left_out(record)["supplement.planned_events.total.count"].reason == "planned, not observed"
    )


def test_another_scale_is_refused(palmira):
    with pytest.raises(ValueError, match="half"):
        targets.targets(palmira, "half")


TWIN = Path(targets.__file__).parents[1]
ENGINE = [TWIN / "adam" / "analysis_set.py", *TWIN.glob("targets/*.py"), *TWIN.glob("verify/*.py")]


@pytest.mark.parametrize("path", sorted(ENGINE), ids=lambda path: path.stem)
def test_the_engine_names_no_trial(path):
    text = path.read_text(encoding="utf-8").replace("from palmira", "")
    assert not [t for t in ("PALMIRA", "PACE", "MAINTAIN", "postMONARCH") if t in text]
