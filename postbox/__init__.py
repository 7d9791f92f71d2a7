"""A stand-in mailbox and phone for demo and tests. Knows nothing of races, and campaigns knows nothing of it."""

from postbox.box import PortTaken, Postbox
from postbox.faults import Fault
from postbox.numbers import Mark
from postbox.store import Email, Text

__all__ = ["Email", "Fault", "Mark", "PortTaken", "Postbox", "Text"]
