"""A postbox on free ports, and Twilio's client for it."""

from collections.abc import Iterator

import pytest
from postbox_clients import twilio_client
from twilio.rest import Client

from postbox import Postbox


@pytest.fixture
def box() -> Iterator[Postbox]:
    with Postbox(delivery_delay=0.02) as box:
        yield box


@pytest.fixture
def twilio(box: Postbox) -> Client:
    return twilio_client(box)
