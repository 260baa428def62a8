"""Chapters: no number about a trial is typed, none defines a function, each keeps its size."""

import ast
import re
from collections import Counter
from pathlib import Path

import jupytext
import pytest
import yaml

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.md"))
PAGES = sorted((ROOT / "book").glob("*.md"))
LEVELS = ("readers", "rerunners", "statisticians")
LIBRARY_CALL = re.compile(
    r"\b(pd|np|sns|sm|smf|stats|plt)\.\w|"
    r"\b(KaplanMeierFitter|CoxPHFitter|SurvfuncRight|survdiff|combine_effects|Table2x2|lowess"
    r"|proportion_\w+|confint_\w+|logrank_test|proportional_hazard_test)\("
)

# Numbers that may be typed: names of standards, scales and conventions, none of them a result.
ALLOWED = re.compile(
    r"""
    CDK4/6|HER2|PIK3CA|ESR1|AKT1|CYP3A4|RoB\ 2|RECIST\ 1\.1|CONSORT\ 2025|ICH\ E9\(R1\)|CTCAE\ 5\.0
    |EMBER-3|SOLAR-1|CAPItello-291
    |phase\ [23]\b|\bP\ ?[<=]\ ?0?\.05
    |(?:9[05]|80)%(?=\ (?:CI|confidence|interval|limit|prediction|scale|level|power|range)\w*)
    |(?:two-sided|one-sided)\ (?:5|2\.5)%|5%(?=\ level)
    |[Gg]rades?\ [1-5](?:\ (?:to|or|and)\ [1-5])?(?:,\ [1-5])*(?:\ (?:or|and)\ [1-5])?
    |(?<![\d.])[12]:[12](?::1)?(?![\d.])
    |\b(?:6|12)-month|\b(?:6|12)\ months|\b6\ and\ 12\ months
    |(?:Figure|Table|Fig\.?)\ S?[1-3]\b|ASCO\ 20\d\d|JCO\ 20\d\d|\bday\ 1\b
    |(?:of|at|to|than|above|below|include|exclude|crosses|contain|around|is|from|and|against)s?
     \ 1(?![\d.%,:])
    |per\ 100\b|\b100\ patients|Python\ 3\.\d+|CC\ BY(?:-NC-ND)?\ 4\.0|\b(?:30|60)\ minutes
    """,
    re.VERBOSE,
)

# Words for the numbers of a result. Two arms, three readings and the like are no results.
WORDS = re.compile(
    r"""
    \b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|dozen
    |(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)
    (?:[ -](?!a\b|an\b|of\b|the\b)\w+){0,2}
    [ ](?:patients?|women|men|deaths?|died|events?|respon[sd]\w+)\b
    |\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty)
    [ ](?:days?|weeks?|months?|years?|sites?|centers?)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Said of any trial, and of a reading.
WORDS_ALLOWED = ("row of one patient", "The neutral one")


def prose(path: Path) -> str:
    """A page without code, roles, links, math, front matter and the numbers of lists."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"^```\{code-cell\}.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^```\w+$.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^\(.*\)=$|^:+\{grid\}.*$|^:\w[\w-]*:.*$|^\d\. ", "", text, flags=re.MULTILINE)
    text = re.sub(r"\{[\w:-]+\}`[^`]*`", "", text)
    text = re.sub(r"`[^`]*`", "", text)
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", "", text, flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)|https?://\S+|10\.\d{4,}/\S+", "", text)
    return re.sub(r"[ \t]+", " ", text)


def typed_numbers(text: str) -> list[str]:
    """Digits that are left after the allowed ones, each with the words around it."""
    rest = ALLOWED.sub("", text)
    found = [*re.finditer(r"\d[\d.,]*", rest), *WORDS.finditer(rest)]
    around = [rest[max(0, m.start() - 30) : m.end() + 20] for m in found]
    return [words for words in around if not any(a in words for a in WORDS_ALLOWED)]


def captions(path: Path) -> list[str]:
    """The literal captions of a chapter's exhibits."""
    found = []
    for code in cells(path):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.keyword) and node.arg == "caption":
                found += [c.value for c in ast.walk(node) if isinstance(c, ast.Constant)]
    return [text for text in found if isinstance(text, str)]


def cells(path: Path) -> list[str]:
    notebook = jupytext.read(path)
    return [c.source for c in notebook.cells if c.cell_type == "code"]


def test_no_number_about_a_trial_is_typed_in_a_chapter_or_on_another_page():
    found = [
        (path.stem, words)
        for path in CHAPTERS + PAGES
        if path.stem != "references"
        for words in typed_numbers(prose(path))
    ]
    found += [(path.stem, c) for path in CHAPTERS for c in captions(path) if typed_numbers(c)]
    assert found == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Median PFS was 4.9 months.",
        "107 events occurred.",
        "The hazard ratio is 0.84.",
        "In 136 patients",
        "a ratio of 1.07",
        "42.1% at 6 months",
        "April 2022",
        "P = .149",
        "95% of 136 patients",
        "1 death",
        "Two patients died.",
        "every eight weeks",
        "three fatal events",
    ],
)
def test_a_typed_number_is_found(sentence):
    assert typed_numbers(sentence)


def hidden(path: Path) -> list[bool]:
    """Of each code cell whether it is removed from the page."""
    notebook = jupytext.read(path)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    return [any(t.startswith("remove") for t in c.metadata.get("tags", ())) for c in code]


def called(node: ast.AST) -> list[str]:
    """Names of the functions that some code calls."""
    calls = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
    return [getattr(f, "id", getattr(f, "attr", "")) for f in calls]


def libraries(code: str) -> set[str]:
    """The libraries that a cell imports."""
    nodes = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    names |= {str(n.module) for n in nodes if isinstance(n, ast.ImportFrom)}
    return {name.split(".")[0] for name in names}


