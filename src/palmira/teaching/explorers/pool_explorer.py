"""Explorer of the pool: trials in and out, the reading of one of them, model and interval."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import exp, sqrt

import pandas as pd

from palmira.readings.evidence_synthesis import choose, pooled, trial_effects
from palmira.record import Record
from palmira.statistics.pooling import Pool
from palmira.teaching.explorers.panel import Control, Explorer, Shown

MODELS = {
    "Fixed effect, z": ("FE", False),
    "Random effects (REML), z": ("REML", False),
    "Random effects (REML), Knapp-Hartung": ("REML", True),
}
NAMES = {"printed": "As printed (published)", "neutral": "Neutral (derived)",
         "conditional": "Full scale (conditional)"}  # fmt: skip
NO_SPREAD = "none in this model"


def explorer(records: Mapping[str, Record]) -> Explorer:
    """The explorer of the given trials; the first is the one with three readings."""
    effects = trial_effects(records)
    trials = [r.trial for r in records.values()]
    options = list(product(product((False, True), repeat=len(trials)), NAMES, MODELS))
    settings = [_shown(effects, trials, inside, name, model) for inside, name, model in options]
    everyone = (True,) * len(trials)
    wanted = [(everyone, "neutral", m) for m in MODELS] + [
        (everyone, "conditional", list(MODELS)[-1]), ((False, *everyone[1:]), "neutral",
                                                      list(MODELS)[-1])]  # fmt: skip
    return Explorer(
        name="pool",
        controls=(
            *(Control(t, ("out", "in"), 1, "switch") for t in trials),
            Control(f"{trials[0]} enters", tuple(NAMES.values()), list(NAMES).index("neutral")),
            Control("Model and interval", tuple(MODELS), 1),
        ),
        settings=settings,
        columns=("", "At this setting"),
        readout=(
            ("Pooled hazard ratio, with 95% interval", "pooled"),
            ("Prediction interval for a new trial", "prediction"),
            ("Spread between trials (tau, log scale)", "tau"),
            ("I², %", "i2"),
            *((f"The same pool, {trials[0]} {words.lower()}", f"pooled_{name}")
              for name, words in NAMES.items()),
        ),
        sentence="{trials} pooled ({model}; {reading}): hazard ratio {pooled}. Prediction interval "
        "for a new trial: {prediction}.",
        nothing="One trial is no pool: choose at least two.",
        examples=tuple(options.index(w) for w in wanted),
        drawing={"trials": trials},
    )  # fmt: skip


def _shown(
    effects: pd.DataFrame, trials: list[str], inside: tuple[bool, ...], name: str, model: str
) -> Shown | None:
    """One setting; None where fewer than two trials are in."""
    chosen = [t for t, taken in zip(trials, inside, strict=True) if taken]
    if len(chosen) < 2:
        return None
    mine = effects[effects["trial"].isin(chosen)]
    pools = {r: pooled(mine, r, *MODELS[model]) for r in NAMES}
    one, lines = pools[name], choose(effects, name).set_index("trial").loc[trials]
    reading = f"{trials[0]} {NAMES[name].lower()}" if inside[0] else f"{trials[0]} left out"
    texts = {
        "trials": " and ".join(", ".join(chosen).rsplit(", ", 1)),
        "model": model[0].lower() + model[1:], "reading": reading,
        "pooled": one.ratio.text(), "prediction": _predicted(one),
        "tau": NO_SPREAD if MODELS[model][0] == "FE" else f"{sqrt(one.tau2):.3f}",
        "i2": f"{one.i2:.0f}",
    }  # fmt: skip
    texts |= {f"pooled_{r}": p.ratio.text() for r, p in pools.items()}
    r = one.ratio
    numbers = {
        "estimate": [exp(x) for x in lines["log_hazard_ratio"]], "lower": lines["lower"].tolist(),
        "upper": lines["upper"].tolist(), "inside": [float(x) for x in inside],
        "pooled": [r.lower, r.value, r.upper],
    }  # fmt: skip
    return Shown(texts, numbers)


def _predicted(pool: Pool) -> str:
    """Limits of the prediction interval, or why there is none."""
    e = pool.prediction_ratio
    if e is None:
        return NO_SPREAD if pool.method.startswith("FE") else "needs three trials"
    return f"{e.lower:.2f} to {e.upper:.2f}"
