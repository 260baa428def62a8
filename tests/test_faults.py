"""What may go wrong outside: broken files, and programs killed at any moment."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from palmira.audit.selftest.study import load_result
from palmira.readings.spread import provenance, spreads
from palmira.record import DATA, load
from palmira.record.schema import RecordError
from palmira.site.measured import load as load_measured
from palmira.twin.adam.store import read

PALMIRA = (DATA / "published" / "palmira.yaml").read_text(encoding="utf-8")
SMALL = Path(__file__).parent / "small_record.yaml"
ROOT = Path(__file__).parents[1]
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
    "a comma lost": swap("cell: n, arm: total, unit", "cell: n arm: total, unit"),
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
}


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


@pytest.mark.parametrize("reader", [load, load_measured, load_result, provenance, spreads])
def test_what_cannot_be_read_is_named_with_the_mend(tmp_path, reader):
    path = tmp_path / "file"
    with pytest.raises(RecordError, match=r"file: .*Mend:"):
        reader(path)
    path.symlink_to(path)  # as unreadable for root as for others
    with pytest.raises(RecordError, match=r"file: .*Mend:"):
        reader(path)
    path.unlink()
    path.write_bytes(b"\xff\x00{")
    with pytest.raises(RecordError, match=r"file.*Mend:"):
        reader(path)


@pytest.mark.parametrize("name", ["adsl", "adtte", "adrs", "adae"])
def test_a_twin_with_a_file_that_cannot_be_read_is_refused(tmp_path, name):
    shutil.copytree(DATA / "twin" / "neutral", tmp_path / "twin")
    path = tmp_path / "twin" / f"{name}.csv"
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(RecordError, match=rf"{name}\.csv: cannot be read.*Mend:"):
        read(tmp_path / "twin")


def killed(command, seconds, **settings):
    """Start a program in a group of its own and kill all of it after a while."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, start_new_session=True, **silent, **settings)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_a_twin_killed_at_any_moment_leaves_no_half_and_the_next_is_the_same(tmp_path):
    moments, out, whole = random.Random(2026), tmp_path / "out", tmp_path / "whole"
    lines = SMALL.read_text("utf-8").splitlines(keepends=True)
    record = tmp_path / "record.yaml"
    kept = [x for x in lines if "- {id" not in x or any(f"id: {name}," in x for name in LEAST)]
    record.write_text("".join(kept), "utf-8")
    command = [Path(sys.executable).with_name("palmira"), "twin", record, "--quick", "--out"]
    subprocess.run([*command, whole], check=True, capture_output=True)  # compiles what it needs
    files = {p.name: p.read_bytes() for p in whole.iterdir()}
    start = time.monotonic()
    subprocess.run([*command, tmp_path / "again"], check=True, capture_output=True)
    lasts = time.monotonic() - start
    shutil.rmtree(tmp_path / "again")
    for _ in range(3):
        killed([*command, out], moments.uniform(0, lasts))
        assert not out.exists() or {p.name: p.read_bytes() for p in out.iterdir()} == files
    subprocess.run([*command, out], check=True, capture_output=True)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == files
    assert {p.name for p in tmp_path.iterdir()} == {"out", "whole", "record.yaml"}


@pytest.mark.slow
def test_a_build_killed_at_any_moment_leaves_no_half_and_the_next_is_the_same(tmp_path, small_book):
    moments, book = random.Random(2027), small_book.sources(tmp_path / "book")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "-q", "-W"]
    for _ in range(3):
        killed(command, moments.uniform(0, small_book.seconds), cwd=book)
    subprocess.run(command, cwd=book, check=True, capture_output=True)
    one, other = small_book.files(), small_book.files(book)
    assert set(one) == set(other)
    assert [name for name in one if one[name] != other[name]] == []
    assert "numbers" in other["notebooks/palmira.html"].decode()
    assert list((book / "_build").rglob("*.new")) == []


def small_project(folder, parts):
    """A project with a site of one page, and every part of a bundle."""
    list(parts(folder))
    (folder / "_toc.yml").write_text("root: a\n", "utf-8")
    (folder / "_config.yml").write_text("title: The title\n", "utf-8")
    page = "<article><h1>A</h1><p>b</p></article>"
    (folder / "_build/html/a.html").write_text(page, "utf-8")
    (folder / "data/twin/large.csv").write_bytes(random.Random(1).randbytes(6_000_000))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "target"),
    [("pdf", "_build/pdf/palmira-book.pdf"), ("bundle", "dist/palmira-book.zip")],
)
def test_pdfs_and_bundle_killed_at_any_moment_leave_no_half(
    tmp_path, parts_of_a_bundle, module, target
):
    small_project(tmp_path, parts_of_a_bundle)
    command, made = [sys.executable, "-m", f"palmira.site.{module}"], tmp_path / target
    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    lasts, whole = time.monotonic() - start, made.read_bytes()
    names = {p.name for p in made.parent.iterdir()}
    made.unlink()
    moments = random.Random(2026)
    for part in (0.3, 0.6, 0.9):
        killed(command, lasts * (part + moments.uniform(-0.1, 0.1)), cwd=tmp_path)
        assert not made.exists() or made.read_bytes() == whole
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    assert made.read_bytes() == whole
    assert {p.name for p in made.parent.iterdir()} == names
