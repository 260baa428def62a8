"""A printed number stands for every value that rounds to it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palmira.record.printed import Printed

values = st.decimals(-500, 500, allow_nan=False, allow_infinity=False, places=6)
decimals = st.integers(0, 4)


@given(values, decimals)
def test_every_number_lies_in_the_rounding_interval_of_its_print(value, places):
    text = f"{value:.{places}f}"
    printed = Printed(text)
    assert printed.decimals == places
    assert printed.rounds_from(float(value))
    assert printed.low < printed.value < printed.high


@given(values, decimals)
def test_a_number_more_than_half_a_unit_away_does_not_round_to_the_print(value, places):
    printed = Printed(f"{value:.{places}f}")
    assert not printed.rounds_from(printed.high + 0.01 * printed.half_unit)
    assert not printed.rounds_from(printed.low - 0.01 * printed.half_unit)


@given(st.decimals(0, 100, places=5, allow_nan=False), st.integers(0, 3))
def test_a_number_cut_off_after_its_decimals_truncates_to_the_print(value, places):
    cut = Decimal(int(value.scaleb(places))).scaleb(-places)
    assert Printed(f"{cut:.{places}f}").truncates_from(float(value))


def test_trailing_zeros_and_missing_leading_zeros_are_kept():
    assert (Printed("10.0").decimals, Printed("10").decimals) == (1, 0)
    assert Printed(".149").value == 0.149
    assert str(Printed(".149")) == ".149"


def test_zero_has_a_rounding_interval_too():
    assert (Printed("0").low, Printed("0.0").high) == (-0.5, 0.05)


def test_a_column_that_drops_zeros_declares_its_decimals():
    assert Printed("6").rounds_from(6.1)
    assert not Printed("6", declared=1).rounds_from(6.1)


def test_a_bound_and_a_mark_for_not_estimable_are_read():
    assert (Printed("<.001").bound, Printed("<.001").value) == ("<", 0.001)
    assert Printed("NA").exact is None


@pytest.mark.parametrize("text", ["", "4.9 months", "1.2.3", "--1", "1 2"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match="not a printed number"):
        Printed(text)
