"""What is kept of people and for how long: all of one person out to them or away, and what time removes."""

from campaigns.privacy.erasing import Erased, Forget, erase, forget_texts
from campaigns.privacy.exporting import export
from campaigns.privacy.retention import Kept, retain

__all__ = ["Erased", "Forget", "Kept", "erase", "export", "forget_texts", "retain"]
