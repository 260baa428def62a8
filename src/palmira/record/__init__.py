"""The published record of a trial: every printed number, once, with its place in the paper."""

from palmira.record.published import DATA, comparators, load, parse, published
from palmira.record.record import Record
from palmira.record.schema import RecordError

__all__ = ["DATA", "Record", "RecordError", "comparators", "load", "parse", "published"]
