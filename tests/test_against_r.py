"""The package's analyses on public data agree with R, whose numbers are in r_reference.csv."""

import runpy
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
BENCHMARK = runpy.run_path(str(ROOT / "benchmarks" / "against_r.py"))
KEYS = BENCHMARK["KEYS"]


REFERENCE = pd.read_csv(BENCHMARK["REFERENCE"], comment="#")


@pytest.fixture(scope="module")
def ours():
    return {key[:3]: key[3] for key in BENCHMARK["in_python"]()}


def test_every_number_of_the_reference_is_computed_and_no_other(ours):
    assert set(ours) == set(REFERENCE[KEYS].itertuples(index=False, name=None))


@pytest.mark.parametrize("what", sorted(set(REFERENCE["what"])))
def test_an_analysis_agrees_with_r(ours, what):
    for row in REFERENCE[REFERENCE["what"] == what].itertuples(index=False):
        gap = abs(ours[row.data, row.what, row.part] - row.value)
        assert gap <= BENCHMARK["allowed"](row.part, row.value), row


@pytest.mark.parametrize(
    ("part", "value", "limit"),
    [("chi-square", 10.0, 1e-7), ("tau2", 0.3, 1e-4), ("sex coefficient", -0.5, 1e-6)],
)
def test_coefficients_and_errors_are_held_closer_than_heterogeneity(part, value, limit):
    assert BENCHMARK["allowed"](part, value) == pytest.approx(limit)
