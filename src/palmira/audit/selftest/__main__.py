"""Run the self-test: ``python -m palmira.audit.selftest``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rich.progress import track

from palmira.audit.selftest.study import ERRORS_EACH, OUTPUT, PAPERS, SEED, outcomes, save, summary


def main() -> None:
    """Draw the papers, audit them, write the result."""
    parser = argparse.ArgumentParser(prog="python -m palmira.audit.selftest", description=__doc__)
    parser.add_argument("--papers", type=int, default=PAPERS, help="clean papers")
    parser.add_argument("--errors", type=int, default=ERRORS_EACH, help="errors tried a paper")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    stream = outcomes(given.papers, given.seed, given.errors, given.workers)
    papers = track(stream, description="Papers", total=given.papers)
    result = summary(papers, given.seed, given.errors)
    save(result, given.output)
    clean, errors = result["clean"]["all"], result["errors"]["all"]
    print(f"Clean papers with an inconsistent: {clean['inconsistent']}")
    print(f"Clean papers with an impossible: {clean['impossible']}")
    print(f"Errors found, all: {errors['raw']}; that could be seen: {errors['visible']}")
    print(f"Written to {given.output}")


if __name__ == "__main__":
    main()
