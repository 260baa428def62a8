"""Progression-free survival on its page: what is drawn and tabled is what the record says."""

import numpy as np
import pytest

CELL = "contrasts.pfs.hazard_ratio"


def test_the_picture_of_the_arms_holds_every_printed_median_and_rate(palmira, shown):
    picture = shown["efficacy-arms"]
    assert len(picture.data) == 6
    drawn = picture.data[["estimate", "lower", "upper"]].to_dict("records")
    for arm in ("palbociclib", "et"):
        for row in ("median", "rate_6", "rate_12"):
            parts = palmira.cell(palmira[f"results.pfs.{row}.{arm}.estimate"])
            assert {p: parts[p].value for p in ("estimate", "lower", "upper")} in drawn
            assert parts["estimate"].text in picture.alt
    assert "13.0" not in picture.alt  # a published picture computes no difference


def test_a_changed_record_changes_the_pictures_and_no_line_joins_two_points_in_time(
    palmira, reprinted, rerun, shown
):
    changes = {
        "results__pfs__rate_12__et__estimate": "20.3",
        "results__pfs__rate_12__et__lower": "10.0",
        "results__pfs__rate_12__et__upper": "33.1",
        "results__pfs__events__palbociclib__count": "136",
    }
    other = rerun("efficacy", reprinted(palmira, **changes)).shown
    arms, before = other["efficacy-arms"], shown["efficacy-arms"]
    assert "20.3" in arms.alt and "20.3" not in before.alt
    assert not np.allclose(arms.data["estimate"], before.data["estimate"])
    ax = arms.figure.axes[0]
    segments = [line.get_xydata() for line in ax.lines]
    segments += [s for c in ax.collections if hasattr(c, "get_segments") for s in c.get_segments()]
    assert len(segments) >= 7
    for x, y in (np.asarray(s).T for s in segments):
        assert len(set(x)) == 1 or len(set(y)) == 1
    final, more = (x["efficacy-hazard-ratio"].data.iloc[-1] for x in (shown, other))
    assert more["least_se"] < final["least_se"] and more["se"] == pytest.approx(final["se"])


def test_the_published_interval_stands_inside_the_least_one_that_its_events_allow(palmira, shown):
    picture = shown["efficacy-hazard-ratio"]
    assert list(picture.data["cell"])[-1] == CELL and len(picture.data) == 3
    final = picture.data.iloc[-1]
    assert final["estimate"] == palmira[f"{CELL}.estimate"].value
    assert round(final["least_lower"], 2) == 0.60 and round(final["least_upper"], 2) == 1.17
    assert final["least_lower"] < final["lower"] < final["upper"] < final["least_upper"]
    assert (picture.data["lower"] < 1).all() and (picture.data["upper"] > 1).all()
    for text in ("0.84 (0.66 to 1.07)", "0.60 to 1.17"):
        assert text in picture.alt


def test_the_table_by_arm_is_the_record(shown):
    table = shown["efficacy-results"].plain.set_index("Outcome").drop(columns="group")
    assert table.loc["Events (%)"].tolist() == ["107 (78.7)", "51 (82.3)"]
    assert table.loc["12-month rate, % (95% CI)"].tolist() == [
        "12.4 (6.8 to 19.8)",
        "12.3 (4.9 to 23.5)",
    ]


def test_the_table_of_differences_says_which_are_not_given(shown):
    table = shown["efficacy-landmarks"].plain
    assert set(table.loc[table["group"] == "12 months", "Published"]) == {"not given"}
    six = table[table["group"] == "6 months"].set_index("Quantity")
    assert six.loc["Difference, percentage points", "Published"] == "13.1"
    assert six.loc["P, log-log scale", "With rounding"] == ".081 to .085"


def test_the_6_month_difference_follows_from_the_arms_and_its_p_is_near_the_log_log_scales(
    palmira, shown
):
    found = shown["efficacy-landmarks"].data.set_index("month").loc[6]
    cell = palmira.cell(palmira["contrasts.pfs.difference_6.estimate"])
    for part, name in (("estimate", "difference"), ("lower", "lower"), ("upper", "upper")):
        low, high = found[f"{name}_min"], found[f"{name}_max"]
        assert low <= cell[part].printed.high and cell[part].printed.low <= high, part
    assert found["p_log_log_min"] > 0.08 and found["p_log_log_max"] < cell["p"].printed.low
    assert found["p_linear_max"] < cell["p"].printed.low


def test_the_12_month_rates_meet(shown):
    found = shown["efficacy-landmarks"].data.set_index("month").loc[12]
    assert found["lower"] < 0 < found["upper"]
    assert min(found["p_linear_min"], found["p_log_log_min"]) > 0.9
