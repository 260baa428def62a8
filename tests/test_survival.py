"""Cox models agree with R survival's published results."""

import pandas as pd
import pytest
from lifelines import datasets

from palmira.statistics.survival import cox

# Therneau and Grambsch's first test data set.
TEST1 = pd.DataFrame(
    {"time": [9, 1, 1, 6, 6, 8], "status": [1, 1, 0, 1, 1, 0], "x": [0, 1, 1, 1, 0, 0]}
)
ROSSI = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]


@pytest.mark.parametrize(
    ("ties", "beta", "variance"),
    [("breslow", 1.4752849, 1.5768689), ("efron", 1.6768575, 1.6323016)],
)
def test_ties_are_handled_as_therneau_and_grambsch_work_them_out_by_hand(ties, beta, variance):
    fit = cox(TEST1, "time", "status", ["x"], ties)
    assert fit.log_hazard_ratio["x"] == pytest.approx(beta, abs=5e-7)
    assert fit.se["x"] ** 2 == pytest.approx(variance, abs=5e-7)


def test_women_with_lung_cancer_survive_longer_as_r_has_it():
    fit = cox(datasets.load_lung(), "time", "status", ["sex"], "efron")
    assert fit.log_hazard_ratio["sex"] == pytest.approx(-0.53102354, abs=5e-8)
    assert fit.se["sex"] == pytest.approx(0.16717858, abs=5e-8)


@pytest.mark.parametrize(
    ("covariate", "beta", "se"),
    [("fin", -0.37942217, 0.19137948), ("prio", 0.09149708, 0.02864855)],
)
def test_the_recidivism_model_with_seven_covariates_agrees_with_r(covariate, beta, se):
    fit = cox(datasets.load_rossi(), "week", "arrest", ROSSI, "efron")
    assert fit.log_hazard_ratio[covariate] == pytest.approx(beta, abs=5e-8)
    assert fit.se[covariate] == pytest.approx(se, abs=5e-8)


def test_another_rule_of_ties_or_a_missing_column_is_refused():
    with pytest.raises(ValueError, match="exact"):
        cox(TEST1, "time", "status", ["x"], "exact")
    with pytest.raises(ValueError, match="age"):
        cox(TEST1, "time", "status", ["age"], "efron")
