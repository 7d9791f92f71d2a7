"""The worker with every wait of the ledger a hundredth as long, for tests of what happens past a lease.

Only the unit of time changes: how long a message may be handed over, a block is its owner's, its machine may be
silent and a doubt rests stand in the same relation as in `campaigns.drain` and `campaigns.ledger`.
"""

from chaos import SHARE
from worker import app

__all__ = ["app"]

from campaigns import drain
from campaigns.ledger import settling, sweeping

drain.LEASE /= SHARE
drain.HAND_OVER_UNTIL /= SHARE
settling.DOUBT_RESTS /= SHARE
sweeping.DOUBT_RESTS = settling.DOUBT_RESTS
sweeping.SILENCE = f"{600 / SHARE} seconds"
