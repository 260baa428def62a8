"""What the records say together: ratios, subgroups, responses, explanations, and the ledger."""
