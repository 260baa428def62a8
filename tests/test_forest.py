"""The plot kit: intervals are drawn where they belong, no end is hidden, curves account for all."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from matplotlib.patches import Polygon
from matplotlib.text import Text

from palmira.show import at_risk, band, dots, forest, km, steps

ratio = st.floats(0.05, 20)


def line(label="row", **columns):
    return {"label": label, "estimate": 0.8, "lower": 0.6, "upper": 1.1, **columns}


def draw(*rows, **more):
    return forest(pd.DataFrame(rows), alt="What it shows.", **more)


def markers(picture, kind):
    return [m for m in picture.figure.axes[0].lines if m.get_marker() == kind]


def texts(figure):
    return {t.get_text() for t in figure.findobj(Text) if t.get_text()}


@given(value=ratio, below=st.floats(1.01, 5), above=st.floats(1.01, 5))
def test_an_interval_that_leaves_the_axis_ends_in_an_arrowhead_and_no_other_does(
    value, below, above
):
    row = line(estimate=value, lower=value / below, upper=value * above)
    picture = draw(row, ticks=(0.25, 0.5, 1, 2))
    assert bool(markers(picture, "<")) == (row["lower"] < 0.25)
    assert bool(markers(picture, ">")) == (row["upper"] > 2)
    assert bool(markers(picture, "s")) == (0.25 <= value <= 2)


def test_an_unbounded_interval_points_out_of_the_axis():
    assert markers(draw(line(upper=float("inf"))), ">")


def test_three_readings_of_a_row_share_its_line_and_do_not_lie_on_one_another():
    rows = [line(series=s) for s in ("printed", "neutral", "conditional")]
    picture = draw(*rows)
    heights = {float(m[0].get_ydata()[0]) for m in (markers(picture, k) for k in "soD")}
    assert len(heights) == 3
    assert sum(t.get_text() == "row" for t in picture.figure.axes[0].texts) == 1


def test_the_least_interval_goes_beyond_the_published_one_in_a_thinner_line():
    picture = draw(line(least_lower=0.5, least_upper=1.3))
    ends = {
        (round(min(x), 2), round(max(x), 2)): drawn.get_linewidth()
        for drawn in picture.figure.axes[0].lines
        if len(x := drawn.get_xdata()) == 2 and x[0] != x[1]
    }
    assert ends[0.5, 1.3] < ends[0.6, 1.1]


def test_a_pool_is_a_diamond_over_its_interval_and_a_weight_is_an_area():
    picture = draw(line("a", weight=1), line("b", weight=4), line("pool", summary=True, weight=5))
    (diamond,) = [p for p in picture.figure.axes[0].patches if type(p) is Polygon]
    across = diamond.get_path().vertices[:, 0]
    assert [across.min(), across.max()] == pytest.approx([0.6, 1.1])
    sizes = [m.get_markersize() for m in markers(picture, "s")]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("narrow", [False, True])
def test_labels_columns_headings_and_sides_are_written_on_a_page_and_on_a_phone(narrow):
    rows = [line("young", group="Age", n="3 / 4"), line("old", group="Age", n="5 / 6")]
    picture = draw(*rows, columns={"events / n": "n"}, sides=("left", "right"))
    figure = picture.narrow() if narrow else picture.figure
    assert {"Age", "young", "3 / 4", "events / n", "← left", "right →"} <= texts(figure)
    assert figure.get_figwidth() == (3.9 if narrow else 7.4)
    assert picture.alt == "What it shows."
    assert picture.data["label"].tolist() == ["young", "old"]


@pytest.mark.parametrize("narrow", [False, True])
def test_all_type_is_nine_points_or_more_and_stays_inside(narrow):
    rows = [line(series="printed", n="12 of 345"), line("A long label of a subgroup", n="1")]
    picture = draw(*rows, columns={"n": "n"}, series={"printed": "printed"})
    figure = picture.narrow() if narrow else picture.figure
    assert min(t.get_fontsize() for t in figure.findobj(Text) if t.get_text()) >= 9
    figure.canvas.draw()
    for t in figure.axes[0].texts:
        box = t.get_window_extent()
        assert box.x0 > -1 and box.x1 < figure.bbox.x1 + 1, t.get_text()


def test_a_forest_without_rows_or_columns_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        forest(pd.DataFrame(), alt="")
    with pytest.raises(ValueError, match=r"lacks \['upper'\]"):
        forest(pd.DataFrame([line()]).drop(columns="upper"), alt="")
    with pytest.raises(ValueError, match="Mend: shorten"):
        draw(line("a label that goes on and on " * 4))


@pytest.fixture(scope="module")
def curves():
    rng = np.random.default_rng(4)
    made = {}
    for arm, mean in (("Palbociclib + ET", 8.0), ("ET alone", 5.0)):
        event, last = rng.exponential(mean, 60), rng.uniform(5, 30, 60)
        made[arm] = KaplanMeierFitter(label=arm).fit(np.minimum(event, last), event <= last)
    return made


def test_those_at_risk_with_an_event_and_censored_add_up_to_the_arm(curves):
    below = at_risk(curves, [0, 6, 12])
    assert (below[["at_risk", "events", "censored"]].sum(axis=1) == 60).all()
    assert (below.query("month == 0")[["events", "censored"]] == 0).all(axis=None)
    assert below.groupby("arm", sort=False)["at_risk"].apply(list)["ET alone"][0] == 60


def test_the_steps_of_a_curve_are_lifelines_own(curves):
    frame = steps(curves)
    for arm, curve in curves.items():
        mine = frame[frame["arm"] == arm]
        assert mine["survival"].tolist() == curve.survival_function_[arm].tolist()
        assert mine["observed"].sum() == curve.event_table["observed"].sum()


def test_a_curve_says_its_medians_rates_and_ranges_and_changes_with_the_data(curves):
    months = range(0, 25, 6)
    open_ = pd.DataFrame(
        {"arm": a, "month": m, "low": 0.2, "high": 0.9} for a in curves for m in months
    )
    picture = km(curves, months=months, band=open_, said="Invented patients.")
    assert picture.alt.startswith("Invented patients. Palbociclib + ET: median ")
    for arm, curve in curves.items():
        assert f"{arm}: median {curve.median_survival_time_:.1f} months" in picture.alt
    assert "over twins 20.0 to 90.0" in picture.alt and "sampling" in picture.alt
    kinds = set(picture.data["what"])
    assert kinds == {"curve", "range over twins", "at_risk", "events", "censored"}
    later = {"ET alone": KaplanMeierFitter().fit([9, 10, 11, 12], [1, 1, 1, 0])}
    assert km(later, months=months).alt != km({"ET alone": curves["ET alone"]}, months=months).alt
    assert "At risk" in texts(picture.figure) and "At risk" in texts(picture.narrow())


def test_dots_and_bands_are_refused_without_what_they_need():
    frame = pd.DataFrame({"label": ["a"], "estimate": [1.0], "lower": [0.5], "upper": [2.0]})
    assert dots(frame, x="x", alt="a").data.equals(frame)
    with pytest.raises(ValueError, match="at least one row"):
        dots(frame.head(0), x="x", alt="a")
    with pytest.raises(ValueError, match="lacks"):
        dots(frame.drop(columns="label"), x="x", alt="a")
    with pytest.raises(ValueError, match=r"lacks \['x'\]"):
        band(frame, x="x", y="y", alt="a")
    over = frame.assign(x=1.0)
    assert band(over, x="Months", y="Ratio", alt="a").narrow().get_figwidth() == 3.9


def test_values_in_one_line_of_a_dot_plot_lie_apart_and_upright_lines_are_named():
    rows = [{"label": "z", "estimate": x, "series": s} for x, s in ((1, "neutral"), (1, "full"))]
    picture = dots(pd.DataFrame(rows), x="z", alt="a", lines={1.96: "5% level"})
    drawn = [m for m in picture.figure.axes[0].lines if m.get_marker() in ("o", "D")]
    assert len({float(m.get_ydata()[0]) for m in drawn}) == 2
    assert "5% level" in texts(picture.figure)
