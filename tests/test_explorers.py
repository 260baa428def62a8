"""Explorers: in a browser without a network they show what Python computes, to the last digit."""

from itertools import product
from math import exp, log, sqrt

import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time
from scipy.stats import norm

from palmira.readings.evidence_synthesis import choose, trial_effects
from palmira.readings.spread import spreads
from palmira.readings.subgroups import subgroups
from palmira.readings.three_readings import reading
from palmira.record import DATA, comparators
from palmira.simulation.sample_size import detectable_hazard_ratio, schoenfeld_power
from palmira.statistics.contrasts import CODINGS, lung_under
from palmira.statistics.estimates import critical, p_text
from palmira.statistics.pooling import pool
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.teaching.explorers.panel import Control, Explorer, Shown
from palmira.teaching.explorers.scale_explorer import MAIN

PAGE = "notebooks/explorers.html"
NAMES = ("power", "scale", "pool", "curve")
# Sets the controls of an explorer, again and again, and reads what a reader sees.
READ = """
([name, settings]) => {
  const form = document.querySelector(`#explorers-${name}-explorer form`);
  const inputs = [...form.querySelectorAll("input, select")];
  const shown = (input) => input.type === "checkbox" ? input.checked
    : input.type === "range" ? form.querySelector(`output[for="${input.id}"]`).innerText
    : input.selectedOptions[0].text;
  return settings.map((setting) => {
    setting.forEach((at, i) => {
      if (inputs[i].type === "checkbox") inputs[i].checked = at === 1;
      else if (inputs[i].type === "range") inputs[i].value = at;
      else inputs[i].selectedIndex = at;
    });
    inputs[0].dispatchEvent(new Event("input", { bubbles: true }));
    const rows = [...form.querySelectorAll("tbody tr")].map((row) =>
      [row.cells[0].innerText, [...row.cells].slice(1).map((cell) => cell.innerText)]);
    return { set: inputs.map(shown), rows: Object.fromEntries(rows),
             said: form.querySelector("[role=status]").innerText,
             drawn: form.querySelectorAll("svg path, svg line, svg circle").length };
  });
}
"""


def minus(text: str) -> str:
    return text.replace("-", "−")


def sizes(page, name: str) -> list[int]:
    """Number of positions of each control."""
    return page.eval_on_selector_all(
        f"#explorers-{name}-explorer :is(input, select)",
        "all => all.map(x => x.type === 'checkbox' ? 2 : x.options ? x.options.length "
        ": Number(x.max) + 1)",
    )


def seen(page, name: str, every: int = 1) -> list[dict]:
    """What is read at each ``every``-th setting of an explorer."""
    settings = list(product(*(range(n) for n in sizes(page, name))))[::every]
    found = page.evaluate(READ, [name, [list(s) for s in settings]])
    assert len(found) >= 50
    return found


@pytest.fixture(scope="module")
def explored(window, place):
    """The page of the explorers, for tests that set all that they read."""
    with window(f"{place}/{PAGE}") as page:
        yield page


@pytest.fixture(scope="module")
def trials(palmira):
    return {"palmira": palmira} | comparators()


def power_of(set_: list) -> dict[str, str]:
    """The first explorer's numbers, by the normal law on the log scale."""
    hr, events = float(set_[0].split(",")[0]), int(set_[1].split(",")[0])
    ratio = float(set_[2].split(":")[0])
    se = (1 + ratio) / sqrt(events * ratio)
    spread = {q: exp(norm.ppf(q, log(hr), se)) for q in (0.025, 0.25, 0.75, 0.975)}
    most, half = (f"{spread[q]:.2f} to {spread[1 - q]:.2f}" for q in (0.025, 0.25))
    found = detectable_hazard_ratio(events, 0.8, ratio=ratio)
    return {
        "Power (two-sided 5% level)": f"{100 * schoenfeld_power(events, hr, ratio=ratio):.1f}%",
        "Observed hazard ratios, middle 95% of trials": most,
        "Observed hazard ratios, middle half of trials": half,
        "Trials with an observed hazard ratio below 1": f"{100 * norm.cdf(0, log(hr), se):.1f}%",
        "Significant if the observed hazard ratio is at most": f"{exp(norm.ppf(0.025) * se):.2f}",
        "True hazard ratio found with 80% power": f"{found:.2f}",
    }


def scale_of(palmira) -> dict[str, tuple]:
    """Log ratio and standard error under the usual coding, with the three readings, by name."""
    cells = {f"PALMIRA, {name}": cell for name, cell in MAIN.items()}
    of_factors = [s for s in subgroups(palmira) if s.factor]
    cells |= {f"PALMIRA, {s.name}": f"figure3.{s.row}.hazard_ratio" for s in of_factors}
    found = {}
    for name, cell in cells.items():
        one = reading(palmira, cell)
        se = sqrt(2) * one.ways.printed_se
        found[name] = (sqrt(2) * log(one.ways.printed.value), se, one.texts)
    return found


