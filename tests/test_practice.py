"""What the chapter on practice shows: a hundred patients, differences, options with sources."""

import pytest

from palmira.record import published
from palmira.statistics.proportions import risk_difference

pytestmark = pytest.mark.site


def test_the_icons_are_the_published_percents_of_a_hundred_patients(shown, palmira):
    exhibit = shown["practice-icons"]
    data = exhibit.data.set_index("arm")
    for arm in ("palbociclib", "et"):
        assert data.loc[arm, "free"] == palmira[f"results.pfs.rate_6.{arm}.estimate"].value
        severe = palmira[f"safety.teae.grade3.{arm}.percent"].printed
        assert severe.rounds_from(data.loc[arm, "severe"])
        assert data.loc[arm, "neutropenia"] <= data.loc[arm, "severe"]
    low_counts = palmira["safety.grade34.neutropenia.palbociclib.percent"].printed
    assert low_counts.rounds_from(data.loc["palbociclib", "neutropenia"])
    for text in ("42 of 100", "29 of 100", "47 of 100", "10 of 100", "39 and 0"):
        assert text in exhibit.alt
    assert exhibit.evidence == "derived"


def test_the_icons_are_drawn_for_a_phone_too(shown):
    assert len(shown["practice-icons"].element.find_all(["img", "source"])) >= 2


def test_benefit_and_harm_are_those_of_the_chapter_on_safety(said, palmira):
    for part, end in (("estimate", ""), ("lower", "_lower"), ("upper", "_upper")):
        value = palmira[f"contrasts.pfs.difference_6.{part}"].value
        assert float(said[f"practice_benefit{end}"].replace("−", "-")) == round(value)
    harm = risk_difference(64, 135, 6, 60)
    told = [said[f"practice_harm{end}"] for end in ("", "_lower", "_upper")]
    assert told == [f"{100 * x:.0f}" for x in (harm.value, harm.lower, harm.upper)]


def test_the_planned_effect_lies_outside_the_published_interval_and_inside_that_of_the_rates(
    said, palmira
):
    planned = palmira["sample_size.hazard_ratio"].value
    assert planned < palmira["contrasts.pfs.hazard_ratio.lower"].value
    rate = palmira["results.pfs.rate_6.et.estimate"].value
    assert float(said["practice_planned_rate"]) == round(100 * (rate / 100) ** planned)
    gain = float(said["practice_planned"])
    assert gain == pytest.approx(100 * (rate / 100) ** planned - rate, abs=0.51)
    assert gain < palmira["contrasts.pfs.difference_6.upper"].value
    assert float(said["practice_median"]) == 1.3


def test_every_option_has_a_published_ratio_and_a_source(shown):
    exhibit = shown["practice-options"]
    table = exhibit.plain
    assert table["Source"].str.fullmatch(r"\[(PT|PA|SEC) [\d, ]+\]").all()
    assert len(exhibit.data) == len(table) >= 14 and exhibit.evidence == "published"
    study = "EMBER-3, ESR1 mutated, imlunestrant v standard ET"
    row = exhibit.data.set_index("Study and comparison").loc[study]
    assert row["estimate"] == published("setting")["hazard_ratios.ember3.esr1.estimate"].value
    pace = exhibit.data[exhibit.data["Study and comparison"].str.startswith("PACE")].iloc[0]
    assert pace["level"] == 90 and pace["Study and comparison"].endswith("90% CI")
