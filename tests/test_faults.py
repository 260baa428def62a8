"""What may go wrong outside: broken files, and programs killed at any moment."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from palmira.record import DATA, load
from palmira.schema import RecordError

PALMIRA = (DATA / "published" / "palmira.yaml").read_text(encoding="utf-8")
SMALL = Path(__file__).parent / "small_record.yaml"
LEAST = ("randomized", "pfs.events", "pfs.median")
FIRST = "id: randomized.et, label: Patients randomly assigned, cell: n, arm: et"


def swap(old, new):
    assert old in PALMIRA, old
    return PALMIRA.replace(old, new, 1)


BROKEN = {
    "empty": "",
    "a list": "- trial: PALMIRA\n",
    "a word": "PALMIRA",
    "cut in half": PALMIRA[: len(PALMIRA) // 2],
    "cut in a word": PALMIRA[: PALMIRA.index("Hormone receptor") + 4],
    "a tab": swap("  palbociclib: {label", "\tpalbociclib: {label"),
    "a bracket lost": swap('values: ["2:1"]', 'values: ["2:1"'),
    "a brace lost": swap('values: ["198"], same_as: results.randomized}', 'values: ["198"]'),
    "a quote lost": swap('values: ["198"]', 'values: ["198]'),
    "a colon lost": swap("title: Palbociclib", "title Palbociclib"),
    "a comma lost": swap('cell: n, arm: total, unit', "cell: n arm: total, unit"),
    "a key twice": swap("trial: PALMIRA\n", "trial: PALMIRA\ntrial: PALMIRA\n"),
    "an alias without anchor": swap("<<: *abs_median", "<<: *abs_mean"),
    "no rows": PALMIRA[: PALMIRA.index("blocks:")],
    "a misspelled key": swap("measure: allocation", "mesure: allocation"),
    "a number without quotes": swap('values: ["2:1"]', "values: [2.1]"),
    "an unknown arm": swap(FIRST, FIRST.replace("arm: et", "arm: etx")),
    "an unknown source": swap("source: [jco]", "source: [jcox]"),
    "a value too many": swap('values: ["198"]', 'values: ["198", "199"]'),
    "no value": swap('values: ["198"]', "values: []"),
    "an id in capitals": swap("id: eligibility.stable_disease", "id: Eligibility stable"),
    "an entry twice": swap("id: randomized.et, label: Patients", "id: randomized.total, label: P"),
    "a word for a number": swap('values: ["198"]', 'values: ["many"]'),
    "a dangling reference": swap("same_as: results.pfs.median", "same_as: results.pfs.mean"),
}  # fmt: skip


def refusal(path):
    with pytest.raises(RecordError) as error:
        load(path)
    message = str(error.value)
    assert str(path) in message and "Mend:" in message and "\n" not in message
    return message


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_record_is_refused_by_file_and_mend(tmp_path, fault):
    path = tmp_path / "record.yaml"
    path.write_text(BROKEN[fault], encoding="utf-8")
    refusal(path)


def test_a_file_of_bytes_or_a_folder_is_refused(tmp_path):
    (tmp_path / "bytes.yaml").write_bytes(bytes(range(256)))
    refusal(tmp_path / "bytes.yaml")
    (tmp_path / "folder.yaml").mkdir()
    refusal(tmp_path / "folder.yaml")


def killed(command, seconds, **settings):
    """Start a program in a group of its own and kill all of it after a while."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        **settings,
    )  # fmt: skip
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_twin_killed_at_any_moment_leaves_no_half_and_the_next_is_the_same(tmp_path):
    moments, out, whole = random.Random(2026), tmp_path / "out", tmp_path / "whole"
    lines = SMALL.read_text("utf-8").splitlines(keepends=True)
    record = tmp_path / "record.yaml"
    record.write_text("".join(x for x in lines if "- {id" not in x or any(
        f"id: {name}," in x for name in LEAST)), "utf-8")  # fmt: skip
    command = [Path(sys.executable).with_name("palmira"), "twin", record, "--quick", "--out"]
    start = time.monotonic()
    subprocess.run([*command, whole], check=True, capture_output=True)
    lasts = time.monotonic() - start
    files = {p.name: p.read_bytes() for p in whole.iterdir()}
    for _ in range(3):
        killed([*command, out], moments.uniform(0, lasts))
        assert not out.exists() or {p.name: p.read_bytes() for p in out.iterdir()} == files
    subprocess.run([*command, out], check=True, capture_output=True)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == files
    assert {p.name for p in tmp_path.iterdir()} == {"out", "whole", "record.yaml"}
