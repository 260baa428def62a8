"""What the benchmarks keep: written whole, read back, refused where it is spoiled."""

import json

import pytest

from palmira.record.schema import RecordError
from palmira.site import measured

COLUMNS, ROWS = ["What", "Seconds"], [["Cold", 123.4], ["Warm", 2.346], ["Trials", 10_000]]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "benchmarks.json"


def test_what_is_kept_is_read_back_and_shown_with_date_and_machine(file):
    measured.keep("build", COLUMNS, ROWS, file)
    measured.keep("weight", COLUMNS, [["Home", None]], file)
    found = measured.load(file)
    assert found["build"]["rows"] == [["Cold", "123"], ["Warm", "2.35"], ["Trials", "10,000"]]
    assert found["weight"]["rows"] == [["Home", ""]]
    shown = measured.table("build", "Times", file)
    assert "* - Warm\n  - 2.35\n" in shown and found["build"]["date"] in shown
    assert [p.name for p in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"build": {}}',
        '{"build": 3}',
        '{"build": {"rows": [["a"]], "columns": ["a", "b"]}}',
        '{"build": {"rows": [], "columns": ["a"]}}',
    ],
)
def test_a_spoiled_file_is_refused_with_its_name_and_the_mend(file, text):
    file.write_text(text, "utf-8")
    with pytest.raises(RecordError, match=r"benchmarks\.json.*Mend: run make bench"):
        measured.load(file)


def test_a_missing_file_table_or_line_is_named(file):
    with pytest.raises(RecordError, match="cannot be read"):
        measured.load(file)
    measured.keep("build", COLUMNS, ROWS, file)
    with pytest.raises(RecordError, match="'mutations'"):
        measured.table("mutations", "Slips", file)
    with pytest.raises(RecordError, match="missing"):
        measured.facts(file)


def test_each_script_of_the_page_has_left_its_table():
    found = json.loads(measured.FILE.read_text("utf-8"))
    assert set(found) >= {"build", "simulation", "ensemble", "weight", "mutations"}
    caught = {row[0]: row[1] for row in found["mutations"]["rows"]}
    assert caught["By any"] == next(n for k, n in caught.items() if k.startswith("Changed"))
