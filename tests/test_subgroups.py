"""Subgroups: sums, readings, interaction and what chance does, and how they are shown."""

from dataclasses import replace
from math import exp, log, sqrt

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from palmira.estimates import two_sided_p
from palmira.figures import subgroups as figures
from palmira.hazard_ratios import smallest_se
from palmira.record import DATA, load, published
from palmira.schema import RecordError
from palmira.subgroups import READINGS, by_factor, chance, interactions, subgroups
from palmira.tables import subgroups as tables

PALMIRA = published("palmira")
LINES = subgroups(PALMIRA)
TESTS = {t.factor: t for t in interactions(LINES)}


@pytest.fixture
def altered(tmp_path):
    """The record with one printed string of the subgroup figure replaced by another."""

    def alter(old: str, new: str):
        text = (DATA / "published" / "palmira.yaml").read_text(encoding="utf-8")
        start = text.index("- id: figure3\n")
        assert text.count(old, start) == 1
        (tmp_path / "r.yaml").write_text(text[:start] + text[start:].replace(old, new, 1), "utf-8")
        return load(tmp_path / "r.yaml")

    return alter


def test_every_arms_events_and_patients_sum_over_the_levels_of_every_factor():
    whole = LINES[0]
    for levels in by_factor(LINES).values():
        for arm in (0, 1):
            assert sum(x.events[arm] for x in levels) == whole.events[arm]
            assert sum(x.n[arm] for x in levels) == whole.n[arm]
    assert tables.factor_sums(PALMIRA).data["agrees"].all()


def test_a_sum_that_fails_is_shown(altered):
    table = tables.factor_sums(altered("29 / 33 (87.9)", "28 / 33 (84.8)"))
    failed = table.data[~table.data["agrees"]]
    assert list(failed["factor"]) == ["Age"]
    assert list(table.frame["Agrees with all patients"]).count("no") == 1


def test_the_full_scale_changes_no_z_and_no_p_of_interaction():
    for test in TESTS.values():
        assert test.z["conditional"] == pytest.approx(test.z["printed"])
        assert test.p["conditional"] == pytest.approx(test.p["printed"])


def test_the_neutral_reading_makes_every_p_of_interaction_larger():
    assert all(t.p["neutral"] > t.p["printed"] for t in TESTS.values())


def test_interaction_of_age_by_hand():
    one, other = log(0.71), log(0.95)
    se = [(log(b) - log(a)) / (2 * 1.959964) for a, b in ((0.52, 0.97), (0.65, 1.4))]
    z = (one - other) / sqrt(se[0] ** 2 + se[1] ** 2)
    assert TESTS["Age"].z["printed"] == pytest.approx(z, abs=1e-6)
    neutral = sqrt(1 / 73 + 1 / 29 + 1 / 34 + 1 / 22)
    assert TESTS["Age"].z["neutral"] == pytest.approx((one - other) / neutral)
    assert TESTS["Age"].ratios["neutral"].lower == pytest.approx(
        0.71 / 0.95 * exp(-1.959964 * neutral), rel=1e-5
    )


def test_five_printed_interactions_follow_from_their_rows_and_visceral_involvement_does_not():
    assert {f for f, t in TESTS.items() if not tables.covers(t)} == {"Visceral involvement"}


@given(data=st.data())
def test_p_values_of_the_rounding_box_lie_in_the_stated_range(data):
    test = data.draw(st.sampled_from(list(TESTS.values())))
    logs, variance = [], 0.0
    for line in test.levels:
        drawn = {
            part: data.draw(st.floats(printed.low, printed.high))
            for part in ("estimate", "lower", "upper")
            if (printed := line.cells[f"hazard_ratio.{part}"].printed)
        }
        logs.append(log(drawn["estimate"]))
        variance += ((log(drawn["upper"]) - log(drawn["lower"])) / (2 * 1.959963985)) ** 2
    p = two_sided_p((logs[0] - logs[1]) / sqrt(variance))
    assert test.p_range[0] - 1e-6 <= p <= test.p_range[1] + 1e-6


def test_no_rounding_lifts_a_printed_standard_error_to_the_least_one():
    for line in LINES:
        low, high = line.se_ratio_range
        assert low < line.ways.se_ratio < high < 1
        assert line.errors["neutral"] == smallest_se(*line.events)


def test_few_events_mark_the_two_small_rows():
    assert {x.row for x in LINES if x.few} == {"endocrine.letrozole", "duration.lt12"}
    assert all(x.label in figures.few_events_note(PALMIRA) for x in LINES if x.few)


def test_a_simulated_subgroup_misses_one_at_close_to_the_nominal_rate():
    """With the least standard error, about 5% of the intervals exclude a true ratio of 1."""
    result = chance(LINES, 1.0, trials=4000, seed=1)
    assert result.excluding.mean() / 12 == pytest.approx(0.05, abs=0.01)
    assert result.excluding_printed.mean() > 2 * result.excluding.mean()
    assert result.shares(12).sum() == pytest.approx(1)


