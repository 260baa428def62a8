"""The command that makes a twin: what it refuses, and how a stopped run goes on."""

import pytest

pytest.importorskip("numba")

from palmira.cli import main
from palmira.record import DATA
from palmira.twin.make import Stages
from palmira.twin.problem import pfs_problem


@pytest.mark.parametrize("trial", ["pace", "maintain", "postmonarch"])
def test_a_record_without_events_by_arm_is_refused_and_leaves_nothing(trial, tmp_path, capsys):
    record = DATA / "published" / f"{trial}.yaml"
    assert main(["twin", str(record), "--out", str(tmp_path / "twin")]) == 2
    assert "needs PFS events by arm" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_stage_that_was_kept_is_not_computed_again(tmp_path):
    calls = []
    stages = Stages(tmp_path / "twin", "key")
    assert stages("one", lambda: calls.append(1) or 5) == 5
    assert Stages(tmp_path / "twin", "key")("one", lambda: calls.append(1) or 6) == 5
    assert Stages(tmp_path / "twin", "other")("one", lambda: calls.append(1) or 7) == 7
    assert len(calls) == 2


def test_a_kept_stage_that_cannot_be_read_is_computed_again(tmp_path):
    stages = Stages(tmp_path / "twin", "key")
    stages("one", lambda: 5)
    (stages.folder / "one.pickle").write_bytes(b"half")
    assert stages("one", lambda: 6) == 6
    stages.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_stopped_stage_leaves_nothing_behind(tmp_path):
    stages = Stages(tmp_path / "twin", "key")

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stages("one", stop)
    assert list(tmp_path.iterdir()) == []


def test_the_goals_of_a_search_come_from_the_record(palmira, reprinted):
    before = pfs_problem(palmira, "full").goal
    changed = reprinted(palmira, figure3__age__lt65__palbociclib__median__estimate="4.3")
    after = pfs_problem(changed, "full").goal
    assert (before.windows[2, :2] != after.windows[2, :2]).all()
    assert (before.ratios == after.ratios).all()


def test_on_the_neutral_scale_only_the_estimates_of_hazard_ratios_are_aimed_at(palmira):
    full, neutral = (pfs_problem(palmira, s).goal.ratios for s in ("full", "neutral"))
    assert (full[:, :2] == neutral[:, :2]).all()
    assert (abs(full[:, 2:6]) < 10).all() and (abs(neutral[:, 2:6]) >= 1e9).all()
