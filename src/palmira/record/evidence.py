"""The five kinds of evidence; every figure and table of the book names its own."""

from enum import StrEnum

# What a figure or table is called among a cell's outputs.
MIME = "application/vnd.palmira.exhibit+json"


class Evidence(StrEnum):
    """What a figure or table rests on."""

    PUBLISHED = "published"
    DERIVED = "derived"
    CONDITIONAL = "conditional"
    SYNTHETIC = "synthetic"
    SIMULATED = "simulated"

    @property
    def meaning(self) -> str:
        return MEANINGS[self]


MEANINGS = {
    Evidence.PUBLISHED: "transcribed from the paper or another named source",
    Evidence.DERIVED: "computed from published numbers alone",
    Evidence.CONDITIONAL: "computed from published numbers; true only if a named assumption holds",
    Evidence.SYNTHETIC: "from synthetic patients that are calibrated to the published numbers",
    Evidence.SIMULATED: "from a stated model, by simulation or calculation",
}
