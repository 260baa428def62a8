"""Proportions of two arms: their difference, ratio and odds ratio with limits."""

from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from palmira.statistics.proportions import odds_ratio, risk_difference, risk_ratio

arm = st.integers(2, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("counts", "lower", "upper"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
    ],
)
def test_risk_differences_agree_with_newcombes_published_intervals(counts, lower, upper):
    found = risk_difference(*counts)
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=6e-5)


def test_a_risk_ratio_agrees_with_koopmans_published_example():
    found = risk_ratio(36, 40, 16, 80)
    assert (found.value, found.lower, found.upper) == pytest.approx((4.5, 2.94, 7.15), abs=0.005)


@given(arm, arm)
def test_a_risk_ratio_excludes_1_exactly_where_pearsons_test_is_significant(a, b):
    (k, n), (j, m) = a, b
    assume(0 < k + j < n + m)
    p = chi2_contingency([[k, n - k], [j, m - j]], correction=False).pvalue
    assume(abs(p - 0.05) > 1e-6)
    found = risk_ratio(k, n, j, m)
    assert (found.lower > 1 or found.upper < 1) == (p < 0.05)


@given(arm, arm)
def test_a_risk_ratio_lies_in_its_interval_and_turns_over_with_the_arms(a, b):
    assume(a[0] + b[0] > 0)
    found, turned = risk_ratio(*a, *b), risk_ratio(*b, *a)
    assert found.lower <= found.value <= found.upper
    assert found.lower == pytest.approx(1 / turned.upper if turned.upper < inf else 0, rel=1e-6)


def test_without_cases_in_an_arm_the_ratio_is_bounded_on_one_side_only():
    none = risk_ratio(0, 135, 1, 60)
    assert none.value == none.lower == 0
    assert 1 < none.upper < inf
    all_in_one = risk_ratio(52, 135, 0, 60)
    assert all_in_one.value == all_in_one.upper == inf
    assert 1 < all_in_one.lower < inf
    assert risk_ratio(0, 135, 0, 60) is None


def test_two_full_arms_have_a_ratio_of_1_with_the_score_limits():
    z2 = 1.959963984540054**2
    found = risk_ratio(135, 135, 60, 60)
    assert (found.lower, found.value, found.upper) == pytest.approx(
        (135 / (135 + z2), 1, (60 + z2) / 60)
    )


def test_woolfs_interval_needs_four_filled_cells():
    with pytest.raises(ValueError, match="four filled cells"):
        odds_ratio(5, 10, 0, 10)
