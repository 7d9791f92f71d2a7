"""An entry as a platform pushes it."""

from __future__ import annotations

from typing import Any

WORDING = "Send me race tips by email"


def entry(**fields: Any) -> dict[str, Any]:
    return {
        "first_name": "Zoë",
        "last_name": "Ashdown",
        "email": "Zoe@Example.org",
        "birth_date": "1987-04-23",
        "race": "half",
        "phone": "07700 900123",
        "consents": [{"channel": "email", "purpose": "tips", "granted": True, "wording": WORDING}],
        "answered_at": "2027-03-02T19:31:00Z",
        **fields,
    }
