"""A fresh machine: a browser that sets itself up, a home that cannot be written, lock, wheel."""

import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from palmira.site import browser
from palmira.site.execution import ONE_THREAD

ROOT = Path(__file__).parents[1]
TASKS = Path("/proc/self/task")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without a browser; puts programs on its PATH and in the project's folder."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.delenv(browser.VARIABLE, raising=False)
    monkeypatch.setattr(browser, "FOLDER", tmp_path / ".browser")

    def put(place):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n", "utf-8")
        path.chmod(0o755)
        return path

    return put


@pytest.fixture
def calls(machine, monkeypatch):
    """Stands for all programs that setting up calls: what they were, and which of them work."""
    made, works = [], {}

    def call(command, seconds=None):
        made.append(command)
        for word, effect in works.items():
            if word in command:
                effect()
                return 0, "version 1"
        return 1, "Error: it is broken"

    monkeypatch.setattr(browser, "_call", call)
    return made, works


def nothing():
    pass


SHELL = ".browser/chromium_headless_shell-1/chrome-headless-shell-linux64/chrome-headless-shell"


def test_a_browser_on_the_path_comes_before_one_in_the_folder_and_a_named_one_is_the_only_one(
    machine, monkeypatch
):
    shell, later = machine(SHELL), machine("bin/google-chrome")
    first, named = machine("bin/chromium"), machine("elsewhere/mine")
    assert list(browser._candidates()) == [first, later, shell]
    monkeypatch.setenv(browser.VARIABLE, str(named))
    assert list(browser._candidates()) == [named]
    assert list(browser._ways()) == []


def test_the_first_that_starts_is_kept_and_nothing_is_installed(machine, calls):
    made, works = calls
    broken, sound = machine("bin/chromium"), machine("bin/google-chrome")
    works[str(sound)] = nothing
    assert browser.set_up() == f"{sound}, version 1"
    assert [c[-1] for c in made] == [str(broken), str(sound)]
    assert browser.chromium() == sound


def test_playwrights_own_build_comes_first(machine, calls):
    made, works = calls
    works["playwright"] = lambda: works.update({str(machine(SHELL)): nothing})
    assert "chrome-headless-shell" in browser.set_up()
    assert [c[2:4] for c in made if "playwright" in c] == [["playwright", "install"]]
    assert not [c for c in made if "apt-get" in c]


@pytest.mark.parametrize("system", ["debian", "ubuntu"])
def test_root_gets_the_distributions_packages(machine, calls, monkeypatch, capsys, system):
    made, works = calls
    machine("bin/apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": system})
    by, place = {
        "debian": ("--no-install-recommends", "bin/chromium"),
        "ubuntu": ("--with-deps", SHELL),
    }[system]
    works[by] = lambda: works.update({str(machine(place)): nothing})
    assert browser.set_up().startswith(str(browser.chromium()))
    (packages,) = (c for c in made if "--no-install-recommends" in c)
    assert ("chromium" in packages) == (system == "debian") and "libatomic1" in packages
    assert " ".join(packages[packages.index("libatomic1") :]) in capsys.readouterr().out


