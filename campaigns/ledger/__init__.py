"""The only code that changes a delivery's state: open, claim, settle, sweep, and re-date when the race moves.

Every statement that decides who gets a message stands here as SQL, with the index that serves it.
"""

from campaigns.ledger.claiming import Claim, Claimed, claim, next_step
from campaigns.ledger.doubting import (
    ASK_AGAIN,
    Asked,
    AtNumber,
    Doubt,
    at_number_of,
    done_asking,
    looked,
    next_enquiry,
    resend_or_end,
)
from campaigns.ledger.foreseeing import (
    Crowd,
    Foreseen,
    Tally,
    audience_counts,
    audience_crowds,
    audience_sizes,
    foresee,
    kin,
    tally,
    went_to,
)
from campaigns.ledger.gate import bump_stop_signal, end_openings, stop_epoch
from campaigns.ledger.looking_ahead import Coming, Prospect, coming, prospects
from campaigns.ledger.looking_back import Sent, sent_message
from campaigns.ledger.moves import LEGAL_MOVES, SHOWN_STATE
from campaigns.ledger.opening import ONLY_SERVICE_FROM, Openings, open_chunk, openings
from campaigns.ledger.reach import Reach, reach
from campaigns.ledger.receiving import fold
from campaigns.ledger.redating import redate_chunk, steps_to_redate
from campaigns.ledger.releasing import free_chunk, steps_to_free
from campaigns.ledger.replaying import replay, replay_the_dead
from campaigns.ledger.restoring import (
    HeldBack,
    close_restoration,
    held_back,
    hold_back,
    let_go,
    open_restoration,
    went_out,
)
from campaigns.ledger.sampling import samples
from campaigns.ledger.settling import Result, hold, pause_step, release, settle
from campaigns.ledger.sweeping import cancel, finish_steps, sweep

__all__ = [
    "ASK_AGAIN",
    "LEGAL_MOVES",
    "ONLY_SERVICE_FROM",
    "SHOWN_STATE",
    "Asked",
    "AtNumber",
    "Claim",
    "Claimed",
    "Coming",
    "Crowd",
    "Doubt",
    "Foreseen",
    "HeldBack",
    "Openings",
    "Prospect",
    "Reach",
    "Result",
    "Sent",
    "Tally",
    "at_number_of",
    "audience_counts",
    "audience_crowds",
    "audience_sizes",
    "bump_stop_signal",
    "cancel",
    "claim",
    "close_restoration",
    "coming",
    "done_asking",
    "end_openings",
    "finish_steps",
    "fold",
    "foresee",
    "free_chunk",
    "held_back",
    "hold",
    "hold_back",
    "kin",
    "let_go",
    "looked",
    "next_enquiry",
    "next_step",
    "open_chunk",
    "open_restoration",
    "openings",
    "pause_step",
    "prospects",
    "reach",
    "redate_chunk",
    "release",
    "replay",
    "replay_the_dead",
    "resend_or_end",
    "samples",
    "sent_message",
    "settle",
    "steps_to_free",
    "steps_to_redate",
    "stop_epoch",
    "sweep",
    "tally",
    "went_out",
    "went_to",
]
