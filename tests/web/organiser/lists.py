"""Uploaded entry lists in each state that a page shows, each brought there as people and the worker bring it there."""

from __future__ import annotations

from campaigns.entry_lists import uploads
from campaigns.models import Event, ListUpload

UNKNOWN = (
    "Forename,Surname,E-mail,DOB,Distance,Allergies,Send me tips,Status\n"
    + "".join(
        f"Runner{number},Quill,r{number}@example.org,1980-12-{number % 28 + 1:02d},10k,nuts,yes,paid by cheque\n"
        for number in range(40)
    )
    + "Wrong,Quill,not an address,1980-13-45,10k,,no,\n"
)
MAPPING = {
    "source": "our-form",
    "title": "Our form",
    "columns": {
        "Forename": "first name", "Surname": "last name", "E-mail": "email", "DOB": "birth date", "Distance": "race",
        "Status": "status",
    },
    "consent": [{"heading": "Send me tips", "allows": ["email tips"]}],
    "statuses": {"paid": "confirmed"},
}  # fmt: skip


def a_list(event: Event, state: str) -> dict[str, str]:
    """The token of a list in that state; none for "empty". Again, the one that is there already."""
    if state == "empty":
        return {}
    found = ListUpload.objects.filter(event=event).first() or _made(event, state)
    return {"token": found.token}


def _made(event: Event, state: str) -> ListUpload:
    body = "%PDF" if state == "refused" else UNKNOWN
    made = uploads.take(event, "robin@example.org", "entries.csv", [body.encode()], complete=False)
    if state == "waiting":
        return made
    uploads.run(made.id)
    if state in ("compared", "done"):
        made.refresh_from_db()
        uploads.read_anew(made, mapping=MAPPING)
        uploads.run(made.id)
    if state == "done":
        made.refresh_from_db()
        assert uploads.confirm(made, made.digest, "robin@example.org")
        uploads.run(made.id)
    made.refresh_from_db()
    return made
