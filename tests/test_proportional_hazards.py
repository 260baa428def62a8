"""Score tests of proportional hazards: the derivatives of the likelihood, and any order of rows."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy.optimize import approx_fprime

from palmira.statistics.proportional_hazards import GLOBAL, score_tests, transformed
from palmira.statistics.survival import PRECISE


def trial(rng, tied):
    n = 80
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(size=n)])
    t = rng.exponential(np.exp(-0.5 * x[:, 0]))
    t = np.ceil(t * 8) if tied else t
    event = rng.random(n) < 0.75
    columns = {"time": t, "event": event.astype(float), "arm": x[:, 0], "age": x[:, 1]}
    return pd.DataFrame(columns)


def fitted(frame):
    return CoxPHFitter().fit(frame, "time", "event", fit_options=PRECISE).params_


def log_likelihood(frame, transform, parameters):
    """Efron's partial likelihood with the products of the covariates and time."""
    t, d = frame["time"].to_numpy(), frame["event"].to_numpy() > 0
    x = frame[["arm", "age"]].to_numpy()
    late = transformed(t, d, transform)
    late = late - late[d].mean()
    beta, theta = np.split(parameters, 2)
    total = 0.0
    for now in np.unique(t[d]):
        tied, at_risk = d & (t == now), t >= now
        linear = x @ (beta + theta * late[tied][0])
        deaths = tied.sum()
        total += linear[tied].sum()
        for done in range(deaths):
            total -= np.log(np.exp(linear) @ (at_risk - done / deaths * tied))
    return total


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log"])
def test_a_score_test_is_the_slope_of_the_likelihood_over_its_curvature(transform, tied):
    frame = trial(np.random.default_rng(5), tied)
    beta = fitted(frame)
    found = score_tests(frame, "time", "event", beta, transform)
    at = np.concatenate([beta, np.zeros(2)])

    def slope(parameters):
        return approx_fprime(parameters, lambda p: log_likelihood(frame, transform, p), 1e-6)

    score = slope(at)[2:]
    curvature = -np.array([(slope(at + h) - slope(at - h)) / 2e-4 for h in 1e-4 * np.eye(4)])
    left = np.linalg.inv(np.linalg.inv(curvature)[2:, 2:])
    assert found.loc[GLOBAL, "chi_square"] == pytest.approx(
        score @ np.linalg.solve(left, score), rel=2e-3
    )
    for k, name in enumerate(("arm", "age")):
        some = [0, 1, 2 + k]
        alone = np.linalg.inv(np.linalg.inv(curvature[np.ix_(some, some)])[2:, 2:])
        assert found.loc[name, "chi_square"] == pytest.approx(score[k] ** 2 / alone[0, 0], rel=2e-3)


@pytest.mark.parametrize("transform", ["km", "rank", "identity"])
def test_the_order_of_patients_with_one_time_does_not_matter(transform):
    frame = trial(np.random.default_rng(8), tied=True)
    beta = fitted(frame)
    shuffled = frame.sample(frac=1, random_state=1)
    one, other = (score_tests(f, "time", "event", beta, transform) for f in (frame, shuffled))
    pd.testing.assert_frame_equal(one, other)


def test_another_transform_is_refused():
    frame = trial(np.random.default_rng(1), tied=False)
    with pytest.raises(ValueError, match="use km, rank"):
        score_tests(frame, "time", "event", fitted(frame), "square")
