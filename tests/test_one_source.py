"""One source for each number: a changed record changes what rests on it, and nothing else."""

import shutil
from pathlib import Path

import jupytext
import pytest

from palmira.record.evidence import MIME
from palmira.site.execution import Runs

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.md"))
OLD = 'label: Serious TEAE, values: ["10 (7.4)", "2 (3.3)"]'
NEW = 'label: Serious TEAE, values: ["11 (8.1)", "2 (3.3)"]'
# Where a count of patients with a serious adverse event is shown or recomputed.
RESTS_ON_IT = {
    "intro-results",
    "safety-benefit-harm",
    "safety-exposure",
    "twin-targets",
    "ledger-safety",
    "ledger-summary",
    "ledger-unchecked",
    "ledger-verdicts",
}
SAID_OF_IT = {
    "safety.serious.palbociclib.count",
    "safety.serious.palbociclib.percent",
    "safety_serious",
    "ledger_twin",
    "ledger_not_recomputable",
}

pytestmark = [pytest.mark.slow, pytest.mark.site]


@pytest.fixture(scope="module")
def rerun_book(tmp_path_factory):
    """The exhibits and glued numbers of all chapters, run on a copy with one cell changed."""
    root = tmp_path_factory.mktemp("changed") / "book"
    for folder in ("src", "notebooks", "data", "book"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.lock", "CITATION.cff"):
        shutil.copy(ROOT / name, root)
    record = root / "data" / "published" / "palmira.yaml"
    text = record.read_text("utf-8")
    assert text.count(OLD) == 1
    record.write_text(text.replace(OLD, NEW), "utf-8")
    code = {
        f"notebooks/{path.stem}": [
            c.source for c in jupytext.read(path).cells if c.cell_type == "code"
        ]
        for path in CHAPTERS
    }
    runs = Runs(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root / "src"))
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        runs.fill(code)
    exhibits, numbers = {}, {}
    for name, cells in code.items():
        run = Runs(root).find(name, cells)
        assert run, f"{name} does not run: {runs.fault(name, cells)}"
        for output in (o for cell in run["outputs"] for o in cell):
            data = output.get("data", {})
            if MIME in data:
                exhibits[data[MIME]["name"]] = data[MIME]
            if glue := output.get("metadata", {}).get("scrapbook"):
                numbers[glue["name"]] = next(iter(data.values())).strip("'\"")
    return exhibits, numbers


def test_a_changed_count_changes_the_exhibits_that_rest_on_it_and_no_other(rerun_book, shown):
    exhibits, _ = rerun_book
    assert set(exhibits) == set(shown)
    changed = {n for n, e in exhibits.items() if e["csv"] != shown[n].csv.read_text("utf-8")}
    assert changed == RESTS_ON_IT


def test_it_changes_the_numbers_in_the_prose_that_rest_on_it_and_no_other(rerun_book, said):
    _, numbers = rerun_book
    changed = {key for key, text in numbers.items() if text != said.get(key)}
    assert changed == SAID_OF_IT
