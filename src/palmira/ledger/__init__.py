"""The ledger: every number that the paper prints, beside what it comes to when computed anew."""

from palmira.ledger.book import LedgerEntry, ledger
from palmira.ledger.finding import MEANINGS, Verdict

__all__ = ["MEANINGS", "LedgerEntry", "Verdict", "ledger"]
