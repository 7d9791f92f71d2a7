"""The whole campaign on a virtual clock: who would get what, when and at what cost. Nothing leaves the machine.

The real opening, claim, rendering and settling run on a private copy of one event; only the carrier is a pretence.
"""

from campaigns.rehearsal.figures import Clash, Line, Person, Rehearsal, StepFigures
from campaigns.rehearsal.running import RehearsalError, rehearse
from campaigns.rehearsal.what_if import WhatIf

__all__ = ["Clash", "Line", "Person", "Rehearsal", "RehearsalError", "StepFigures", "WhatIf", "rehearse"]
