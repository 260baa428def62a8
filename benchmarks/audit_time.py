"""Time the audit of the four records, without C16 and with it: python benchmarks/audit_time.py."""

import platform
import time

from palmira.audit import NAMES, QUICK, audit
from palmira.record import comparators, published


def best_of(runs: int, only: tuple[str, ...]) -> float:
    """Least wall time in seconds of auditing all four records."""
    records = [published("palmira"), *(others := comparators()).values()]
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        for record in records:
            audit(record, others, only=only)
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, {platform.machine()}")
    without = best_of(3, QUICK)
    whole = best_of(3, NAMES)
    print(f"four records without C16: {without:.2f} s; with C16: {whole:.2f} s")
    slowest = sorted(((best_of(1, (name,)), name) for name in NAMES), reverse=True)[:4]
    print("slowest checks:", ", ".join(f"{name} {seconds:.2f} s" for seconds, name in slowest))
