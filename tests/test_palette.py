"""Colors of the figures, as people with a color-vision deficiency see them."""

from itertools import combinations

import numpy as np
import pytest
from colorspacious import cspace_convert, deltaE

from palmira.show.style import (
    ARM_COLORS,
    CONTROL_GRADE_COLORS,
    GRADE_COLORS,
    READING_COLORS,
    VERDICT_COLORS,
)

# Machado's model at full severity; distances in CAM02-UCS, where 1 is just noticed side by side.
SIGHTS = (None, "deuteranomaly", "protanomaly", "tritanomaly")
APART = 11.5
PALETTES = {
    "arms": {k: ARM_COLORS[k] for k in ("palbociclib", "et", "total", "triplet")},
    "readings": READING_COLORS,
    "grades": GRADE_COLORS,
    "grades, control": CONTROL_GRADE_COLORS,
    "verdicts": VERDICT_COLORS,
}


def rgb(color):
    return np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def seen(color, sight):
    if sight is None:
        return rgb(color)
    space = {"name": "sRGB1+CVD", "cvd_type": sight, "severity": 100}
    return np.clip(cspace_convert(rgb(color), space, "sRGB1"), 0, 1)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("name", PALETTES)
def test_colors_are_told_apart_by_every_common_sight(name, sight):
    palette = {color: seen(color, sight) for color in set(PALETTES[name].values())}
    for one, other in combinations(sorted(palette), 2):
        apart = float(deltaE(palette[one], palette[other], input_space="sRGB1"))
        assert apart > APART, (one, other, round(apart, 1))
