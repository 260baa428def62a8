"""Explorer of the pool: trials in and out, the interval of one of them, model and interval."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import exp, sqrt

import pandas as pd

from palmira.readings.evidence_synthesis import choose, pooled, trial_effects
from palmira.record import Record
from palmira.show.formats import span, spell
from palmira.statistics.pooling import Pool
from palmira.teaching.explorers.panel import READINGS, Control, Explorer, Numbers, Shown

MODELS = {
    "Fixed effect, z": ("FE", False),
    "Random effects (REML), z": ("REML", False),
    "Random effects (REML), Knapp-Hartung": ("REML", True),
}
NO_SPREAD = "none in this model"


def explorer(records: Mapping[str, Record]) -> Explorer:
    """The explorer of the given trials; the first is the one with three readings."""
    effects = trial_effects(records)
    trials = [r.trial for r in records.values()]
    options = list(product(product((False, True), repeat=len(trials)), READINGS, MODELS))
    settings = [_shown(effects, trials, inside, name, model) for inside, name, model in options]
    everyone, last = (True,) * len(trials), list(MODELS)[-1]
    wanted = [(everyone, "neutral", model) for model in MODELS]
    wanted += [(everyone, "conditional", last), ((False, *everyone[1:]), "neutral", last)]
    same = f"The same pool with {trials[0]}"
    return Explorer(
        name="pool",
        controls=(
            *(Control(t, ("out", "in"), 1, "switch") for t in trials),
            Control(f"{trials[0]} enters", tuple(READINGS.values()), 0),
            Control("Model and interval", tuple(MODELS), len(MODELS) - 1),
        ),
        settings=settings,
        columns=("", "At this setting"),
        readout=(
            ("Pooled hazard ratio (95% CI)", "pooled"),
            ("Prediction interval for a new trial", "prediction"),
            ("Spread between trials (tau, log scale)", "tau"),
            ("I², %", "i2"),
            *(
                (f"{same} {words[0].lower()}{words[1:]}", f"pooled_{name}")
                for name, words in READINGS.items()
            ),
        ),
        sentence="{trials} pooled ({model}; {reading}): hazard ratio {pooled}. Prediction interval "
        "for a new trial: {prediction}.",
        nothing="A pooled result needs at least two trials. Select more trials.",
        examples=tuple(options.index(w) for w in wanted),
        drawing={"trials": trials},
    )


def _shown(
    effects: pd.DataFrame, trials: list[str], inside: tuple[bool, ...], name: str, model: str
) -> Shown | None:
    """One setting; None where fewer than two trials are in."""
    chosen = [t for t, taken in zip(trials, inside, strict=True) if taken]
    if len(chosen) < 2:
        return None
    mine = effects[effects["trial"].isin(chosen)]
    pools = {r: pooled(mine, r, *MODELS[model]) for r in READINGS}
    one, lines = pools[name], choose(effects, name).set_index("trial").loc[trials]
    reading = (
        f"{trials[0]} {READINGS[name][0].lower() + READINGS[name][1:]}"
        if inside[0]
        else f"{trials[0]} left out"
    )
    tau = NO_SPREAD if MODELS[model][0] == "FE" else f"{sqrt(one.tau2):.3f}"
    texts = {"trials": spell(chosen), "model": model[0].lower() + model[1:], "reading": reading}
    texts |= {"pooled": one.ratio.text(), "prediction": _predicted(one), "tau": tau}
    texts |= {"i2": f"{one.i2:.0f}"} | {f"pooled_{r}": p.ratio.text() for r, p in pools.items()}
    numbers: dict[str, Numbers] = {"estimate": [exp(x) for x in lines["log_hazard_ratio"]]}
    numbers |= {"lower": lines["lower"].tolist(), "upper": lines["upper"].tolist()}
    numbers["inside"] = [float(x) for x in inside]
    numbers["pooled"] = [one.ratio.lower, one.ratio.value, one.ratio.upper]
    return Shown(texts, numbers)


def _predicted(pool: Pool) -> str:
    """Limits of the prediction interval, or why there is none."""
    e = pool.prediction_ratio
    if e is None:
        return NO_SPREAD if pool.method.startswith("FE") else "needs three trials"
    return span(e.lower, e.upper)
