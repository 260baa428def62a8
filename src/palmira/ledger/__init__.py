"""The ledger: every number that the paper prints, beside what it comes to when computed anew."""

from palmira.ledger.book import MEANINGS, LedgerEntry, Verdict, frame, ledger

__all__ = ["MEANINGS", "LedgerEntry", "Verdict", "frame", "ledger"]
