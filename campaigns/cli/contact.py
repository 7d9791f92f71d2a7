"""`aidstation event contact`: who reads the replies, and the proof that somebody does."""

from __future__ import annotations

import click

from campaigns.cli import given, output, ready


@click.command()
@click.argument("slug")
@click.option("--email", default="", metavar="EMAIL", help="Where replies go from now on.")
@click.option("--ask", is_flag=True, help="Mail a code there, to be given with --confirm.")
@click.option("--confirm", "code", default="", metavar="CODE", help="The code that came to that mailbox.")
@output.json_option
@output.as_option
def contact(slug: str, email: str, ask: bool, code: str, as_json: bool, who: str) -> None:
    """Show, change and confirm the mailbox that replies to the messages of event SLUG go to."""
    ready.prepare()
    from campaigns import audit
    from campaigns import contact as contacts
    from campaigns.cli.event import event_named
    from campaigns.models import Event

    event = event_named(slug)
    try:
        if email:
            Event.objects.filter(id=event.id).update(contact_email=given.contact(email))
            audit.record(who, "event.contact", event=slug, changed=True)
            event.refresh_from_db()
        if code:
            contacts.confirm(event, code)
            audit.record(who, "event.contact", event=slug, confirmed=True)
            event.refresh_from_db()
        elif ask:
            contacts.ask(event)
    except contacts.ContactError as error:
        output.refuse(error)
    confirmed = contacts.is_confirmed(event)
    if as_json:
        output.print_json({"event": slug, "contact": event.contact_email, "confirmed": confirmed})
        return
    if ask and not code:
        click.echo(f"A code is on its way to {event.contact_email}.")
    said = (
        "somebody has confirmed that they read it"
        if confirmed
        else "nobody has confirmed yet that they read it"
    )
    click.echo(f"Replies go to {event.contact_email or 'nobody'}: {said}.")
