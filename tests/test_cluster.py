"""Neither the number of workers nor a cluster changes a number."""

from dataclasses import replace

import pandas as pd
import pytest
from dask.distributed import Client, LocalCluster
from joblib import parallel_config

from palmira.simulation.operating_characteristics import simulate
from palmira.simulation.scenario import Scenario
from palmira.simulation.studies import best_subgroup, looks
from palmira.twin.ensemble.left_open import ensemble

pytestmark = pytest.mark.slow

PLAIN = Scenario("no effect", 200, 2.0, (0.2,), (0.2,), 30.0, 6.0, tuple(range(56, 1120, 56)))
STRATIFIED = replace(
    PLAIN,
    name="rough",
    window=7,
    fatal=0.3,
    dropout=0.02,
    block=6,
    strata=((0.6, 1.0), (0.4, 2.0)),
)


@pytest.fixture(scope="module")
def cluster():
    """A Dask cluster: a scheduler and two workers, each a process, on this machine."""
    with LocalCluster(2, threads_per_worker=1, dashboard_address=None) as made, Client(made):
        yield made


@pytest.mark.parametrize(
    "study",
    [
        {},
        {"study": looks, "fractions": (0.7,)},
        {"study": best_subgroup, "factors": ((0.5, 0.5),)},
    ],
    ids=["analyses", "looks", "best"],
)
def test_simulated_trials(study, cluster):
    one, *others = (
        simulate([PLAIN, STRATIFIED], 510, 3, workers=workers, backend=backend, **study)
        for workers, backend in ((1, None), (2, None), (2, "threading"), (-1, "dask"))
    )
    for other in others:
        pd.testing.assert_frame_equal(one, other)
    assert one.groupby("scenario")["trial"].nunique().eq(510).all()


def test_an_ensemble_of_twins(palmira, cluster):
    one, two = (ensemble(palmira, "full", 3, workers, driven_from=0) for workers in (1, 2))
    with parallel_config(backend="dask"):
        assert ensemble(palmira, "full", 3, -1, driven_from=0) == one
    assert one == two and one["members"] == 3
    assert one["orderings"]["palbociclib"] > 1
