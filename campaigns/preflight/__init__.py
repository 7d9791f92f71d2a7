"""Preflight: everything that can be known of a campaign's messages before the first of them goes.

It asks the claim's own rules, makes every message on the drain's own path, and sends nothing.
"""

from campaigns.preflight.findings import Finding, Report, Severity, StepFigures
from campaigns.preflight.running import PreflightError, Progress, look, silent

__all__ = ["Finding", "PreflightError", "Progress", "Report", "Severity", "StepFigures", "look", "silent"]
