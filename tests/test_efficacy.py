"""Figures and tables of progression-free survival say what the record says."""

import pytest

from palmira.figures import efficacy as figures
from palmira.record import Record, published
from palmira.standard_errors import public_fits, simulate
from palmira.tables import efficacy as tables

CELL = "contrasts.pfs.hazard_ratio"
LOOKS = {"First": "contrasts.pfs.preplanned", "Final": CELL}


@pytest.fixture(scope="module")
def palmira() -> Record:
    return published("palmira")


def test_the_picture_of_the_arms_holds_every_printed_median_and_rate(palmira):
    picture = figures.arms_without_curve(palmira)
    assert len(picture.data) == 6
    for arm in ("palbociclib", "et"):
        for row in ("median", "rate_6", "rate_12"):
            parts = palmira.cell(palmira[f"results.pfs.{row}.{arm}.estimate"])
            numbers = {p: parts[p].value for p in ("estimate", "lower", "upper")}
            drawn = picture.data[["estimate", "lower", "upper"]].to_dict("records")
            assert numbers in drawn
            assert parts["estimate"].text in picture.alt


def test_no_line_of_the_picture_joins_two_points_in_time(palmira):
    ax = picture_axes(figures.arms_without_curve(palmira))
    for line in ax.lines:
        x, y = line.get_xdata(), line.get_ydata()
        assert len(set(x)) == 1 or len(set(y)) == 1


def picture_axes(picture):
    return picture.figure.axes[0]


def test_a_changed_record_changes_the_picture(palmira, reprinted):
    other = reprinted(palmira, results__pfs__rate_12__et__estimate="20.3")
    before, after = (figures.arms_without_curve(r) for r in (palmira, other))
    assert not before.data.equals(after.data)
    assert "20.3" in after.alt and "20.3" not in before.alt
    assert "further apart at 6 months than at 12 months" in after.alt
    assert "13.0" not in before.alt  # a published picture computes no difference


def test_the_three_readings_stand_side_by_side(palmira):
    picture = figures.three_ways_forest(palmira, CELL, "PFS")
    assert list(picture.data["reading"]) == ["printed", "neutral", "conditional"]
    data = picture.data.set_index("reading")
    assert data.loc["printed", "estimate"] == data.loc["neutral", "estimate"] == 0.84
    assert data.loc["neutral", "lower"] < data.loc["printed", "lower"]
    assert data.loc["conditional", "wald_p"] == pytest.approx(data.loc["printed", "wald_p"])
    for text in ("0.84 (0.66 to 1.07)", "0.84 (0.60 to 1.17)", "0.78 (0.56 to 1.10)", "107 and 51"):
        assert text in picture.alt


def test_more_events_narrow_the_neutral_reading(palmira, reprinted):
    more = reprinted(palmira, figure3__all__palbociclib__events__events="136")
    widths = [
        figures.three_ways_forest(r, CELL, "PFS").data.set_index("reading")["se_log"]
        for r in (palmira, more)
    ]
    assert widths[1]["neutral"] < widths[0]["neutral"]
    assert widths[1]["printed"] == widths[0]["printed"]


def test_each_look_shows_three_readings_and_what_is_known_of_its_events(palmira):
    picture = figures.looks_forest(palmira, LOOKS)
    assert picture.data.groupby("analysis")["reading"].nunique().tolist() == [3, 3]
    assert "at most 158 events" in picture.alt
    assert "0.77 (0.59 to 1.02)" in picture.alt


def test_the_bound_in_public_data_stands_beside_the_printed_ratio(palmira):
    fits = public_fits()
    picture = figures.public_data(fits, palmira, CELL)
    assert len(picture.data) == len(fits) + 1
    assert picture.data["ratio"].iloc[-1] == pytest.approx(0.724, abs=5e-4)
    assert "0.724" in picture.alt and f"{fits['ratio'].max():.3f}" in picture.alt


def test_the_simulated_errors_are_summarized_by_kind(palmira):
    errors = simulate(136, 62, 158, 0.84, trials=200, seed=1)
    picture = figures.simulated_errors(errors, palmira, CELL)
    data = picture.data.set_index("kind")
    assert data.loc["robust", "minimum"] == errors["robust_ratio"].min()
    assert (data["minimum"] <= data["p1"]).all() and (data["p99"] <= data["maximum"]).all()
    assert f"{errors['robust_ratio'].min():.3f}" in picture.alt
    assert "lies below them all" in picture.alt


def test_the_table_by_arm_is_the_record(palmira):
    frame = tables.results_by_arm(palmira).frame.set_index("Outcome")
    assert frame.loc["Events (%)"].tolist() == ["107 (78.7)", "51 (82.3)"]
    assert frame.loc["12-month rate, % (95% CI)"].tolist() == [
        "12.4 (6.8 to 19.8)",
        "12.3 (4.9 to 23.5)",
    ]


def test_the_table_of_differences_says_which_are_not_given(palmira):
    frame = tables.landmark_differences(palmira).frame
    assert set(frame.loc[frame["Landmark"] == "12 months", "Printed"]) == {"not given"}
    six = frame[frame["Landmark"] == "6 months"].set_index("Quantity")
    assert six.loc["Difference, percentage points", "Printed"] == "13.1"
    assert six.loc["P, log-log scale", "With rounding"] == ".080 to .088"


def test_the_arithmetic_of_the_bound_can_be_followed_by_hand(palmira):
    table = tables.bound_steps(palmira, CELL)
    steps = table.frame.set_index("Step")
    assert steps.loc["Least standard error of a Cox model", "Calculation"] == "√(1/107 + 1/51)"
    assert steps.loc["Least standard error of a Cox model", "Result"] == "0.170"
    assert steps.loc["Fewest events for it, at an even split", "Result"] == "250; there were 158"
    assert table.data.set_index("Step").loc["Implied over least", "Value"] == pytest.approx(
        0.7244, abs=5e-5
    )
    total = tables.bound_steps(palmira, "contrasts.os.hazard_ratio").frame.set_index("Step")
    assert total.loc["Least standard error of a Cox model", "Calculation"] == "2/√70"


def test_the_printed_p_values_lie_within_the_rounding_of_ratio_and_interval(palmira):
    for cell in (CELL, "contrasts.pfs.preplanned", "contrasts.cbr.odds_ratio"):
        value, low, high = tables.p_range(palmira, cell)
        printed = palmira.cell(palmira[f"{cell}.estimate"])["p"].value
        assert low <= value <= high
        assert low <= printed <= high
