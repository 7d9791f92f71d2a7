"""Everything is killed in the middle of a send, and afterwards the ledger is held against what arrived."""
