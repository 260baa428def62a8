"""Butterfly plots: what a frame of two arms' events becomes."""

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from palmira.show import butterfly
from palmira.show.style import NARROW, WIDTH

SIDES = ("ET alone", "Palbociclib + ET")
FRAME = pd.DataFrame(
    [
        (term, side, grade, count, 2.0 * count)
        for term in ("Any", "Thrombotic thrombocytopenic purpura")
        for side in SIDES
        for grade, count in (("1-2", 20), ("3", 9 if side == SIDES[1] else 0), ("4", 1))
    ],
    columns=["term", "side", "grade", "count", "percent"],
)


def drawn(figure):
    return figure.axes[0], [t.get_text() for t in figure.axes[0].texts]


def widths(figure, sign):
    return sum(p.get_width() for p in figure.axes[0].patches if sign * p.get_width() > 0)


def test_each_side_holds_its_percents_wide_and_narrow():
    picture = butterfly(FRAME, sides=SIDES, alt="x")
    totals = FRAME.groupby("side")["percent"].sum()
    for figure, width in ((picture.figure, WIDTH), (picture.narrow(), NARROW)):
        assert figure.get_figwidth() == width
        assert widths(figure, 1) == pytest.approx(totals[SIDES[1]])
        assert widths(figure, -1) == pytest.approx(-totals[SIDES[0]])
        _, texts = drawn(figure)
        assert {"30 (60.0%)", "21 (42.0%)", *SIDES} <= set(texts)


def test_a_count_stands_in_its_bar_where_there_is_room():
    _, texts = drawn(butterfly(FRAME, sides=SIDES, alt="x").figure)
    assert texts.count("20") == 4
    assert texts.count("9") == 2
    assert "1" not in texts


def test_no_text_leaves_the_figure():
    picture = butterfly(FRAME, sides=SIDES, alt="x", bold=("Any",))
    for figure in (picture.figure, picture.narrow()):
        renderer = FigureCanvasAgg(figure).get_renderer()
        edge = figure.bbox
        for text in figure.axes[0].texts + figure.axes[0].get_yticklabels():
            if not text.get_text():
                continue
            box = text.get_window_extent(renderer)
            assert edge.x0 - 1 <= box.x0 and box.x1 <= edge.x1 + 1, text.get_text()


def test_an_event_of_nobody_is_a_zero():
    frame = FRAME.assign(count=0, percent=0.0)
    _, texts = drawn(butterfly(frame, sides=SIDES, alt="x").figure)
    assert texts.count("0") == 4


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.iloc[:0], "at least one row"),
        (FRAME.drop(columns="grade"), r"lacks \['grade'\]"),
        (FRAME.assign(side="Placebo"), r"no side or grade \['Placebo'\]"),
        (FRAME.assign(grade="6"), r"no side or grade \['6'\]"),
    ],
)
def test_a_frame_that_cannot_be_drawn_is_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        butterfly(frame, sides=SIDES, alt="x")
