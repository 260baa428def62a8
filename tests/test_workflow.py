"""Checked as text: workflows, the hook of a commit, issue forms, links to Binder and Colab."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from pre_commit.clientlib import load_config

from palmira.site import launch

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"^\s*(?:- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[0-9]*.yml"))
# GitHub's elements of a form, each with its attributes; the first is always needed.
ELEMENTS = {
    "markdown": ("value",),
    "input": ("label", "description", "placeholder", "value"),
    "textarea": ("label", "description", "placeholder", "value", "render"),
    "dropdown": ("label", "options", "description", "multiple", "default"),
    "checkboxes": ("label", "options", "description"),
}
WRITES = {"deploy": {"pages", "id-token"}, "notebooks": {"contents"}}
URL = "https://github.com/example/palmira-book"


def jobs(path: Path) -> dict[str, dict]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]


def commands(path: Path) -> str:
    return "\n".join(s.get("run", "") for j in jobs(path).values() for s in j["steps"])


def test_there_are_workflows():
    assert [p.stem for p in WORKFLOWS] == ["publish", "test"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_every_action_is_pinned_by_its_commit(path):
    lines = [li for li in path.read_text(encoding="utf-8").splitlines() if "uses:" in li]
    assert lines and [li for li in lines if not PINNED.match(li)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_job_has_the_rights_that_it_needs_and_a_limit_of_time(path):
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["permissions"] == {}
    for name, job in jobs(path).items():
        rights = job["permissions"]
        assert {k for k, v in rights.items() if v == "write"} == WRITES.get(name, set())
        assert set(rights.values()) <= {"read", "write"} and job["timeout-minutes"] <= 90


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_every_command_of_make_and_every_script_is_there(path):
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    run = commands(path)
    called = set(re.findall(r"\bmake (\w+)", run))
    assert (called and called <= targets | {"setup"}) or ".ci/run" in run
    assert [s for s in re.findall(r"\bbash (\S+)", run) if not (ROOT / s).is_file()] == []


def test_what_is_tested_there_is_what_is_tested_everywhere():
    run = commands(ROOT / ".github" / "workflows" / "test.yml")
    assert "bash .ci/run" in run and "pip-audit" in run and "requirements.lock" in run


def test_the_branch_that_is_pushed_is_the_one_that_links_open():
    assert f"HEAD:{launch.BRANCH}" in commands(ROOT / ".github" / "workflows" / "publish.yml")


def test_a_commit_is_checked_by_what_make_lint_runs_and_ci_runs_that_too():
    path = ROOT / ".pre-commit-config.yaml"
    assert load_config(path)
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    ((repo, (hook,)),) = [(r["repo"], r["hooks"]) for r in config["repos"]]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    ready = re.search(r"^READY := (\S+)$", makefile, re.M)[1]
    assert (repo, hook["language"], hook["always_run"]) == ("local", "system", True)
    assert hook["entry"] == f"make --old-file={ready} lint"
    assert "lint" in re.search(r"^test: (.+)$", makefile, re.M)[1].split()


def test_the_guide_for_contributors_begins_with_the_fast_command_and_names_what_there_is():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"\bmake (\w+)(?=[`\n])", text)
    assert commands[:2] == ["check", "test"]
    assert set(commands) <= set(re.findall(r"^(\w+):", makefile, re.M))
    named = re.findall(r"`(?:\S+ )*?([\w.]+(?:/[\w.]+)+|\w+\.(?:md|toml|yml|lock))`", text)
    assert len(named) > 15 and [n for n in named if not (ROOT / n).exists()] == []


def test_the_code_map_names_every_folder_of_the_package_and_nothing_that_is_gone():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    lines = re.search(r"## Code map\n.*?```\n(.*?)```", text, re.S)[1].splitlines()
    assert len(lines) == 10
    package = ROOT / "src" / "palmira"
    places = set(re.findall(r"^(\w+)", "\n".join(lines), re.M))
    folders = {p.parent.name for p in package.glob("*/__init__.py")}
    assert places == folders | {p.stem for p in package.glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("path", FORMS, ids=lambda p: p.stem)
def test_an_issue_form_is_one_that_github_accepts(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(form) == {"name", "description", "labels", "body"} and all(form.values())
    for item in form["body"]:
        attributes = item["attributes"]
        assert set(item) <= {"type", "attributes", "id", "validations"}
        assert ELEMENTS[item["type"]][0] in attributes and all(attributes.values())
        assert set(attributes) <= set(ELEMENTS[item["type"]])
        assert set(map(type, item.get("validations", {"required": True}).values())) == {bool}
    fields = [item for item in form["body"] if item["type"] != "markdown"]
    ids, labels = [f["id"] for f in fields], [f["attributes"]["label"] for f in fields]
    assert fields and all(re.fullmatch(r"[A-Za-z0-9_-]+", id) for id in ids)
    assert len(set(ids)) == len(set(labels)) == len(fields)


def test_the_forms_ask_for_what_is_needed_to_find_an_error():
    asked = {}
    for path in FORMS:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))["body"]
        asked[path.stem] = {f["id"] for f in body if f.get("validations", {}).get("required")}
    assert asked == {
        "1-number": {"page", "number", "source-number", "place", "looked"},
        "2-code": {"command", "output", "expected", "version", "python", "system"},
    }


def test_the_page_that_offers_the_forms_links_each_other_place_with_a_reason():
    config = yaml.safe_load((FORMS[0].parent / "config.yml").read_text(encoding="utf-8"))
    assert set(config) == {"blank_issues_enabled", "contact_links"}
    assert isinstance(config["blank_issues_enabled"], bool)
    for link in config["contact_links"]:
        assert set(link) == {"name", "url", "about"} and all(link.values())
        assert link["url"].startswith("https://")


def test_without_a_repository_there_are_no_links():
    assert launch.links("", "notebooks/intro") == {}


def test_links_open_the_notebook_of_their_chapter():
    links = launch.links(f"{URL}.git", "notebooks/intro")
    place = f"example/palmira-book/blob/{launch.BRANCH}"
    assert links["Colab"].endswith(f"/github/{place}/notebooks/intro.ipynb")
    assert links["Binder"].endswith(
        f"/gh/example/palmira-book/{launch.BRANCH}?urlpath=lab/tree/notebooks/intro.ipynb"
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of configuration and one chapter with this address as its repository."""

    def with_address(url: str) -> Path:
        text = (ROOT / "_config.yml").read_text(encoding="utf-8")
        found = re.sub(r"^  url: .*$", f'  url: "{url}"', text, count=1, flags=re.M)
        (tmp_path / "_config.yml").write_text(found, "utf-8")
        (tmp_path / "notebooks").mkdir(exist_ok=True)
        shutil.copy(ROOT / "notebooks" / "intro.md", tmp_path / "notebooks")
        return tmp_path

    return with_address


def test_an_address_that_colab_cannot_open_is_refused(copy):
    with pytest.raises(ValueError, match=r"_config\.yml: repository\.url .* Mend"):
        launch.repository(copy("https://example.org/book"))


def test_the_address_stands_in_one_place(copy):
    assert launch.repository(copy(URL)) == URL