def coded(beta: float, se: float, coding) -> dict[str, str]:
    b, s = beta / coding.divisor, se / coding.divisor
    low, up = (exp(b + z * critical(95) * s) for z in (-1, 1))
    p = p_text(2 * norm.sf(abs(b / s)))
    return {
        "Hazard ratio that is printed, with 95% interval": f"{exp(b):.2f} ({low:.2f} to {up:.2f})",
        "Log hazard ratio": minus(f"{b:.3f}"),
        "Its standard error": f"{s:.3f}",
        "z": minus(f"{b / s:.2f}"),
        "P": p,
    }


@pytest.mark.slow
@pytest.mark.site
def test_power_and_spread_are_those_of_the_normal_law(explored):
    for found in seen(explored, "power", 13):
        assert {k: v[0] for k, v in found["rows"].items()} == power_of(found["set"])
        assert found["drawn"] > 3


@pytest.mark.slow
@pytest.mark.site
def test_each_coding_prints_the_same_data_divided_by_its_step(explored, palmira):
    known = scale_of(palmira)
    public = lung_under("treatment")
    for found in seen(explored, "scale"):
        data, coding = found["set"]
        chosen = next(c for c in CODINGS.values() if coding.startswith(f"{c.label} ("))
        beta, se, texts = known.get(data, (public.coefficient, public.se, None))
        rows = {k: v[0] for k, v in found["rows"].items()}
        assert coded(beta, se, chosen).items() <= rows.items(), data
        readings = [v for k, v in rows.items() if k.startswith("The paper's ratio")]
        kinds = ("printed", "neutral", "conditional")
        assert readings == ([texts[k] for k in kinds] if texts else ["–"] * 3)


@pytest.mark.slow
@pytest.mark.site
def test_the_pool_is_that_of_the_trials_that_are_in(explored, trials):
    effects = trial_effects(trials)
    names = {"printed": "published", "neutral": "derived", "conditional": "conditional"}
    for found in seen(explored, "pool"):
        *inside, entering, model = found["set"]
        chosen = [r.trial for r, taken in zip(trials.values(), inside, strict=True) if taken]
        rows = {k: v[0] for k, v in found["rows"].items()}
        if len(chosen) < 2:
            assert set(rows.values()) == {"–"} and found["said"].startswith("One trial is no pool")
            assert found["drawn"] == 0
            continue
        method = "FE" if model.startswith("Fixed") else "REML"
        pools = []
        for name in names:
            mine = choose(effects[effects["trial"].isin(chosen)], name)
            pools.append(pool(mine["log_hazard_ratio"], mine["se"], method, "Knapp" in model))
        wanted = pools[[f"({n})" in entering for n in names.values()].index(True)]
        assert rows["Pooled hazard ratio, with 95% interval"] == wanted.ratio.text()
        assert rows["I², %"] == f"{wanted.i2:.0f}"
        same = [v for k, v in rows.items() if k.startswith("The same pool")]
        assert same == [p.ratio.text() for p in pools]
        if wanted.prediction_ratio:
            e = wanted.prediction_ratio
            limits = f"{e.lower:.2f} to {e.upper:.2f}"
            assert rows["Prediction interval for a new trial"] == limits
        assert wanted.ratio.text() in found["said"]


@pytest.mark.slow
@pytest.mark.site
def test_the_curve_is_that_of_the_invented_patients(explored):
    ensemble = spreads()
    arms = {"palbociclib": 1, "et": 2}
    fits = {}
    for scale, number in product(("full", "neutral"), arms.values()):
        adtte = pd.read_csv(DATA / "twin" / scale / "adtte.csv")
        mine = adtte[(adtte["PARAMCD"] == "PFS") & (adtte["TRT01PN"] == number)]
        fits[scale, number] = mine, KaplanMeierFitter().fit(mine["AVAL"], mine["CNSR"] == 0)
    for found in seen(explored, "curve"):
        twin, month = found["set"]
        scale, day = "full" if twin.startswith("Cond") else "neutral", float(month) * DAYS_PER_MONTH
        rows, heights, means = found["rows"], [], []
        for column, (arm, number) in enumerate(arms.items()):
            patients, fit = fits[scale, number]
            height = float(fit.predict(day))
            mean = restricted_mean_survival_time(fit, day)
            heights.append(height)
            means.append(mean / DAYS_PER_MONTH)
            assert rows["Free of progression and alive"][column] == f"{100 * height:.1f}%"
            assert rows["At risk"][column] == str((patients["AVAL"] >= day).sum())
            shown = rows["Restricted mean to then, months"][column]
            assert shown == f"{mean / DAYS_PER_MONTH:.2f}"
            band = ensemble[scale].bands[arm].at(float(month))
            limits = (
                rows["Range over twins, an inner bound"][column].removesuffix("%").split(" to ")
            )
            low, high = map(float, limits)
            # The twin that is drawn is one of the range.
            assert low == pytest.approx(100 * min(band["low"], height), abs=0.051)
            assert high == pytest.approx(100 * max(band["high"], height), abs=0.051)
            ci = fit.confidence_interval_.iloc[fit.timeline.searchsorted(day, "right") - 1]
            if height > 1e-9:
                limits = " to ".join(f"{100 * x:.1f}" for x in ci)
                assert rows["95% sampling interval"][column] == f"{limits}%"
        gap = rows["Free of progression and alive"][2]
        assert gap == minus(f"{100 * (heights[0] - heights[1]):z.1f} points")
        assert rows["Restricted mean to then, months"][2] == minus(f"{means[0] - means[1]:z.2f}")
        assert f"at {month} months" in found["said"] and "invented" in found["said"]


