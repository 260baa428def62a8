"""The self-test of the audit: its papers are what they say, its errors are where it says."""

import json
from math import isnan, log

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import yaml
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times
from statsmodels.duration.survfunc import survdiff

from palmira.audit.selftest.errors import ERRORS, plant
from palmira.audit.selftest.papers import draw_paper
from palmira.audit.selftest.printing import STYLES, printed
from palmira.audit.selftest.relations import box
from palmira.audit.selftest.simulated_trial import draw_trial
from palmira.audit.selftest.small_trials import Curve, cox, log_rank_p, logistic
from palmira.audit.selftest.study import OUTPUT, examine, outcomes, save, share, summary
from palmira.record import load
from palmira.statistics import proportions, survival

pytestmark = pytest.mark.slow

SEED = 7
PAPERS = range(12)


@pytest.fixture(scope="module")
def papers():
    return [draw_paper(SEED, k) for k in PAPERS]


@pytest.fixture(scope="module")
def planted(papers):
    found = [
        (paper, plant(error, paper, np.random.default_rng([SEED, k, i])))
        for k, paper in enumerate(papers)
        for i, error in enumerate(ERRORS)
    ]
    return [(paper, p) for paper, p in found if p is not None]


@pytest.fixture(scope="module", params=range(4))
def trial(request):
    """A simulated trial; its times are days, so that some are tied."""
    return draw_trial(np.random.default_rng([SEED, request.param]))


def covariates(trial):
    return np.column_stack([trial.arm, *(f.dummies() for f in trial.strata)])


def test_the_fast_cox_model_is_that_of_the_book(trial):
    design = covariates(trial)
    names = [f"x{k}" for k in range(design.shape[1])]
    frame = pd.DataFrame(design, columns=names).assign(**trial.pfs._asdict())
    book = survival.cox(frame, "time", "event", names, "efron")
    fast = cox(*trial.pfs, design)
    assert fast.beta == pytest.approx(book.log_hazard_ratio.to_numpy(), abs=1e-6)
    assert fast.se == pytest.approx(book.se.iloc[0], abs=1e-7)


def test_the_fast_cox_model_agrees_with_r_on_the_book_of_therneau_and_grambsch():
    time, event, x = (
        np.array(v, float) for v in ([9, 1, 1, 6, 6, 8], [1, 1, 0, 1, 1, 0], [0, 1, 1, 1, 0, 0])
    )
    fit = cox(time, event, x[:, None])
    assert (fit.log, fit.se**2) == (
        pytest.approx(1.6768575, abs=1e-7),
        pytest.approx(1.6323016, abs=1e-7),
    )


def test_the_fast_log_rank_test_is_that_of_statsmodels(trial):
    strata = trial.strata[0].codes * 10 + trial.strata[1].codes
    data = (*trial.pfs, trial.arm)
    assert log_rank_p(*data, 0 * strata) == pytest.approx(survdiff(*data)[1], abs=1e-12)
    assert log_rank_p(*data, strata) == pytest.approx(survdiff(*data, strata=strata)[1], abs=1e-12)


def test_the_fast_curve_is_that_of_lifelines(trial):
    curve = Curve.of(*trial.pfs)
    fit = KaplanMeierFitter().fit(*trial.pfs)
    limits = median_survival_times(fit.confidence_interval_).to_numpy()[0]
    expected = [x if np.isfinite(x) else np.nan for x in (fit.median_survival_time_, *limits)]
    median = curve.median(95)
    found = [median.value, median.lower, median.upper]
    assert found == pytest.approx(expected, nan_ok=True)
    assert curve.at(183).survival == pytest.approx(fit.predict(183))


def test_the_odds_ratio_is_that_of_statsmodels_and_raw_that_of_woolf(trial):
    design = covariates(trial)
    other = sm.Logit(trial.benefited, sm.add_constant(design)).fit(disp=0)
    fit = logistic(trial.benefited, design)
    assert (fit.log, fit.se) == (pytest.approx(other.params[1]), pytest.approx(other.bse[1]))
    raw = logistic(trial.benefited, trial.arm[:, None])
    counts = [int(f(trial.benefited[trial.arm == a])) for a in (1, 0) for f in (np.sum, len)]
    woolf, se, p = proportions.odds_ratio(*counts)
    assert (raw.log, raw.se, raw.p) == tuple(map(pytest.approx, (log(woolf.value), se, p)))


@pytest.mark.parametrize(
    ("mode", "texts"),
    [
        ("half up", ["6.3", "-0.1", "0.0"]),
        ("half even", ["6.2", "-0.1", "0.0"]),
        ("cut off", ["6.2", "0.0", "0.0"]),
    ],
)
def test_a_number_is_printed_in_the_papers_way(mode, texts):
    assert [printed(x, 1, mode) for x in (6.25, -0.06, 0.04)] == texts
    assert printed(float("nan"), 1, mode) == "NA"


