"""The house around the chapters: what README, licenses, environments and references promise."""

import ast
import os
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from pybtex.database import parse_file

from palmira.readings.ledger import Verdict
from palmira.record import published
from palmira.record.evidence import Evidence

ROOT = Path(__file__).parents[1]
MADE = re.compile(
    r"_build|\.git|\.venv|\.browser|__pycache__|.*\.egg-info|\..*_c(ache|heckpoints)|\.hypothesis"
)
MACHINE = re.compile(r"(?<![\w.:/}\])*])/(?:work|tmp|home|root|Users)/")
DOI = "10.1200/JCO-24-01865"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def kept_files() -> list[Path]:
    """Files of the repository, without what the build and the tools make."""
    found, todo = [], [ROOT]
    while todo:
        for path in sorted(todo.pop().iterdir()):
            if not MADE.fullmatch(path.name):
                (todo if path.is_dir() else found).append(path)
    return found


def glossary_terms() -> set[str]:
    block = re.search(r"^```\{glossary\}\n(.*?)^```$", read("book/glossary.md"), re.S | re.M)
    assert block
    return {line.lower() for line in block[1].splitlines() if line and not line.startswith(" ")}


def locked_versions() -> dict[str, str]:
    return dict(
        re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.]+)", read("requirements.lock"), re.M)
    )


@pytest.fixture(scope="module")
def project():
    return tomllib.loads(read("pyproject.toml"))["project"]


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load(read("CITATION.cff"))


def test_the_readme_begins_with_the_two_commands_and_names_only_targets_that_exist():
    text = read("README.md")
    assert text.startswith("```\nmake book\nmake test\n```\n")
    assert len(text.splitlines()) < 120
    targets = set(re.findall(r"^(\w+):", read("Makefile"), re.M))
    pages = text + read("book/how-to-read.md")
    assert set(re.findall(r"(?:^|`)make (\w+)", pages, re.M)) <= targets


def test_conda_and_binder_get_the_versions_of_the_lock_on_a_python_that_the_package_allows(project):
    wanted = yaml.safe_load(read("environment.yml"))["dependencies"]
    pip = [d["pip"] for d in wanted if isinstance(d, dict)]
    assert pip == [["-r requirements.lock"]]
    (python,) = [d for d in wanted if str(d).startswith("python=")]
    assert python.removeprefix("python=") in SpecifierSet(project["requires-python"])
    assert {d for d in wanted if isinstance(d, str)} == {python, "pip"}


def test_postbuild_can_be_run_and_finds_its_build_tools_in_the_lock():
    assert os.access(ROOT / "postBuild", os.X_OK)
    assert "--no-deps --no-build-isolation" in read("postBuild")
    assert {"hatchling", "editables"} <= set(locked_versions())


def test_the_lock_holds_the_jupyter_book_that_the_project_pins(project):
    (pin,) = [d for d in project["dependencies"] if d.startswith("jupyter-book")]
    assert pin == f"jupyter-book=={locked_versions()['jupyter-book']}"


def test_the_citation_names_this_version_and_the_paper_with_all_its_authors(citation, project):
    assert citation["version"] == project["version"]
    assert f"## [{citation['version']}] - {citation['date-released']}" in read("CHANGELOG.md")
    (paper,) = citation["references"]
    assert paper["doi"] == DOI == published("palmira").sheet.sources["jco"].doi
    entry = parse_file(ROOT / "book" / "references.bib").entries["llombart2025palmira"]
    assert entry.fields["doi"] == DOI
    families = [" ".join(map(str, p.rich_last_names)) for p in entry.persons["author"]]
    assert [a["family-names"] for a in paper["authors"]] == families


def test_code_and_content_have_their_licenses(citation, project):
    assert read("LICENSE").startswith("MIT License")
    assert citation["license"] == project["license"] == "MIT"
    assert "https://creativecommons.org/licenses/by/4.0/legalcode" in read("LICENSE-CONTENT")


def test_the_glossary_stands_in_alphabetical_order_and_says_each_term_once():
    lines = re.search(r"^```\{glossary\}\n(.*?)^```$", read("book/glossary.md"), re.S | re.M)[1]
    terms = re.findall(r"(?:\A|\n\n)(\S.*)", lines.rstrip())
    assert terms == sorted(terms, key=str.lower)
    assert len(re.findall(r"^\S.*", lines, re.M)) == len(glossary_terms())


def test_the_glossary_explains_every_evidence_class_and_every_verdict():
    rows = {
        row.lower()
        for row in re.findall(r"^\* - (?:<[^>]+>)?([^<\n]+)", read("book/glossary.md"), re.M)
    }
    assert {e.value for e in Evidence} <= rows
    assert set(get_args(Verdict)) <= rows


def test_every_doi_of_the_bibliography_is_one_and_no_two_entries_share_it():
    entries = parse_file(ROOT / "book" / "references.bib").entries.values()
    dois = [e.fields["doi"] for e in entries if "doi" in e.fields]
    assert [d for d in dois if not re.fullmatch(r"10\.\d{4,}/\S+", d)] == []
    assert len(set(dois)) == len(dois)


def test_no_file_of_the_repository_names_a_path_of_somebodys_machine():
    found = []
    for path in kept_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [(path.relative_to(ROOT).as_posix(), m[0]) for m in MACHINE.finditer(text)]
    assert found == []


def test_a_machine_path_would_be_found():
    paths = [
        f"{before}/{folder}/a"
        for before in ("", "read ", '"', "(", "=")
        for folder in ("work", "tmp", "home", "root")
    ]
    assert [path for path in paths if not MACHINE.search(path)] == []


def test_the_ledgers_rules_name_no_trial():
    trials = ("PALMIRA", "PACE", "MAINTAIN", "postMONARCH")
    rules = ROOT / "src" / "palmira" / "readings" / "ledger.py"
    text = rules.read_text(encoding="utf-8").replace("from palmira", "")
    assert [trial for trial in trials if trial in text] == []


def named(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def frozen(code: str, compiled: set[str]) -> set[tuple[str, str]]:
    """Compiled functions of a module, each with a name that another module's edit may change."""
    body, foreign = ast.parse(code).body, set()
    for node in body:
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("palmira"):
            if node.module not in compiled:
                others = [a for a in node.names if f"{node.module}.{a.name}" not in compiled]
                foreign |= {alias.asname or alias.name for alias in others}
        elif isinstance(node, ast.Assign) and named(node.value) & foreign:
            foreign |= {name for target in node.targets for name in named(target)}
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    fast = [f for f in functions if any("jit" in ast.unparse(d) for d in f.decorator_list)]
    return {(f.name, name) for f in fast for name in named(f) & foreign}


def test_what_is_compiled_depends_only_on_what_is_compiled():
    """The Makefile makes numba's cache anew when one of these modules changes, and only then."""
    uses, source = re.compile(r"^(?:import|from) numba", re.MULTILINE), ROOT / "src"
    codes = {p: p.read_text(encoding="utf-8") for p in source.rglob("*.py")}
    codes = {p: code for p, code in codes.items() if uses.search(code)}
    names = {".".join(p.relative_to(source).with_suffix("").parts) for p in codes}
    assert len(names) > 1
    assert [(p.name, *pair) for p, code in codes.items() for pair in frozen(code, names)] == []


def test_a_constant_that_would_be_frozen_is_found():
    code = "from palmira.a import A\nB = A + 1\n@nb.njit\ndef f(x):\n    return x + B\n"
    assert frozen(code, set()) == {("f", "B")}
    assert frozen(code, {"palmira.a"}) == set()