@pytest.mark.slow
@pytest.mark.site
def test_nothing_is_asked_of_the_network_and_no_script_fails(open_page, place):
    page = open_page(f"{place}/{PAGE}")
    assert page.refused == [] and page.errors == []
    for name in NAMES:
        explorer = page.locator(f"#explorers-{name}-explorer")
        assert explorer.locator("svg").count() >= 1
        assert explorer.locator(".explorer-caption .evidence").count() == 1


@pytest.mark.slow
@pytest.mark.site
def test_the_keyboard_alone_sets_every_control(open_page, place):
    page = open_page(f"{place}/{PAGE}")
    for name in NAMES:
        controls = page.locator(f"#explorers-{name}-explorer form").locator("input, select")
        status = page.locator(f"#explorers-{name}-explorer [role=status]")
        controls.first.focus()
        for number in range(controls.count()):
            control = controls.nth(number)
            assert control.evaluate("x => x === document.activeElement")
            assert control.evaluate("x => x.labels.length") == 1
            before = status.inner_text()
            kind = control.get_attribute("type") or "select"
            page.keyboard.press({"checkbox": "Space"}.get(kind, "ArrowUp"))
            if status.inner_text() == before:  # at the upper end
                page.keyboard.press("ArrowDown")
            assert status.inner_text() != before, (name, number)
            if kind == "checkbox":
                page.keyboard.press("Space")
            page.keyboard.press("Tab")


@pytest.mark.slow
@pytest.mark.site
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_on_a_phone_nothing_runs_out_of_the_page(open_page, site, mode):
    page = open_page(f"{site}/{PAGE}", viewport={"width": 390, "height": 800}, color_scheme=mode)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for plot in page.locator(".explorer-plot svg").all():
        assert plot.bounding_box()["width"] <= 360


@pytest.mark.slow
@pytest.mark.site
def test_without_javascript_a_table_of_settings_is_read(open_page, place, palmira):
    page = open_page(f"{place}/{PAGE}", java_script_enabled=False)
    for name in NAMES:
        explorer = page.locator(f"#explorers-{name}-explorer")
        assert not explorer.locator("form").is_visible()
        table = explorer.locator("table.exhibit")
        assert table.is_visible() and table.locator("thead th").count() >= 4
    text = page.locator("#explorers-power-explorer table.exhibit").inner_text()
    events = int(palmira["results.pfs.events.total.count"].value)
    hr = palmira["sample_size.hazard_ratio"].value
    assert f"{100 * schoenfeld_power(events, hr, ratio=2):.1f}%" in text


@pytest.mark.slow
@pytest.mark.site
def test_the_drawing_library_is_loaded_on_this_page_only(open_page, site):
    page = open_page(f"{site}/notebooks/quiz.html")
    assert page.evaluate("typeof Plot") == "undefined"
    page = open_page(f"{site}/{PAGE}")
    assert page.evaluate("typeof Plot") == "object"


def explorer(**changed):
    shown = Shown({"a": "-1"}, {"x": 1.0})
    parts = {
        "name": "one",
        "controls": (Control("Which", ("b", "c")),),
        "settings": [shown, shown],
        "columns": ("", "Now"),
        "readout": (("A", "a"),),
        "sentence": "{a}",
        "examples": (0,),
    }
    return Explorer(**(parts | changed))


def test_an_explorer_says_what_does_not_fit():
    with pytest.raises(ValueError, match="do not fill the controls"):
        explorer(settings=[])
    with pytest.raises(ValueError, match="no text for"):
        explorer(readout=(("A", "b"),))
    with pytest.raises(ValueError, match="nothing is shown"):
        explorer(settings=[None, Shown({"a": "1"}, {"x": 1.0})])


def test_the_table_of_an_explorer_holds_every_setting_and_its_text_a_minus_sign():
    panel = explorer().panel
    assert list(panel.table.data["Which"]) == ["b", "c"]
    assert '"texts":[["−1"],["−1"]]' in panel.html
