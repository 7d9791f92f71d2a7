"""Carry finished messages to a mail server or to Twilio. Know nothing of races, Django or the database.

The seam: `send(messages, may_continue)` draws one message at a time, asks `may_continue` right before each
hand-over and yields one `Outcome` for every message handed over. The iterable may wait before it yields a
message: that is how a caller paces (`pacing.in_turn`). Iterate to the end; stop through `may_continue`.
An eager `SmtpChannel`, for callers who do not pace, draws one message ahead.
"""