def test_every_style_and_every_kind_of_row_is_drawn():
    styles = {draw_paper(SEED, k).draft.style.name for k in range(40)}
    assert styles == set(STYLES)
    assert sum(s[0] for s in STYLES.values()) == pytest.approx(1)


def test_a_synthetic_paper_is_a_record_that_the_loader_takes(papers, tmp_path):
    path = tmp_path / "paper.yaml"
    path.write_text(yaml.safe_dump(papers[0].sheet, sort_keys=False), encoding="utf-8")
    assert load(path).entries == papers[0].record.entries
    measures = {e.measure for e in papers[0].record.entries.values()}
    assert measures >= {
        "count",
        "events",
        "median",
        "rate",
        "difference",
        "hazard ratio",
        "odds ratio",
        "response rate",
        "P",
        "date",
        "allocation",
    }


def test_the_same_number_of_a_seed_is_always_the_same_paper():
    assert draw_paper(SEED, 3).sheet == draw_paper(SEED, 3).sheet
    assert draw_paper(SEED, 3).sheet != draw_paper(SEED, 4).sheet


def test_every_printed_number_of_a_clean_paper_is_its_true_value_rounded_or_cut_off(papers):
    for paper in papers:
        numbers = {i for i, e in paper.record.entries.items() if e.printed and e.part != "level"}
        assert numbers == set(paper.draft.truth)
        for id in numbers:
            low, high = box(paper.record[id])
            truth = paper.draft.truth[id]
            assert isnan(low) == isnan(truth)
            assert isnan(low) or low - 1e-9 <= truth <= high + 1e-9, id


def test_every_relation_holds_in_a_clean_paper(papers):
    for paper in papers:
        assert len({x.name for x in paper.relations}) > 15
        assert not [x for x in paper.relations if not x.holds(paper.record)]


def test_every_error_finds_a_place_and_touches_nothing_else(planted):
    assert {p.case.error for _, p in planted} == set(ERRORS)
    for paper, p in planted:
        clean, found = paper.record.entries, p.record.entries
        assert found.keys() == clean.keys()
        assert {i for i in found if found[i].text != clean[i].text} == set(p.case.touched)


def test_an_error_that_changes_no_digit_beyond_rounding_cannot_be_seen(planted):
    cases = [p.case for _, p in planted]
    assert not [c for c in cases if c.visible and not (c.changed and c.redundant)]


@pytest.mark.parametrize(
    "error",
    [
        "a count off by one",
        "a percent of another row",
        "swapped limits",
        "an SE over sqrt 2, all rows",
        "a subgroup row with another arm's events",
    ],
)
def test_these_errors_can_always_be_seen(planted, error):
    assert all(p.case.visible for _, p in planted if p.case.error == error)


def test_an_inverted_odds_ratio_cannot_be_seen_where_no_reference_arm_is_stated(planted):
    for paper, p in planted:
        if p.case.error == "an odds ratio inverted" and p.case.visible:
            assert paper.record["contrasts.cbr.odds_ratio.estimate"].reference == "control"


def test_a_share_has_the_exact_interval():
    assert share(0, 2000) == {"count": 0, "of": 2000, "share": 0, "lower": 0, "upper": 0.0018}
    assert share(0, 0)["upper"] is None


def test_the_result_is_the_same_for_any_number_of_workers():
    assert list(outcomes(2, SEED, 1, workers=2)) == [examine(k, SEED, 1) for k in range(2)]


def test_a_short_run_finds_most_errors_that_can_be_seen(tmp_path):
    result = summary([examine(k, SEED, 2) for k in range(4)], SEED, 2)
    save(result, tmp_path / "a" / "selftest.json")
    assert json.loads((tmp_path / "a" / "selftest.json").read_text(encoding="utf-8")) == result
    assert set(result["errors"]) == {"all", *ERRORS}
    assert result["errors"]["all"]["visible"]["share"] > 0.5
    assert result["clean"]["all"]["impossible"]["count"] == 0


def test_the_full_run_keeps_the_promises_of_the_audit():
    result = json.loads(OUTPUT.read_text(encoding="utf-8"))
    clean, errors = result["clean"]["all"], result["errors"]["all"]
    assert result["papers"] >= 2000
    assert clean["inconsistent"]["upper"] <= 0.01
    assert clean["impossible"]["count"] == clean["raised"]["count"] == 0
    assert errors["visible"]["share"] >= 0.95
    assert set(result["errors"]) == {"all", *ERRORS}
