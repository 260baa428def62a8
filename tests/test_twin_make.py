"""The command that makes a twin: what it refuses, and how a stopped run goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from palmira.cli import main
from palmira.record import DATA, load
from palmira.twin.adam import store
from palmira.twin.adam.conformance import validate
from palmira.twin.search.make import Stages
from palmira.twin.search.problem import pfs_problem
from palmira.twin.verify.recompute import verify

pytestmark = pytest.mark.slow

SMALL = Path(__file__).with_name("small_record.yaml")
LEAST = ["randomized", "pfs.events", "pfs.median"]
MORE = ["pfs.rate", "os.events", "on_treatment", "age.lt65", "age.ge65"]


def record_of(folder, rows, replace=()):
    """The small record with some of its rows, and words replaced, as a file."""
    lines = SMALL.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(x for x in lines if "- {id" not in x or any(f"id: {r}," in x for r in rows))
    for old, new in replace:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = folder / "record.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def twin(record, out, *options):
    return main(["twin", str(record), "--out", str(out), "--seed", "3", "--quick", *options])


@pytest.mark.parametrize(
    ("rows", "parameters"),
    [
        (LEAST, {"PFS"}),
        (["randomized", "pfs.events", "pfs.rate"], {"PFS"}),
        ([*LEAST, "os.events"], {"PFS", "OS"}),
        ([*LEAST, "on_treatment"], {"PFS", "TRTDUR"}),
        ([*LEAST, "age.lt65", "age.ge65"], {"PFS"}),
        (LEAST + MORE, {"PFS", "OS", "TRTDUR"}),
    ],
)
def test_arm_sizes_events_and_medians_or_rates_are_enough(tmp_path, capsys, rows, parameters):
    path = record_of(tmp_path, rows)
    assert twin(path, tmp_path / "twin") == 0
    said = capsys.readouterr().out
    record, frames = load(path), store.read(tmp_path / "twin")
    validate(frames, record)
    numbers = verify(frames, record, "neutral")
    assert len(numbers) >= 10 and numbers["status"].eq("to be met").all()
    assert numbers.loc[numbers["within"] != "yes", "id"].tolist() == []
    assert set(frames["adtte"]["PARAMCD"]) == parameters
    assert frames["adrs"].empty and frames["adae"].empty
    assert ("overall survival" in said) == ("OS" not in parameters)
    assert "Dates are nominal and count from 1960-01-01" in said
    assert frames["adsl"]["RANDDT"].between("1960-01-01", "1969-12-31").all()


@pytest.mark.parametrize(
    ("rows", "lost"),
    [
        (LEAST[:2], "medians or landmark rates of PFS with their limits"),
        (LEAST[1:], "randomized"),
        (LEAST[::2], "PFS events by arm"),
    ],
)
def test_a_record_that_lacks_one_of_these_is_refused_by_name(tmp_path, capsys, rows, lost):
    assert twin(record_of(tmp_path, rows), tmp_path / "twin") == 2
    assert lost in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["record.yaml"]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        # Found among the counts by the audit: events by age do not make those of the arm.
        ("15 / 24", "14 / 24", ["age.lt65.new.events", "age.ge65.new.events", "pfs.events.new"]),
        # Found by the search: a rate whose limits need more events than there are.
        ('"45", "33"', '"45", "4"', ["pfs.rate.old.estimate", "pfs.rate.old.lower"]),
    ],
)
def test_numbers_that_no_patients_have_together_are_named_and_nothing_is_written(
    tmp_path, capsys, old, new, named
):
    if "age" in named[0]:
        pytest.importorskip("ortools")
    rows = LEAST + (MORE[-2:] if "age" in named[0] else MORE[:1])
    assert twin(record_of(tmp_path, rows, [(old, new)]), tmp_path / "twin") == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("palmira: ")]
    assert "hold together" in line and "Mend: " in line
    assert all(f"results.{name}" in line for name in named)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name[0] != ".") == ["record.yaml"]
    assert not list(tmp_path.rglob("*.csv"))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    record = record_of(tmp_path, LEAST + MORE)
    for out, seed in (("one", "3"), ("two", "3"), ("other", "4")):
        assert twin(record, tmp_path / out, "--seed", seed) == 0
    one, two, other = (
        {p.name: p.read_bytes() for p in (tmp_path / out).iterdir()}
        for out in ("one", "two", "other")
    )
    assert len(one) == 4 and one == two
    assert one["adtte.csv"] != other["adtte.csv"]


def test_ctrl_c_stops_in_mid_search_with_one_line_and_the_next_call_goes_on(tmp_path):
    out, record = tmp_path / "twin", DATA / "published" / "palmira.yaml"
    code = "import sys; from palmira.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "twin", str(record), "--out", str(out), "--quick"]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob(".twin-*/start.pickle")):
        assert run.poll() is None
        time.sleep(0.05)
    # A round of the search has begun.
    os.kill(run.pid, signal.SIGINT)
    _, said = run.communicate()
    assert run.returncode == 130
    lines = [x for x in said.splitlines() if "palmira:" in x or "Traceback" in x or "Error" in x]
    assert lines == ["palmira: stopped; the same command goes on from here."]
    assert not out.exists()
    (kept,) = tmp_path.iterdir()
    assert sorted(p.name for p in kept.iterdir()) == ["check.pickle", "start.pickle"]
    assert twin(record, out, "--seed", "1") == 0
    assert [p.name for p in tmp_path.iterdir()] == ["twin"]
    validate(store.read(out), load(record))


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
    assert (before.windows[1, 0, 0] != after.windows[1, 0, 0]).all()
    assert (before.ratios == after.ratios).all()


def test_on_the_neutral_scale_only_the_estimates_of_hazard_ratios_are_aimed_at(palmira):
    full, neutral = (pfs_problem(palmira, s).goal.ratios for s in ("full", "neutral"))
    assert (full[:, 0] == neutral[:, 0]).all()
    assert (abs(full[:, 1:]) < 10).all() and (abs(neutral[:, 1:]) >= 1e9).all()
