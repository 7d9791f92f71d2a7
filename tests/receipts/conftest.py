"""An account that Twilio signs for, with a token that is being rotated."""

import pytest


@pytest.fixture(autouse=True)
def twilio_account(settings) -> None:
    # Only here: this file is read before Django is set up.
    from twilio_calls import ACCOUNT, PREVIOUS, TOKEN

    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = ACCOUNT, TOKEN
    settings.TWILIO_AUTH_TOKEN_PREVIOUS = PREVIOUS
