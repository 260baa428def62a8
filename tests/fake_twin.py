"""Random patients and adverse events that keep the rules of a twin, of any size; not PALMIRA's
numbers. For tests of what is made from them."""

import numpy as np
import pandas as pd

from palmira.twin.adam.study_days import timeline

FACTORS = (
    "Age",
    "Endocrine therapy",
    "ECOG performance status",
    "Metastatic sites",
    "Visceral involvement",
    "Duration of first-line palbociclib",
)
TABLE1 = {
    "ethnicity": "Ethnicity",
    "menopause": "Menopausal status",
    "receptor": "Hormone receptor status",
    "prior_setting": "Setting of previous palbociclib",
    "last_dose": "Last palbociclib dose",
    "de_novo": "De novo advanced breast cancer",
    "prior_response": "Best response to previous palbociclib",
}


def levels(record, block, factor):
    rows = record.block(block).rows
    return list(dict.fromkeys(r.category for r in rows if r.factor == factor and r.category))


def fake_patients(record, sizes, seed):
    """``patients`` of the twin's contract; ``sizes`` holds the number of patients by arm."""
    rng = np.random.default_rng(seed)
    first = timeline(record, "first_randomized")
    last = (timeline(record, "last_randomized") - first).days
    cutoff = (timeline(record, "cutoff") - first).days
    lines = []
    for arm, n in sizes.items():
        for i in range(n):
            enrolled = 0 if not lines else int(rng.integers(0, last + 1))
            follow_up = cutoff - enrolled + 1
            lines.append({"arm": arm, "enrolled": enrolled, "treated": i > 0})
            lines[-1] |= course(rng, i > 0, follow_up) | baseline(rng, record)
            lines[-1] |= exposure(rng, record, lines[-1], arm == next(iter(sizes)), follow_up)
    return pd.DataFrame(lines)


def course(rng, treated, follow_up):
    """Progression, death and response."""
    if not treated:
        os = int(rng.integers(1, follow_up + 1))
        return {
            "pfs": 1,
            "pfs_event": False,
            "os": os,
            "died": bool(rng.random() < 0.3),
            "response": "NE",
            "response_day": np.nan,
            "benefit": False,
        }
    progression, death = (1 + int(rng.exponential(scale)) for scale in (180, 700))
    end = follow_up if rng.random() < 0.7 else int(rng.integers(1, follow_up + 1))
    died, os = death <= end, min(death, end)
    event, pfs = min(progression, death) <= end, min(progression, death, end)
    fatal = event and died and pfs == os
    response, day = best(rng, pfs, event, fatal)
    benefit = response in ("CR", "PR") or (response == "SD" and pfs > 168)
    return {
        "pfs": pfs,
        "pfs_event": event,
        "os": os,
        "died": died,
        "response": response,
        "response_day": day,
        "benefit": benefit,
    }


def best(rng, pfs, event, fatal):
    """A best response that the time allows, and its first day."""
    able = []
    if pfs > 100:
        able += ["CR", "PR"]
    if (event and pfs > 57) or (not event and pfs > 1):
        able += ["SD", "SD", "SD"]
    if not event or fatal:
        able.append("NE")
    elif pfs <= 64 or rng.random() < 0.1:
        able = ["PD"]
    response = str(rng.choice(able))
    day = float(rng.integers(50, pfs - 28)) if response in ("CR", "PR") else np.nan
    return response, day


def baseline(rng, record):
    """Each factor on its own; what the factors of Figure 3 decide follows them."""
    made = {f: str(rng.choice(levels(record, "figure3", f))) for f in FACTORS}
    made |= {k: str(rng.choice(levels(record, "table1", f))) for k, f in TABLE1.items()}
    if made["prior_setting"] != "Advanced disease":
        made["prior_response"] = np.nan
    young, short = made["Age"].startswith("<"), made[FACTORS[5]].startswith("6")
    made["age"] = int(rng.integers(33, 65) if young else rng.integers(65, 86))
    made["prior_duration"] = float(rng.uniform(6.2, 11.9) if short else rng.uniform(12, 64.6))
    made["ecog"] = "0" if made[FACTORS[2]] == "0" else str(rng.choice(["1", "2"]))
    fulvestrant = made["Endocrine therapy"] == "Fulvestrant"
    made["prior_et"] = "Aromatase inhibitor" if fulvestrant else "Fulvestrant"
    return made | {"liver": bool(rng.random() < 0.4), "measurable": bool(rng.random() < 0.7)}


def exposure(rng, record, patient, experimental, follow_up):
    """Time on treatment and how it ended."""
    made = {
        "on_treatment": False,
        "treatment_end": np.nan,
        "end_reason": np.nan,
        "rdi": np.nan,
        "rdi_et": np.nan,
        "dose_reduced": False,
        "interrupted": False,
        "untreated_reason": np.nan,
    }
    if not patient["treated"]:
        rows = [r for r in record.block("results").rows if r.within == "not_treated"]
        return made | {"untreated_reason": rows[int(rng.integers(len(rows)))].label}
    going_on = patient["pfs"] == follow_up and not patient["pfs_event"]
    reasons = ["Progressive disease", "Adverse event", "Withdrawal by subject"]
    made |= {"on_treatment": going_on, "rdi_et": 100.0, "treatment_end": float(patient["pfs"])}
    if not going_on:
        made["end_reason"] = str(rng.choice(reasons if patient["pfs_event"] else reasons[1:]))
    if experimental:
        made |= {
            "rdi": float(rng.uniform(60, 100)),
            "dose_reduced": bool(rng.random() < 0.1),
            "interrupted": bool(rng.random() < 0.4),
        }
    return made


def fake_events(record, patients, seed):
    """``events`` of the twin's contract: a few a treated patient, one fatal where that fits."""
    rng = np.random.default_rng(seed)
    classes = {r.id: r.label for r in record.block("table2").rows if r.within == "any"}
    terms = [
        (r.label, classes[r.within]) for r in record.block("table2").rows if r.within in classes
    ]
    cutoff = (timeline(record, "cutoff") - timeline(record, "first_randomized")).days
    lines = []
    for i, p in patients[patients["treated"]].iterrows():
        last = int(min(p["treatment_end"] + 28, p["os"], cutoff - p["enrolled"] + 1))
        for j in range(int(rng.integers(0, 5))):
            term, body = terms[int(rng.integers(len(terms)))]
            start = int(rng.integers(1, last + 1))
            fatal = j == 0 and p["died"] and last == p["os"]
            end = last if fatal else int(rng.integers(start, last + 1))
            lines.append(
                {
                    "patient": i,
                    "term": term,
                    "body": body,
                    "start": start,
                    "end": end,
                    "grade": 5 if fatal else int(rng.integers(1, 5)),
                    "serious": fatal or bool(rng.random() < 0.05),
                    "related": bool(rng.random() < 0.5),
                }
            )
    return pd.DataFrame(lines)