def test_a_cell_shows_one_exhibit_at_most():
    found = {(p.stem, c.splitlines()[0]): called(ast.parse(c)) for p in CHAPTERS for c in cells(p)}
    assert [k for k, names in found.items() if names.count("show") > 1 and "def " not in k[1]] == []


def test_a_cell_that_is_removed_fills_the_prose_and_does_nothing_else():
    lost = []
    for path in CHAPTERS:
        for code, removed in zip(cells(path), hidden(path), strict=True):
            tree = ast.parse(code)
            glue = set(called(tree)) & {"tell", "quote", "say"}
            kinds = {type(node) for node in ast.walk(tree)}
            work = kinds & {ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef}
            shows = {"show", "fit", "simulate", "savefig"} & set(called(tree))
            if removed and (not glue or work or shows):
                lost.append((path.stem, code.splitlines()[0]))
    # The quiz's and the club's questions are data; the ledger's folded tables have no input.
    assert [x for x in lost if x[0] not in ("quiz", "journal-club", "ledger", "explorers")] == []


def test_the_book_opens_its_analyses():
    count: Counter[str] = Counter()
    lines, whole, visible = 0, 0, 0
    for path in CHAPTERS:
        code = cells(path)
        for library in set().union(*map(libraries, code)):
            count[library] += 1
        if any("sns." in c for c in code):
            count["seaborn draws"] += 1
        lines += sum(bool(LIBRARY_CALL.search(line)) for c in code for line in c.splitlines())
        whole, visible = whole + len(code), visible + hidden(path).count(False)
    assert lines >= 250
    least = {"pandas": 8, "lifelines": 5, "statsmodels": 5, "seaborn": 6, "seaborn draws": 6}
    assert {k: count[k] for k, n in least.items() if count[k] < n} == {}
    assert visible / whole >= 0.7


def test_a_chapter_says_what_it_will_do_and_what_was_learned():
    found = []
    for path in CHAPTERS:
        headings = re.findall(r"^## (.+)$", prose(path), flags=re.MULTILINE)
        found += [(path.stem, "has fewer than two headings")] * (len(headings) < 2)
        # A page to look things up; and participants have learned nothing yet.
        if path.stem in ("about", "package", "pre-reading"):
            continue
        if headings[-1:] != ["What we learned"]:
            found.append((path.stem, "does not end with what we learned"))
        closing = path.read_text(encoding="utf-8").split("## What we learned\n")[-1]
        if len(re.findall(r"^- ", closing, flags=re.MULTILINE)) != 3:
            found.append((path.stem, "has not three things learned"))
        asked = re.findall(r"^\*\*An open question\.\*\* [A-Z].*\?", closing, re.MULTILINE)
        # The quiz closes with a word for a journal club.
        parts = 3 if path.stem == "quiz" else 2
        if len(asked) != 1 or len(closing.strip().split("\n\n")) != parts:
            found.append((path.stem, "does not end with one open question"))
    assert found == []


def exercises(path: Path) -> list[tuple[str, str, str]]:
    """Level and question of each exercise of a chapter, and what follows it."""
    parts = re.split(r"^:::\{admonition\} Exercise", path.read_text("utf-8"), flags=re.MULTILINE)
    found = []
    for part in parts[1:]:
        told = re.match(r" for (\w+): .+?\n:class: exercise\n(.+?)\n:::\n\n(.*)", part, re.DOTALL)
        assert told, f"{path.stem}: an exercise has a level, a title and a question"
        found.append((told[1], told[2], told[3]))
    return found


def test_an_exercise_stands_before_the_closing_and_a_cell_solves_it():
    found = []
    for path in CHAPTERS:
        for level, question, after in exercises(path):
            solved = after.startswith("```{code-cell} ipython3\n:tags: [hide-cell]\n")
            if level not in LEVELS:
                found.append((path.stem, question, f"is for {level}"))
            if not solved or "print(" not in after.split("```")[1]:
                found.append((path.stem, question, "has no hidden cell that prints its solution"))
        # Nothing but a solution is hidden whole, or the page would call it one.
        if path.read_text(encoding="utf-8").count("[hide-cell]") != len(exercises(path)):
            found.append((path.stem, "hides a cell that solves nothing"))
        headings = re.findall(r"^## (.+)$", prose(path), flags=re.MULTILINE)
        if exercises(path) and headings[-2] not in ("Exercise", "Exercises"):
            found.append((path.stem, "has its exercises not before the closing"))
    assert found == []


def test_there_are_exercises_for_every_level_in_many_chapters():
    by_chapter = {path.stem: [level for level, *_ in exercises(path)] for path in CHAPTERS}
    levels = Counter(level for found in by_chapter.values() for level in found)
    assert set(levels) == set(LEVELS) and min(levels.values()) >= 4
    assert sum(map(bool, by_chapter.values())) >= 8 and levels.total() >= 12


def test_the_table_of_contents_lists_every_chapter_and_page():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = {toc["root"]} | {c["file"] for part in toc["parts"] for c in part["chapters"]}
    there = {p.relative_to(ROOT).with_suffix("").as_posix() for p in [*CHAPTERS, *PAGES]}
    assert listed == there


def test_each_glued_key_is_set_by_one_chapter_only():
    setters: dict[str, set[str]] = {}
    for path in CHAPTERS:
        for cell in cells(path):
            for node in ast.walk(ast.parse(cell)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "tell":
                    for keyword in node.keywords:
                        setters.setdefault(keyword.arg or "", set()).add(path.stem)
    assert setters
    assert {key: chapters for key, chapters in setters.items() if key and len(chapters) > 1} == {}
