"""Landmark rates: standard errors from printed intervals, differences between the arms."""

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter, datasets

from palmira.statistics.estimates import critical
from palmira.statistics.landmarks import difference, from_interval, log_log_p

SURVIVAL = st.floats(0.05, 0.95)
SPREAD = st.floats(0.05, 0.8)


def interval(survival: float, s: float) -> tuple[float, float, float]:
    z = critical(95)
    return survival, survival ** exp(z * s), survival ** exp(-z * s)


@given(SURVIVAL, SPREAD)
def test_the_standard_error_behind_a_log_log_interval_is_recovered(survival, s):
    found = from_interval(*interval(survival, s))
    assert found.log_log_se == pytest.approx(s)
    assert found.se == pytest.approx(survival * abs(log(survival)) * s)


def test_greenwoods_error_is_recovered_from_a_kaplan_meier_estimate():
    lung = datasets.load_lung()
    curve = KaplanMeierFitter().fit(lung["time"], lung["status"])
    limits = curve.confidence_interval_survival_function_.loc[300.0:301].iloc[0]
    survival = float(curve.predict(300))
    table = curve.event_table.loc[1:300]
    at_risk, deaths = table["at_risk"], table["observed"]
    greenwood = survival * (deaths / (at_risk * (at_risk - deaths))).sum() ** 0.5
    found = from_interval(survival, float(limits.iloc[0]), float(limits.iloc[1]))
    assert found.se == pytest.approx(greenwood, rel=0.01)


@given(SURVIVAL, SURVIVAL, SPREAD, SPREAD)
def test_exchanging_the_arms_turns_the_sign_and_leaves_p(a, b, s, t):
    one, other = from_interval(*interval(a, s)), from_interval(*interval(b, t))
    (forth, p), (back, q) = difference(one, other), difference(other, one)
    assert (forth.value, forth.lower) == (pytest.approx(-back.value), pytest.approx(-back.upper))
    assert p == pytest.approx(q)
    assert log_log_p(one, other) == pytest.approx(log_log_p(other, one))


@given(SURVIVAL, SPREAD)
def test_arms_with_one_rate_do_not_differ(survival, s):
    mark = from_interval(*interval(survival, s))
    assert difference(mark, mark)[1] == log_log_p(mark, mark) == pytest.approx(1)


@pytest.mark.parametrize("values", [(0.4, 0.5, 0.6), (0.4, 0.0, 0.6), (0.4, 0.3, 1.0)])
def test_what_is_no_survival_interval_is_refused(values):
    with pytest.raises(ValueError, match="not a survival interval"):
        from_interval(*values)
