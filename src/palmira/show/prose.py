"""Numbers for the prose of a chapter, by glue, and prose that data hold."""

from __future__ import annotations

from fnmatch import fnmatchcase

from IPython.display import Markdown, display

from palmira.record import Record
from palmira.show.formats import minus


def quote(record: Record, *ids: str) -> None:
    """Glue published numbers under their own ids; an id may be a pattern (``results.pfs.*``).

    Raises ``KeyError`` for an id or pattern that the record does not know.
    """
    for wanted in ids:
        found = [id for id in record.entries if fnmatchcase(id, wanted)]
        if not found:
            raise KeyError(f"{record.trial} has no entry {wanted!r}")
        for id in found:
            _glue(id, record[id].text)


def tell(**numbers: str) -> None:
    """Glue computed numbers, already formatted as the prose shows them."""
    for key, text in numbers.items():
        if not isinstance(text, str):
            raise TypeError(f"{key}: format the number for the prose first, it is {text!r}")
        _glue(key, text)


def say(text: str) -> None:
    """Show a text in MyST, with its roles and directives, as if it stood in the chapter."""
    display(Markdown(text))


def _glue(key: str, text: str) -> None:
    # What myst_nb.glue(key, text, display=False) emits; importing myst_nb costs each kernel 2.6 s.
    prefix = "application/papermill.record/"
    metadata = {"scrapbook": {"name": key, "mime_prefix": prefix}}
    display({f"{prefix}text/plain": repr(minus(text))}, raw=True, metadata=metadata)


def chapter_name(chapter: str) -> str:
    """A chapter's id as a reader sees it: ``response-survival`` is "Response and survival"."""
    return chapter.replace("-", " and ").capitalize()
