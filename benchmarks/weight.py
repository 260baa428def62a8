"""The weight of a first visit to each page, as a static host sends it: benchmarks/weight.py."""

from pathlib import Path
from statistics import median

from palmira.site.browser import browsing, first_visit, serving
from palmira.site.measured import keep

SITE = Path(__file__).parents[1] / "_build" / "html"
HOME, EXPLORERS = "notebooks/intro.html", "notebooks/explorers.html"


def main() -> None:
    pages = [p.relative_to(SITE).as_posix() for p in sorted(SITE.glob("[nb]*/*.html"))]
    with browsing() as browser, serving(SITE) as address:
        weights = {page: first_visit(browser, SITE, address, page) / 1000 for page in pages}
    rest = {p: w for p, w in weights.items() if p not in (HOME, EXPLORERS)}
    heaviest = max(rest, key=rest.get)
    rows = [
        ["Home page", weights[HOME], 500],
        ["Chapter, median", median(rest.values()), 900],
        [f"Chapter, heaviest ({Path(heaviest).stem})", rest[heaviest], 900],
        ["Explorers", weights[EXPLORERS], None],
    ]
    keep("weight", ["Page", "KB, first visit", "Limit, KB"], rows)


if __name__ == "__main__":
    main()
