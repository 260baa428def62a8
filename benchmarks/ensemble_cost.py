"""Cost of the ensemble on one worker and on two: python benchmarks/ensemble_cost.py."""

import time

from joblib import Parallel, delayed

from palmira.record import published
from palmira.site.measured import keep
from palmira.twin.ensemble.left_open import SEED, drawn, pushes
from palmira.twin.ensemble.members import RATE, Setting, drive, setting

MEMBERS, PUSHES = 16, 16


def wall(made: Setting, workers: int) -> tuple[float, float]:
    """Wall time in seconds of the members and of driven ones; the workers have compiled before."""
    with Parallel(workers, return_as="generator") as pool:
        drawn(made, 2 * workers, pool, "compile")
        start = time.perf_counter()
        found = drawn(made, MEMBERS, pool, f"{workers} workers")
        middle = time.perf_counter()
        some = [p for p in pushes() if p.kind != RATE][:PUSHES]
        jobs = (delayed(drive)(made, found[0][0], p, [SEED, k]) for k, p in enumerate(some))
        list(pool(jobs))
        return middle - start, time.perf_counter() - middle


def main() -> None:
    start = time.perf_counter()
    made = setting(published("palmira"), "full", SEED)
    print(f"orders of the smaller arm, with compiling: {time.perf_counter() - start:.1f} s")
    (one, one_driven), (two, two_driven) = (wall(made, workers) for workers in (1, 2))
    rows = [
        ["One member", one / MEMBERS, two / MEMBERS, one / two],
        ["One driven member", one_driven / PUSHES, two_driven / PUSHES, one_driven / two_driven],
    ]
    keep("ensemble", ["What", "Seconds, 1 worker", "Seconds, 2 workers", "Times as fast"], rows)


if __name__ == "__main__":
    main()
