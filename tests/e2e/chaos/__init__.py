"""Everything is killed in the middle of a send, and afterwards the ledger is held against what arrived."""

SHARE = 100
"""How many times shorter the ledger's waits are where `chaos.impatient` stands in for `worker`."""
