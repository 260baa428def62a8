"""Cost of the ensemble on one worker and on two: python benchmarks/ensemble.py."""

import platform
import time

from joblib import Parallel, delayed

from palmira.record import published
from palmira.twin.ensemble import SEED, drawn, pushes
from palmira.twin.members import RATE, Setting, drive, setting

MEMBERS, PUSHES = 8, 8


def wall(made: Setting, workers: int) -> tuple[float, float]:
    """Wall time in seconds of the members and of driven ones; the workers have compiled before."""
    with Parallel(workers, return_as="generator") as pool:
        drawn(made, 2 * workers, pool, "compile")
        start = time.perf_counter()
        found = drawn(made, MEMBERS, pool, f"{workers} workers")
        middle = time.perf_counter()
        some = [p for p in pushes() if p[0] != RATE][:PUSHES]
        jobs = (delayed(drive)(made, found[0][0], p, [SEED, k]) for k, p in enumerate(some))
        list(pool(jobs))
        return middle - start, time.perf_counter() - middle


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, {platform.machine()}")
    start = time.perf_counter()
    made = setting(published("palmira"), "full", SEED)
    print(f"orders of the smaller arm, with compiling: {time.perf_counter() - start:.1f} s")
    for workers in (1, 2):
        members, driven = wall(made, workers)
        print(
            f"{workers} workers: {MEMBERS} members {members:.1f} s, {PUSHES} driven {driven:.1f} s"
        )
