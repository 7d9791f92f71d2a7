"""The states of a delivery and the moves between them."""

from campaigns.models.words import DeliveryState as State

LEGAL_MOVES: dict[State, frozenset[State]] = {
    State.DUE: frozenset(
        {State.UNCERTAIN, State.SENT, State.DELIVERED, State.BOUNCED, State.FAILED, State.SKIPPED, State.HELD}
    ),
    State.HELD: frozenset({State.DUE, State.SKIPPED}),
    # A moved race asks again those who were passed over before.
    State.SKIPPED: frozenset({State.DUE}),
    State.UNCERTAIN: frozenset(
        {State.SENT, State.DELIVERED, State.BOUNCED, State.FAILED, State.UNKNOWN, State.DUE}
    ),
    State.UNKNOWN: frozenset({State.SENT, State.DELIVERED, State.BOUNCED, State.FAILED, State.DUE}),
    # Due again: a report that the phone was off is worth one more try.
    State.SENT: frozenset({State.DELIVERED, State.BOUNCED, State.DUE}),
    # Twilio sometimes reports a text as undelivered that a later receipt proves delivered.
    State.BOUNCED: frozenset({State.DELIVERED}),
    # A try that was refused came after one that had no answer, and that one arrived after all.
    State.FAILED: frozenset({State.DELIVERED}),
}
"""From each state to those it may become; the trigger `deliveries_legal_move` refuses every other move."""

SHOWN_STATE = "CASE WHEN d.state = 'due' AND o.lease_until IS NOT NULL THEN 'claimed' ELSE d.state END"
"""The state to show, over `deliveries d LEFT JOIN outbox o`: a claimed row is due with a lease in the outbox."""
