"""The committed twins: whole, synthetic in every line, and as close to the print as they say."""

import json
from math import log

import pytest

from palmira.readings.spread import spreads
from palmira.record import DATA
from palmira.statistics.hazard_ratios import smallest_se
from palmira.twin.adam import invariants, store
from palmira.twin.adam.store import ENSEMBLE, PROVENANCE
from palmira.twin.verify.recompute import checks, verify

pytestmark = pytest.mark.slow

MAIN = "contrasts.pfs.hazard_ratio"


@pytest.fixture(scope="module", params=["full", "neutral"])
def twin(request, palmira):
    frames = store.read(DATA / "twin" / request.param)
    return request.param, frames, verify(frames, palmira, request.param)


def test_nothing_in_a_twin_contradicts_itself(twin, palmira):
    scale, frames, _ = twin
    found = invariants.violations(frames, palmira)
    assert found.empty, (scale, found.head())


def test_a_twin_holds_as_many_checks_as_its_provenance_says(twin):
    scale, _, rows = twin
    held = checks(rows)
    said = json.loads(PROVENANCE.read_text(encoding="utf-8"))[scale]
    assert len(held) == 219
    assert int((held["holds"] == "yes").sum()) == said["checks_held"]


def test_sizes_and_events_of_all_patients_hold(twin):
    _, _, rows = twin
    counts = rows[rows["group"].isin(["Events", "Patients"]) & (rows["status"] == "to be met")]
    assert (counts["within"] == "yes").all()


def test_the_conditional_twin_prints_the_papers_hazard_ratio_on_contrasts(palmira):
    rows = verify(store.read(DATA / "twin" / "full"), palmira, "full").set_index("id")
    for part in ("estimate", "lower", "upper", "p"):
        assert rows.loc[f"{MAIN}.{part}", "within"] == "yes", part
    assert round(float(rows.loc[f"{MAIN}.estimate", "ordinary"]), 2) == 0.78


def test_the_neutral_twin_has_the_printed_ratio_with_an_interval_that_its_events_allow(palmira):
    rows = verify(store.read(DATA / "twin" / "neutral"), palmira, "neutral").set_index("id")
    assert rows.loc[f"{MAIN}.estimate", "within"] == "yes"
    lower, upper = (float(rows.loc[f"{MAIN}.{x}", "recomputed"]) for x in ("lower", "upper"))
    events = [palmira[f"results.pfs.events.{a}.count"].value for a in ("palbociclib", "et")]
    assert (log(upper) - log(lower)) / (2 * 1.959964) >= smallest_se(*events)


def test_the_ensembles_bands_hold_the_printed_rates(palmira):
    assert ENSEMBLE.exists()
    for spread in spreads().values():
        for arm in ("palbociclib", "et"):
            for month in (6, 12):
                printed = palmira[f"results.pfs.rate_{month}.{arm}.estimate"].printed
                band = spread.bands[arm].at(month)
                for height in (band["pushed_low"], band["pushed_high"]):
                    assert printed.rounds_from(100 * height, slack=1e-3)
