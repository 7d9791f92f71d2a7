"""A new message: its channel and name, and what it starts from."""

from __future__ import annotations

from django import forms
from django.contrib import messages as news
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from campaigns import audit, content, wording
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.models import Template, Version
from campaigns.models.words import Channel
from campaigns.web.organiser import words
from campaigns.web.organiser.door import page
from campaigns.web.organiser.showing import show

STARTS = {
    Channel.EMAIL: """---
topic: "{topic}"
purpose: service
subject: "{topic}"
preheader: "The line that mail programs show beside the subject."
---
# {topic}

Hello {{{{ names }}}}, write here what there is to know.
""",
    Channel.SMS: """---
topic: "{topic}"
purpose: service
---
{{{{ event_name }}}}: write here what there is to know.
""",
}
"""What a message starts from that is no copy of another."""


class NewMessage(forms.Form):
    """Which message is made, and whose words it begins with."""

    channel = forms.ChoiceField(label="Sent by", choices=[(Channel.EMAIL, "Email"), (Channel.SMS, "Text")])
    name = forms.CharField(
        label="Name", max_length=60, help_text="For colleagues: a-z, 0-9 and hyphens, such as race-week."
    )
    like = forms.ChoiceField(label="Start from", required=False)

    def __init__(self, *args: object, templates: list[Template], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        known = [
            (f"{one.channel}/{one.name}", f"A copy of {words.topic(one.name)} ({one.channel})")
            for one in templates
        ]
        self.fields["like"].choices = [("", "A short start"), *known]  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
@page(Power.EDIT)
def new(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/messages/new`: makes the message, which no step sends yet, and opens it to be written.

    A page that misses a message leads here with its `channel` and `name`.
    """
    templates = list(Template.objects.filter(event=member.event).order_by("channel", "name"))
    asked = {name: request.GET[name] for name in ("channel", "name") if name in request.GET}
    form = NewMessage(request.POST or None, templates=templates, initial=asked)
    made = _made(member, form) if form.is_valid() else None
    if made is None:
        return show(request, member, "message_new.html", form=form)
    audit.record(member.who, "template.create", event=member.event.slug, version=made.id)
    news.success(request, "The message is there: write it now. No step sends it yet.")
    return redirect("message", member.event.slug, made.template.channel, made.template.name)


def _made(member: Member, form: NewMessage) -> Version | None:
    given = form.cleaned_data
    source = _start(member, given["like"]) or STARTS[given["channel"]].format(
        topic=words.topic(given["name"])
    )
    try:
        return wording.create(member.event, given["channel"], given["name"], source)
    except wording.WordingError as error:
        form.add_error("name", str(error))
    except content.ContentError as error:
        form.add_error("like", f"It cannot start from that: {error}")
    return None


def _start(member: Member, like: str) -> str:
    """The newest words of the message to copy; "" for none."""
    channel, _, name = like.partition("/")
    versions = Version.objects.filter(
        template__event=member.event, template__channel=channel, template__name=name
    )
    return versions.order_by("-number").values_list("source", flat=True).first() or ""
