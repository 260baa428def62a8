"""Response rates, the odds ratio for clinical benefit, overall survival."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.api import GLM, families

from palmira.figures import response as figures
from palmira.proportions import odds_ratio
from palmira.record import Record, published
from palmira.response import (
    ARMS,
    OUTCOMES,
    comparison,
    largest_se_ratio,
    odds_ratio_readings,
    response_rate,
    response_rates,
)
from palmira.tables import response as tables


@pytest.fixture(scope="module")
def palmira() -> Record:
    return published("palmira")


def test_every_printed_rate_is_that_of_one_count_with_its_exact_interval(palmira):
    for rate in response_rates(palmira):
        for part in ("value", "lower", "upper"):
            assert abs(getattr(rate.exact, part) - getattr(rate.printed, part)) <= 0.05 + 1e-9


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [("orr", (6, 1)), ("orr_measurable", (6, 1)), ("cbr", (57, 17))],
)
def test_the_counts_behind_the_rates(palmira, outcome, counts):
    assert tuple(response_rate(palmira, outcome, arm).count for arm in ARMS) == counts


def test_responders_with_measurable_disease_are_responders(palmira):
    for arm in ARMS:
        measurable, all_ = (
            response_rate(palmira, outcome, arm) for outcome in ("orr_measurable", "orr")
        )
        assert measurable.count <= all_.count and measurable.n <= all_.n


def test_a_rate_that_no_count_prints_as_is_refused(palmira, reprinted):
    with pytest.raises(ValueError, match="no count"):
        response_rate(reprinted(palmira, results__orr__et__estimate="1.1"), "orr", "et")


def test_the_arms_are_compared_in_the_direction_of_the_printed_odds_ratio(palmira):
    c = comparison(palmira, "cbr")
    assert c.difference.value == pytest.approx(100 * (57 / 136 - 17 / 62))
    assert c.odds_ratio.value == pytest.approx((17 / 45) / (57 / 79))
    assert c.odds_ratio.value < 1 < 1 / c.odds_ratio.value
    assert c.difference.lower < 0 < c.difference.upper


def test_the_printed_odds_ratio_is_narrower_than_the_raw_table_allows(palmira):
    readings = odds_ratio_readings(palmira)
    assert largest_se_ratio(palmira) < 1
    assert readings["conditional"].se > readings["raw"].se
    assert readings["neutral"].estimate.value == readings["printed"].estimate.value
    assert readings["conditional"].p == pytest.approx(readings["printed"].p)
    assert readings["conditional"].estimate.value == pytest.approx(0.62**2**0.5)


@settings(max_examples=50)
@given(st.lists(st.tuples(*[st.integers(0, 1)] * 3), min_size=30, max_size=80))
def test_no_adjusted_logistic_model_reports_a_smaller_standard_error_than_woolf(patients):
    arm, factor, response = (list(column) for column in zip(*patients, strict=True))
    cells = [(a, f, r) for a in (0, 1) for f in (0, 1) for r in (0, 1)]
    assume(all(patients.count(cell) >= 1 for cell in cells))
    design = [[1, a, f] for a, f in zip(arm, factor, strict=True)]
    fit = GLM(response, design, family=families.Binomial()).fit(tol=1e-12)
    n, cases = sum(arm), sum(a * r for a, r in zip(arm, response, strict=True))
    _, woolf, _ = odds_ratio(cases, n, sum(response) - cases, len(arm) - n)
    assert fit.bse[1] >= woolf * (1 - 1e-8)


def test_the_picture_of_the_rates_holds_counts_and_intervals(palmira, reprinted):
    picture = figures.response_picture(palmira)
    assert len(picture.data) == len(OUTCOMES) * len(ARMS)
    for text in ("6 of 136 (4.4%)", "1 of 62 (1.6%)", "57 of 136 (41.9%)", "17 of 62 (27.4%)"):
        assert text in picture.alt
    other = figures.response_picture(reprinted(palmira, results__cbr__et__estimate="40.3"))
    assert "25 of 62 (40.3%)" in other.alt
    assert not other.data.equals(picture.data)


def test_the_picture_of_the_odds_ratio_shows_all_readings(palmira):
    picture = figures.odds_ratio_forest(palmira)
    assert list(picture.data["reading"]) == ["printed", "raw", "neutral", "conditional"]
    for text in ("0.62 (0.38 to 0.98)", "0.52 (0.27 to 1.01)", "0.51 (0.25 to 0.97)"):
        assert text in picture.alt


def test_the_picture_of_survival_shows_medians_and_follow_up(palmira, reprinted):
    picture = figures.survival_medians(palmira)
    assert "28.3 (20.9 to 36.2)" in picture.alt and "28.8 (19.5 to 35.4)" in picture.alt
    assert "Both medians lie beyond the median follow-up of 13.2" in picture.alt
    later = reprinted(palmira, results__follow_up__total__median="30.0")
    assert "Not both medians lie beyond" in figures.survival_medians(later).alt


def test_the_tables_hold_printed_and_recomputed_rates(palmira):
    frame = tables.counts_table(palmira).frame
    assert "2.3 (0.1 to 12)" in set(frame["Printed, % (95% CI)"])
    assert "2.3 (0.1 to 12.0)" in set(frame["Recomputed, % (95% CI)"])
    compared = tables.comparisons_table(palmira).frame.set_index("Outcome")
    assert compared.loc["Clinical benefit", "Odds ratio (95% CI)"] == "0.52 (0.27 to 1.01)"
