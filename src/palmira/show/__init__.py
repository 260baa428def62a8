"""What a chapter shows: exhibits with their evidence, numbers for the prose, and the plot kit.

A chapter computes with pandas, lifelines and statsmodels and hands over tidy frames. ``show`` puts
a table or a picture on the page; ``forest``, ``km``, ``dots``, ``band``, ``butterfly`` and the
others draw what the field has a form of its own for; whatever else is a seaborn call on a
``canvas``.
"""

from palmira.show.band import band
from palmira.show.butterfly import butterfly
from palmira.show.dots import dots
from palmira.show.exhibits import Panel, Picture, Table, show
from palmira.show.flow import flow
from palmira.show.forest import forest
from palmira.show.formats import ci, count_percent, p_text, percent, signed, spell, tidy
from palmira.show.kaplan_meier import at_risk, km, steps
from palmira.show.love import love
from palmira.show.prose import quote, say, tell
from palmira.show.style import ARM_COLORS, INK, MUTED, RULE, VERDICT_COLORS, canvas

__all__ = ["Panel", "Picture", "Table", "canvas", "quote", "say", "show", "tell"]
__all__ += ["at_risk", "band", "butterfly", "dots", "flow", "forest", "km", "love", "steps"]
__all__ += ["ci", "count_percent", "p_text", "percent", "signed", "spell", "tidy"]
__all__ += ["ARM_COLORS", "INK", "MUTED", "RULE", "VERDICT_COLORS"]