def test_without_rights_apt_is_left_alone_and_one_line_says_what_to_install(
    machine, calls, monkeypatch
):
    made, _ = calls
    machine("bin/apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(browser.NoBrowserError) as told:
        browser.set_up()
    assert not [c for c in made if "apt-get" in c]
    assert len(str(told.value).splitlines()) == 1
    assert all(word in str(told.value) for word in (*browser.PACKAGES, browser.VARIABLE, "broken"))
    with pytest.raises(browser.NoBrowserError, match="Mend: call make browser"):
        browser.chromium()


def test_a_program_that_does_not_get_on_is_ended_and_one_that_does_is_not():
    assert browser._call(["sh", "-c", "echo begins; sleep 60"], 0.5)[0] < 0
    assert "no answer in 0.5 s" in browser._call(["sleep", "60"], 0.5)[1]
    gets_on = "echo '10% of 120 MB'; sleep 3.5; echo done; exit 3"
    assert browser._call(["sh", "-c", gets_on], 3) == (3, "10% of 120 MB\ndone\n")


@pytest.mark.parametrize(
    "said",
    [
        "it begins\nchrome: error while loading shared libraries: libnss3.so\nError: closed\n",
        "Traceback\n  ^^^^\nx.Error: launch: no libnss3.so\nCall log:\n",
        "Reading lists\nE: libnss3.so\nmore\n",
        "libnss3.so",
    ],
)
def test_of_a_failure_the_line_that_tells_most_is_said(said):
    assert "libnss3.so" in browser._reason(said) and "\n" not in browser._reason(said)


def made_by(*targets, **environment):
    """What make would call for targets, or does for those of ``say``, in this environment."""
    command = ["make", "--no-print-directory", "-f", "Makefile", *targets]
    environment = {"PATH": os.environ["PATH"], **environment}
    return subprocess.check_output(command, cwd=ROOT, text=True, env=environment)


@pytest.mark.parametrize("target", ["test", "pdf", "bundle"])
def test_the_browser_is_there_before_the_long_work_and_not_for_the_book(target):
    told = made_by("--always-make", "--dry-run", target)
    assert told.index("palmira.site.browser") < told.index("jupyter-book build")
    assert "palmira.site.browser" not in made_by("--always-make", "--dry-run", "book")


def test_a_home_that_cannot_be_written_is_replaced(tmp_path):
    say = tmp_path / "say.mk"
    say.write_text("say: ; @echo $$HOME\n", "utf-8")
    ours = f"{ROOT / '_build' / '.home'}\n"
    assert made_by("-f", str(say), "say") == ours
    assert made_by("-f", str(say), "say", HOME=str(tmp_path / "none")) == ours
    assert made_by("-f", str(say), "say", HOME=str(tmp_path)) == f"{tmp_path}\n"


def test_the_lock_names_the_extras_that_its_packages_ask_for():
    """Older releases of pip refuse a lock that does not."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    found = re.findall(r"^([\w.-]+)(?:\[([\w,-]+)\])?==", text, re.M)
    locked = {name: set(extras.split(",")) for name, extras in found}
    lost = []
    for package in distributions():
        for wanted in map(Requirement, package.requires or ()):
            if not wanted.marker or wanted.marker.evaluate({"extra": ""}):
                name = canonicalize_name(wanted.name)
                if wanted.extras - locked.get(name, wanted.extras):
                    lost.append((package.name, str(wanted)))
    assert len(locked) > 100 and lost == []


def test_a_wheel_carries_its_data_and_audits_without_a_checkout(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        names = set(archive.namelist())
    data = {p.relative_to(ROOT).as_posix() for p in (ROOT / "data").rglob("*") if p.is_file()}
    assert {f"palmira/{name}" for name in data} <= names
    (tmp_path / "empty").mkdir()
    code = "import palmira.cli as c; print(c.__file__); c.main()"
    record = str(ROOT / "data" / "published" / "palmira.yaml")
    command = [sys.executable, "-c", code, "audit", record, "--json", "--only", "A1"]
    where = {"cwd": tmp_path / "empty", "env": os.environ | {"PYTHONPATH": str(tmp_path / "site")}}
    run = subprocess.run(command, **where, text=True, capture_output=True, check=False)
    place, _, found = run.stdout.partition("\n")
    assert Path(place) == tmp_path / "site" / "palmira" / "cli.py", run.stderr
    assert len(json.loads(found)["checks"]) > 100


@pytest.mark.skipif(not TASKS.exists(), reason="only Linux lists threads there")
def test_chapters_are_forked_from_a_process_of_one_thread():
    """Else Python 3.12 and later warn, for a fork could wait forever for what a thread held."""
    count = f"""
import os
from palmira.site.execution import *
load(LIBRARIES)
print(os.listdir({str(TASKS)!r}))
"""
    command = [sys.executable, "-c", count]
    tasks = subprocess.check_output(command, env=os.environ | ONE_THREAD, text=True)
    assert len(tasks.split(",")) == 1, tasks