def test_simulated_levels_share_their_patients():
    """Twelve independent intervals would exclude 1 at least once in 46% of trials."""
    result = chance(LINES, 1.0, trials=4000, seed=1)
    assert (result.excluding > 0).mean() < 1 - 0.95**12 - 0.05


def test_a_common_effect_moves_intervals_and_no_interaction():
    none, common = (chance(LINES, hr, trials=2000, seed=3) for hr in (1.0, 0.6))
    assert common.excluding.mean() > 3 * none.excluding.mean()
    assert np.allclose(common.largest_z, none.largest_z)


def test_the_same_seed_gives_the_same_trials_and_another_seed_does_not():
    first, again, other = (chance(LINES, 1.0, 200, seed) for seed in (5, 5, 6))
    assert np.array_equal(first.largest_z, again.largest_z)
    assert not np.array_equal(first.largest_z, other.largest_z)


def test_levels_with_different_sums_of_events_are_not_simulated():
    lines = [replace(x, events=(x.events[0] - 1, x.events[1])) if x.row == "ecog.0" else x
             for x in LINES]  # fmt: skip
    with pytest.raises(ValueError, match="different numbers of events"):
        chance(lines, 1.0, 10)


def test_a_record_with_two_experimental_arms_has_no_subgroup_figure(tmp_path):
    sheet = yaml.safe_load((DATA / "published" / "palmira.yaml").read_text(encoding="utf-8"))
    sheet["arms"]["et"]["role"] = "experimental"
    (tmp_path / "r.yaml").write_text(
        yaml.safe_dump(sheet, allow_unicode=True, sort_keys=False), "utf-8"
    )
    with pytest.raises(RecordError, match="one experimental and one control arm"):
        subgroups(load(tmp_path / "r.yaml"))


def test_the_forest_shows_every_line_in_three_readings_and_says_which_exclude_one(altered):
    picture = figures.subgroup_forest(PALMIRA)
    assert len(picture.data) == 3 * len(LINES)
    assert set(picture.data["reading"]) == set(READINGS)
    young = next(x for x in LINES if x.row == "age.lt65")
    assert young.ways.printed.text() in picture.alt
    assert young.ways.conditional.text() in picture.alt
    assert "neutral: none" in picture.alt
    changed = figures.subgroup_forest(altered("0.71 (0.52 to 0.97)", "0.75 (0.52 to 1.08)"))
    assert "printed: none" in changed.alt
    assert 0.75 in set(changed.data["hazard_ratio"])


def test_the_picture_of_standard_errors_follows_the_record(altered):
    picture = figures.standard_error_ratios(PALMIRA)
    assert len(picture.data) == len(LINES)
    assert "13 of 13" in picture.alt
    wide = figures.standard_error_ratios(altered("0.71 (0.52 to 0.97)", "0.71 (0.40 to 1.26)"))
    assert "12 of 13" in wide.alt


def test_the_picture_of_interactions_names_the_strongest_in_three_readings():
    picture = figures.interaction_ratios(PALMIRA)
    assert len(picture.data) == 3 * len(TESTS)
    assert all(r.text() in picture.alt for r in TESTS["Age"].ratios.values())
    assert "18 of 18" in picture.alt


def test_the_picture_of_chance_says_what_is_drawn():
    result = chance(LINES, 1.0, 500)
    picture = figures.chance_counts({"No effect": result}, 12)
    assert f"{result.excluding.mean():.1f} on average" in picture.alt
    assert picture.data["share_of_trials"].sum() == pytest.approx(1)


def test_the_published_table_prints_what_the_record_holds():
    shown = tables.printed_subgroups(PALMIRA)
    assert len(shown.frame) == len(LINES)
    row = shown.data.set_index("Level").loc["Letrozole"]
    assert list(row)[1:6] == ["11 / 16 (68.8)", "6.7 (2.5 to 14)", "4 / 4 (100)",
                              "3.1 (1.6 to NA)", "0.53 (0.21 to 1.3)"]  # fmt: skip
    assert row["Interaction P"] == ""


def test_tables_of_readings_interaction_and_credibility_carry_the_computed_numbers():
    readings = tables.hazard_ratio_readings(PALMIRA)
    assert len(readings.data) == 3 * len(LINES)
    assert readings.notes[0].startswith("*")
    tested = tables.interaction_tests(PALMIRA)
    assert list(tested.frame["P printed"]) == [t.printed.text for t in TESTS.values() if t.printed]
    assert list(tested.frame["Printed P within rounding"]).count("no") == 1
    checklist = tables.credibility(PALMIRA, "planned", "elsewhere").frame["PALMIRA"]
    assert {"planned", "elsewhere"} <= set(checklist)
    least = min(t.p["neutral"] for t in TESTS.values())
    assert any(tables.p_text(least) in words for words in checklist)
