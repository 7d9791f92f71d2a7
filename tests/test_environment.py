"""Settings from the environment: an amount of money is exact, and a wrong one is refused by its name."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment


@pytest.mark.parametrize(("given", "price"), [("", None), ("0.0412", Decimal("0.0412")), (" 0 ", Decimal(0))])
def test_a_price_is_exact_or_none(monkeypatch, given: str, price: Decimal | None) -> None:
    monkeypatch.setenv("SMS_PRICE", given)
    assert environment.price("SMS_PRICE") == price


@pytest.mark.parametrize("given", ["4p", "-1", "NaN", "Infinity", "0,04"])
def test_a_wrong_price_is_refused_by_its_name(monkeypatch, given: str) -> None:
    monkeypatch.setenv("SMS_PRICE", given)
    with pytest.raises(ImproperlyConfigured, match=r"SMS_PRICE is .*give an amount such as 0\.04"):
        environment.price("SMS_PRICE")
