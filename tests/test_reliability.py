"""The self-test as the chapter shows it: what is drawn is what was counted."""

import pytest
from statsmodels.stats.proportion import proportion_confint

from palmira.audit.selftest.study import load_result

pytestmark = pytest.mark.site


@pytest.fixture(scope="module")
def result():
    return load_result()


def test_every_planted_error_has_a_row_for_each_share_with_its_exact_interval(shown, result):
    data = shown["reliability-found"].data
    assert len(data) == 2 * len(result["errors"])
    for row in data.itertuples():
        kind = "all" if row.error == "all errors" else row.error.replace("√2", "sqrt 2")
        counted = result["errors"][kind][row.kind]
        assert (row.found, row.of) == (counted["count"], counted["of"])
        if row.of:
            low, high = proportion_confint(row.found, row.of, method="beta")
            assert [row.lower, row.upper] == pytest.approx([100 * low, 100 * high])
            assert [low, high] == pytest.approx([counted["lower"], counted["upper"]], abs=1e-4)


def test_the_picture_says_the_shares_in_words(shown, result):
    alt = shown["reliability-found"].alt
    for kind in ("visible", "raw"):
        assert f"{100 * result['errors']['all'][kind]['share']:.1f}%" in alt


def test_the_checks_that_found_an_error_most_often_are_named(shown, result):
    table = shown["reliability-checks"].table.set_index("Planted error")
    assert len(table) == len(result["errors"])
    for error, found in result["errors"].items():
        name = "all errors" if error == "all" else error.replace("sqrt 2", "√2")
        by = {check: sum(verdicts.values()) for check, verdicts in found["found_by"].items()}
        leading = table.loc[name, "Mainly by"].split(", ")
        assert len(leading) == min(3, len(by)) and by[leading[0]] == max(by.values())


def test_clean_papers_are_listed_by_the_way_they_round(shown, result):
    exhibit = shown["reliability-flags"]
    assert list(exhibit.table["How the paper rounds"]) == [
        "all clean papers",
        *result["clean"]["by_style"],
    ]
    whole = exhibit.data.query("rounding == 'all clean papers'").set_index("verdict")
    for verdict in ("inconsistent", "impossible"):
        assert whole.loc[verdict, "flagged"] == result["clean"]["all"][verdict]["count"]
        assert whole.loc[verdict, "of"] == result["papers"]
