"""The self-test as the chapter shows it: what is drawn is what was counted."""

import pytest

from palmira.figures.reliability import sensitivity, shares
from palmira.tables.reliability import false_flags, found_errors, percent


def counted(count, of):
    share = count / of if of else None
    low, high = (0.9 * share, min(1, 1.1 * share)) if of else (None, None)
    return {"count": count, "of": of, "share": share, "lower": low, "upper": high}


@pytest.fixture
def result():
    def found(raw, redundant, visible):
        by = {"A1 inconsistent": raw[0], "C3 impossible": 1}
        return {"raw": counted(*raw), "changed_and_redundant": counted(*redundant),
                "visible": counted(*visible), "found_by": by, "raised": {}}  # fmt: skip

    none = {k: counted(0, 50) for k in ("inconsistent", "impossible", "raised")}
    one = none | {"inconsistent": counted(1, 25)}
    return {
        "seed": 1, "papers": 50,
        "clean": {"all": none, "by_style": {"half up": none, "cut off": one}},
        "errors": {"all": found((30, 60), (30, 50), (30, 40)),
                   "a slip": found((20, 30), (20, 25), (20, 22)),
                   "an error nobody can see": found((0, 30), (0, 25), (0, 0))},
    }  # fmt: skip


def test_every_planted_error_has_a_row_for_each_share(result):
    data = shares(result)
    assert len(data) == 2 * len(result["errors"])
    slip = data[(data["error"] == "a slip") & (data["kind"] == "visible")].iloc[0]
    assert slip["share"] == pytest.approx(100 * 20 / 22)


def test_the_picture_says_the_shares_in_words(result):
    picture = sensitivity(result)
    assert "75.0%" in picture.alt and "50.0%" in picture.alt and "a slip" in picture.alt


def test_a_share_of_nothing_is_no_share(result):
    table = found_errors(result).frame.set_index("Planted error")
    last = "Found of those that could be seen"
    assert table.loc["an error nobody can see", last] == "none"
    assert table.loc["a slip", "Mainly by"] == "A1, C3"
    assert percent(counted(0, 50)).startswith("0 of 50: 0.0%")


def test_clean_papers_are_listed_by_the_way_they_round(result):
    table = false_flags(result).frame
    assert list(table["How the paper rounds"]) == ["all clean papers", "half up", "cut off"]
    assert table.iloc[2]["Wrongly inconsistent"].startswith("1 of 25")


def test_the_checks_that_found_errors_are_named_in_words(result):
    table = found_errors(result)
    used = {c for cell in table.frame["Mainly by"] for c in cell.split(", ")}
    assert used == {"A1", "C3"}
    assert all(f"{check}: is each" in table.notes[0] for check in used)
    result["errors"] = {"an SE over sqrt 2, one row": result["errors"]["a slip"]}
    assert found_errors(result).frame["Planted error"].tolist() == ["an SE over √2, one row"]
