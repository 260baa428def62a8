"""The forest plot draws each reading where it belongs and never hides an interval's end."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palmira.estimates import Estimate
from palmira.figures.forest import ForestRow, forest

DATA = pd.DataFrame({"a": [1]})


def draw(rows, **more):
    return forest(rows, alt="What it shows.", data=DATA, **more)


def markers(picture, kind):
    return [m for m in picture.figure.axes[0].lines if m.get_marker() == kind]


ratio = st.floats(0.05, 20)


@given(value=ratio, below=st.floats(1.01, 5), above=st.floats(1.01, 5))
def test_an_interval_that_leaves_the_axis_ends_in_an_arrowhead_and_no_other_does(
    value, below, above
):
    estimate = Estimate(value, value / below, value * above)
    picture = draw([ForestRow("row", (), {"printed": estimate})], ticks=(0.25, 0.5, 1, 2))
    assert bool(markers(picture, "<")) == (estimate.lower < 0.25)
    assert bool(markers(picture, ">")) == (estimate.upper > 2)
    assert bool(markers(picture, "s")) == (0.25 <= value <= 2)


def test_an_unbounded_interval_points_out_of_the_axis():
    picture = draw([ForestRow("row", (), {"printed": Estimate(0.9, 0.5, float("inf"))})])
    assert markers(picture, ">")


def test_three_readings_of_a_row_do_not_lie_on_one_another():
    same = Estimate(0.8, 0.6, 1.1)
    row = ForestRow("row", (), {"printed": same, "neutral": same, "conditional": same})
    picture = draw([row])
    heights = {float(m[0].get_ydata()[0]) for m in (markers(picture, k) for k in "soD")}
    assert len(heights) == 3


def test_labels_columns_headers_and_sides_are_written():
    rows = [ForestRow("Age", heading=True), ForestRow("young", ("3 / 4",), {})]
    picture = draw(rows, headers=("events / n",), column_x=(0.3,), sides=("left", "right"))
    texts = {t.get_text() for t in picture.figure.axes[0].texts}
    assert {"Age", "young", "3 / 4", "events / n", "← left", "right →"} <= texts
    assert picture.alt == "What it shows."
    assert picture.data is DATA


def test_all_type_is_nine_points_or_more():
    rows = [ForestRow("row", ("1",), {"printed": Estimate(0.8, 0.6, 1.1)})]
    picture = draw(rows, headers=("n",), column_x=(0.3,), reading_names={"printed": "printed"})
    ax = picture.figure.axes[0]
    texts = [*ax.texts, *ax.get_xticklabels(), ax.xaxis.label, *picture.figure.legends[0].texts]
    assert min(t.get_fontsize() for t in texts) >= 9


def test_a_forest_without_rows_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        draw([])
