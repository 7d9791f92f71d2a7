"""The pages behind the links of a message: what comes, and one press that stops it.

A GET changes nothing: mail scanners fetch every link. They show no surname, number or address, and set no
cookie; whoever holds the link holds the right to press, so the forms need no CSRF token.
"""

import re
from datetime import date

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns import clock, optout
from campaigns.models import Entrant
from campaigns.models.words import Channel
from campaigns.receipts import notes
from campaigns.web import guessing, preferences
from campaigns.web.health import PLAIN

ONE_CLICK_FIELD = "List-Unsubscribe"
"""RFC 8058, section 3.2: the POST body is `List-Unsubscribe=One-Click`."""

_LINK = re.compile(r"[A-Za-z0-9_-]{1,64}")


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def by_email(request: HttpRequest, token: str) -> HttpResponse:
    """`/u/<token>`: what comes and why; stop tips with a mail program's one click or on the page, or choose."""
    entrant = entrant_of(token=token)
    if request.method != "POST":
        return _email_page(request, entrant) if entrant else _unknown_link(request)
    if entrant is None:
        return _quiet()
    if ONE_CLICK_FIELD in request.POST:
        optout.stop_tips_by_email(entrant, source=optout.ONE_CLICK)
        return _quiet()
    return _email_page(request, entrant, pressed=_press_on_email(entrant, request.POST))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def by_text(request: HttpRequest, code: str) -> HttpResponse:
    """`/s/<code>`: stop tips by text, or every text. The code is short, so guessing is slowed down."""
    if guessing.is_blocked(request):
        return _too_many(request)
    entrant = entrant_of(short_code=code)
    if entrant is None:
        guessing.count_miss(request)
        return _quiet() if request.method == "POST" else _unknown_link(request)
    if request.method != "POST":
        return _text_page(request, entrant)
    return _text_page(request, entrant, pressed=_press_on_text(entrant, request.POST.get("press", "")))


def _press_on_email(entrant: Entrant, form: QueryDict) -> str:
    """Does what was pressed and returns its name. A POST that says nothing we know is a stop."""
    press = form.get("press", "")
    if press == "choose":
        preferences.choose(entrant, form)
    elif press == "tell":
        return "told" if notes.take(entrant, form.get("words", "")) else "not-told"
    elif press == "undo-tips":
        return press if optout.undo_tips(entrant, wording="Send me tips again") else ""
    else:
        optout.stop_tips(entrant)
        return "stop-tips"
    return press


def _press_on_text(entrant: Entrant, press: str) -> str:
    """As `_press_on_email`; what says nothing we know stops tips, the lesser of the two."""
    if press == "undo-tips":
        optout.undo(entrant, optout.TIPS_BY_TEXT, wording="Send me tips by text again")
    elif press == "undo-all":
        optout.undo(entrant, optout.ALL_TEXTS, wording="Send me texts again")
    elif press == "stop-all":
        optout.stop_all_texts(entrant)
    else:
        optout.stop_tips_by_text(entrant)
        return "stop-tips"
    return press


def _email_page(request: HttpRequest, entrant: Entrant, pressed: str = "") -> HttpResponse:
    return render(
        request,
        "preferences.html",
        {
            "pressed": pressed,
            "calendar": f"/u/{entrant.token}/calendar.ics",
            **preferences.shown(entrant, clock.now()),
            **_about(entrant),
        },
    )


def _text_page(request: HttpRequest, entrant: Entrant, pressed: str = "") -> HttpResponse:
    coming = preferences.messages_to_come(entrant, clock.now(), Channel.SMS)
    shown = {
        "standing": optout.standing(entrant, Channel.SMS),
        "pressed": pressed,
        "next": coming[0] if coming else None,
        "tips_stop": optout.TIPS_BY_TEXT,
        "all_stop": optout.ALL_TEXTS,
    }
    return render(request, "text_stop.html", {**shown, **_about(entrant)})


def _about(entrant: Entrant) -> dict[str, object]:
    event = entrant.event
    today = clock.now().astimezone(event.zone).date()
    return {
        "event": event,
        "race": entrant.race,
        "has_email": bool(entrant.email),
        "days_to_go": (event.date - today).days,
        "race_day": _shown(event.date),
    }


def _shown(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"


def entrant_of(**link: str) -> Entrant | None:
    """The entrant whom a link names by `token` or `short_code`."""
    if not all(_LINK.fullmatch(part) for part in link.values()):
        return None
    return (
        Entrant.objects.select_related("event__organiser", "event__campaign", "race", "wave")
        .filter(**link)
        .first()
    )


def _quiet() -> HttpResponse:
    """The one answer to a mail program: 200 at once, and the same whether the link is known or not."""
    return HttpResponse("Your request has been received.\n", content_type=PLAIN)


def _unknown_link(request: HttpRequest) -> HttpResponse:
    return render(request, "unknown_link.html", status=404)


def _too_many(request: HttpRequest) -> HttpResponse:
    response = render(request, "too_many.html", status=429)
    response.headers["Retry-After"] = "60"
    return response
