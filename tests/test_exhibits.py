"""Exhibits: a picture or table carries its class, its alt text and its data wherever it goes."""

import re
from math import inf, nan

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palmira.record.evidence import MIME
from palmira.show import exhibits
from palmira.show.exhibits import Picture, Table, show, svg
from palmira.show.formats import ci, minus, percent, span, spell
from palmira.show.style import canvas


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr(exhibits, "display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def picture():
    with canvas(2) as (figure, ax):
        ax.plot([1, 2], [3, 4])
    return Picture(figure, "The line rises from 3 to 4.", pd.DataFrame({"x": [1, 2]}))


def test_a_picture_carries_class_alt_text_and_data(shown):
    show(picture(), name="a-line", caption="A line", evidence="synthetic")
    exhibit = shown[0][MIME]
    assert exhibit["evidence"] == "synthetic"
    assert exhibit["alt"] == "The line rises from 3 to 4."
    assert exhibit["csv"] == "evidence,x\nsynthetic,1\nsynthetic,2\n"
    assert "Synthetic" in shown[0]["text/html"] and "The line rises" in shown[0]["text/html"]


def test_data_that_have_a_class_in_each_line_keep_it(shown):
    data = pd.DataFrame({"evidence": ["published", "synthetic"], "x": [1, 2]})
    show(Table(data), name="a", caption="A table", evidence="synthetic")
    assert shown[0][MIME]["csv"] == "evidence,x\npublished,1\nsynthetic,2\n"


def test_the_picture_itself_says_its_class(shown):
    one = picture()
    show(one, name="a-line", caption="A line", evidence="conditional")
    assert "evidence: conditional" in [t.get_text() for t in one.figure.texts]


def test_an_unknown_class_is_refused(shown):
    with pytest.raises(ValueError, match="proven"):
        show(picture(), name="a", caption="b", evidence="proven")
    assert shown == []


def test_the_same_picture_has_the_same_bytes():
    assert svg(picture().figure, "a") == svg(picture().figure, "a")


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), min_size=1, max_size=6))
def test_a_table_has_a_header_cell_for_each_row_and_column_and_escapes_its_text(cells):
    html = Table(pd.DataFrame(cells, columns=["Row & more", "Value"])).html
    assert html.count('scope="col"') == 2
    assert html.count('scope="row"') == len(cells)
    assert "Row &amp; more" in html


def test_a_column_of_sentences_is_told_apart_from_one_of_words_and_one_of_numbers():
    frame = pd.DataFrame({"Row": ["a"], "n": ["12"], "Why": ["word " * 9], "How": ["word " * 20]})
    classes = re.findall(r'<td(?: class="([^"]+)")?>', Table(frame).html)
    assert classes == ["", "words", "words long"]


def test_groups_become_heading_rows():
    frame = pd.DataFrame({"g": ["A", "A", "B"], "row": list("xyz"), "n": [1, 2, 3]})
    html = Table(frame, group="g").html
    assert html.count('scope="rowgroup"') == 2
    assert '<th scope="col">g</th>' not in html


def test_a_number_stays_on_its_line_and_a_minus_is_one_in_cells_and_notes(shown):
    frame = pd.DataFrame({"a": ["x"], "b": ["-0.3 (-1.0 to 0.4), P .149"], "c": ["5.0% (± 0.4)"]})
    table = Table(frame, notes=("From -0.29 to 1.51 (see the follow-up).",))
    show(table, name="a", caption="b", evidence="derived")
    assert "−0.3 (−1.0\u00a0to\u00a00.4), P\u00a0.149" in table.html
    assert "5.0% (±\u00a00.4)" in table.html
    assert shown[0][MIME]["notes"] == ["From −0.29 to 1.51 (see the follow-up)."]
    assert "From −0.29" in shown[0]["text/html"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ci(0.844, 0.6, 1.166), "0.84 (0.60 to 1.17)"),
        (ci(4.2, 3.5, inf, 1), "4.2 (3.5 to not reached)"),
        (span(-0.04, nan, 1), "0.0 to NA"),
        (percent(0.6618), "66.2%"),
        (minus("-0.3 (-0.5 to -.1), 12-month"), "−0.3 (−0.5 to −.1), 12-month"),
        (spell(["PALMIRA", "PACE", "MAINTAIN"]), "PALMIRA, PACE and MAINTAIN"),
    ],
)
def test_tables_write_numbers_one_way(text, expected):
    assert text == expected
