"""The records that come with the book, and records that must be refused."""

import copy

import pytest
import yaml

from palmira.record import DATA, comparators, load, published
from palmira.record.schema import RecordError

PALMIRA = DATA / "published" / "palmira.yaml"


@pytest.fixture(scope="module")
def sheet():
    return yaml.safe_load(PALMIRA.read_text(encoding="utf-8"))


@pytest.fixture
def refused(sheet, tmp_path):
    """Change a copy of PALMIRA's record and return the message that refuses it."""

    def change(edit):
        data = copy.deepcopy(sheet)
        edit(data)
        path = tmp_path / "changed.yaml"
        path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), "utf-8")
        with pytest.raises(RecordError) as error:
            load(path)
        message = str(error.value)
        assert str(path) in message
        assert "Mend:" in message
        assert "\n" not in message
        return message

    return change


def block(data, id):
    return next(b for b in data["blocks"] if b["id"] == id)


def row(data, block_id, id):
    return next(r for r in block(data, block_id)["rows"] if r["id"] == id)


def test_every_entry_has_a_place_and_a_label(palmira):
    for record in (palmira, *comparators().values()):
        for entry in record.entries.values():
            assert entry.place and entry.label, entry.id


def test_every_number_of_the_paper_names_its_source_and_how_it_was_seen(palmira):
    for entry in palmira.entries.values():
        assert entry.source and entry.confidence, entry.id


def test_every_repaired_cell_says_what_was_read_and_why(palmira):
    repaired = [e for e in palmira.entries.values() if e.repair]
    assert repaired
    for entry in repaired:
        assert entry.repair.read != entry.text and len(entry.repair.because) > 20


def test_every_choice_between_sources_has_a_reason():
    for record in comparators().values():
        for b in record.sheet.blocks:
            for r in b.rows:
                assert not r.versions or r.chosen_because


def test_a_slot_for_numbers_at_risk_takes_up_what_a_reader_adds(sheet, tmp_path):
    data = copy.deepcopy(sheet)
    row(data, "figure2_at_risk", "month_0")["values"] = ["136", "62"]
    path = tmp_path / "added.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), "utf-8")
    record = load(path)
    assert record["figure2_at_risk.month_0.et.count"].value == 62
    assert len(record.entries) == len(published("palmira").entries) + 2


def test_a_missing_place_is_refused(refused):
    message = refused(lambda d: block(d, "table1").pop("place"))
    assert "block table1 place: missing" in message


def test_an_empty_place_is_refused(refused):
    assert "place: empty" in refused(lambda d: block(d, "table1").update(place=""))


def test_a_percent_of_101_is_refused(refused):
    message = refused(
        lambda d: row(d, "table1", "visceral.yes").update(
            values=["84 (101)", "37 (59.7)", "121 (61.1)"]
        )
    )
    assert "block table1, row visceral.yes, column palbociclib: percent 101" in message


def test_swapped_limits_are_refused(refused):
    message = refused(
        lambda d: row(d, "contrasts", "pfs.hazard_ratio").update(values=["0.84 (1.07 to 0.66)"])
    )
    assert "row pfs.hazard_ratio" in message and "does not hold" in message


def test_an_unknown_key_is_refused(refused):
    message = refused(lambda d: row(d, "table1", "ecog.0").update(colour="red"))
    assert "block table1 row ecog.0 colour: unknown key" in message


def test_a_number_without_quotes_is_refused(refused):
    message = refused(lambda d: row(d, "methods", "sites").update(values=[41]))
    assert "row sites" in message and "quotes" in message


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda d: row(d, "results", "pfs.median").pop("interval_level"), "without its level"),
        (lambda d: row(d, "table1", "ecog.0").update(values=["90", "31"]), "2 values for 3"),
        (lambda d: row(d, "table1", "ecog.0").update(cell="count"), "unknown cell 'count'"),
        (lambda d: row(d, "table1", "ecog.0").update(id="ecog.ge1"), "occurs twice"),
        (lambda d: row(d, "table1", "ecog.0").update(population="all"), "unknown population"),
        (lambda d: row(d, "table1", "ecog.0").update(source=["nobody"]), "unknown source"),
        (lambda d: row(d, "table1", "ecog.0").update(same_as="no.row"), "same_as names no row"),
        (lambda d: row(d, "timeline", "cutoff").update(values=["2 Feb"]), "does not read as"),
        (
            lambda d: row(d, "figure3", "all").update(
                values=[
                    "137 / 136 (78.7)",
                    "4.9 (3.6 to 6)",
                    "51 / 62 (82.3)",
                    "3.6 (2.5 to 4.2)",
                    "0.84 (0.66 to 1.07)",
                    None,
                ]
            ),
            "more events than patients",
        ),
        (lambda d: row(d, "contrasts", "pfs.hazard_ratio").update(p="1.49"), "P = 1.49"),
        (lambda d: row(d, "methods", "sites").update(values=["41.5"]), "not a whole number"),
        (lambda d: d["populations"]["safety"].update(et="no.such.entry"), "is no entry"),
        (
            lambda d: d["populations"]["safety"].update(et="contrasts.pfs.hazard_ratio.upper"),
            "is no number of patients",
        ),
        (lambda d: d["populations"]["measurable"].pop("et"), "population measurable has no arm"),
        (lambda d: d.pop("sources"), "sources: missing"),
        (lambda d: block(d, "table1").update(id="table2"), "the id occurs twice"),
        (lambda d: row(d, "table1", "ecog.0").update(id="ECOG 0"), "not an id"),
        (lambda d: row(d, "table1", "ecog.0").update(within="ecog.0"), "no other row"),
        (lambda d: row(d, "contrasts", "pfs.hazard_ratio").update(decimals=-1), "decimals"),
        (
            lambda d: row(d, "contrasts", "pfs.hazard_ratio").update(
                values=["-0.84 (-1.07 to -0.66)"]
            ),
            "a hazard ratio below zero",
        ),
        (
            lambda d: row(d, "table1", "ecog.0").update(
                versions=[
                    {"values": ["1", "1", "2"], "source": ["jco"], "confidence": "PT", "note": "x"}
                ]
            ),
            "chosen_because",
        ),
    ],
)
def test_a_malformed_record_is_refused_with_its_entry_and_mend(refused, edit, words):
    assert words in refused(edit)


def test_an_impossible_number_may_stand_where_the_row_says_that_it_is_printed_so(sheet, tmp_path):
    data = copy.deepcopy(sheet)
    row(data, "methods", "sites").update(values=["41.5"], as_printed="the paper prints it so")
    path = tmp_path / "as_printed.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), "utf-8")
    assert load(path)["methods.sites.count"].text == "41.5"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trial: [", "not valid YAML"),
        ("trial: A\ntrial: B", "the key 'trial' stands twice"),
        ("", "the file"),
        ("- a\n- b", "the file"),
    ],
)
def test_a_file_that_is_no_record_is_refused(tmp_path, text, words):
    path = tmp_path / "broken.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(RecordError, match=words):
        load(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(RecordError, match="cannot be read"):
        load(tmp_path / "none.yaml")


def test_an_unknown_entry_names_its_neighbors(palmira):
    with pytest.raises(KeyError, match="near it"):
        palmira["results.pfs.median.palbociclib.middle"]
