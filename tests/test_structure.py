"""The package: small modules, imports in one direction, nothing of a trial in the shared parts."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
MODULES = {
    ".".join(p.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): p
    for p in sorted(SOURCE.rglob("*.py"))
}
# Beside figures and tables, what makes parts of pages.
PAGES = ("palmira.show.prose", "palmira.cli", "palmira.explorers", "palmira.quiz")


def imports(name: str) -> set[str]:
    """Modules of the package that one imports; of ``from package import module`` the module."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{name}: an import from a neighbor by dots"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {m for m in found if m in MODULES and m != name}


def reach(name: str) -> set[str]:
    seen: set[str] = set()
    todo = imports(name)
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo |= imports(module)
    return seen


@pytest.mark.parametrize("name", MODULES)
def test_a_module_stays_small(name):
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("name", MODULES)
def test_no_import_runs_in_a_circle(name):
    assert name not in reach(name)


def test_what_verifies_a_twin_knows_nothing_of_what_makes_one():
    beside = ("analysis_set", "attainable", "margins", "targets", "verify")
    known = {m.rpartition(".")[2] for m in reach("palmira.twin.verify") if ".twin." in m}
    assert known and all(m.startswith(beside) for m in known)
    assert all("verify" not in m for m in reach("palmira.twin.pfs"))


def test_analyses_know_nothing_of_figures_tables_or_pages():
    shown = (
        "palmira.figures",
        "palmira.tables",
        "palmira.show.exhibits",
        "palmira.booksite",
        "palmira.rendering",
    )
    for name in MODULES:
        if not name.startswith((*shown, *PAGES)):
            assert not [m for m in reach(name) if m.startswith(shown)], name


@pytest.mark.parametrize("name", [m for m in MODULES if m.startswith("palmira.ledger")])
def test_the_ledgers_rules_name_no_trial(name):
    text = MODULES[name].read_text(encoding="utf-8").replace("from palmira", "")
    assert not [t for t in ("PALMIRA", "PACE", "MAINTAIN", "postMONARCH") if t in text]


@pytest.mark.parametrize("name", MODULES)
def test_public_functions_and_classes_say_what_they_are(name):
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            data_model = isinstance(node, ast.ClassDef)
            assert ast.get_docstring(node) or data_model, f"{name}.{node.name}"
