"""The course: the plan of an event as a picture, and as the list that tells the same without it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from campaigns import alerts, clock
from campaigns.accounts.members import Member
from campaigns.accounts.powers import Power
from campaigns.alerts.arming import same_person
from campaigns.models import Campaign, Entrant, Event
from campaigns.web import course as picture
from campaigns.web.organiser import course_words, plan_look
from campaigns.web.organiser.door import page
from campaigns.web.organiser.plan_page import show_empty
from campaigns.web.organiser.showing import show


@require_safe
@page(Power.SEE)
def course(request: HttpRequest, member: Member) -> HttpResponse:
    """`/e/<slug>/`: every planned step as a station at its moment; without a plan, how to begin one."""
    campaign = Campaign.objects.filter(event=member.event).first()
    if campaign is None:
        return show_empty(request, member)
    now, event = clock.now(), member.event
    plan = plan_look.look(event, campaign, now)
    return show(
        request, member, "course.html",
        plan=plan,
        nobody=not any(one.people for one in plan.steps) and not Entrant.objects.filter(event=event).exists(),
        confirming=[(each, same_person(each.armed_by, member.who)) for each in alerts.confirming(event)],
        opening=course_words.opening(event, campaign, plan, now),
        drawn=plan_look.drawn(event, plan, now),
        before=[one for one in plan.steps if not _is_behind(one, event)],
        behind=[one for one in plan.steps if _is_behind(one, event)],
        state_words=picture.STATE_WORDS | picture.STATE_MEANINGS,
        shapes=picture.SHAPES,
        legend=picture.legend({one.state for one in plan.steps} | {one.state for one in plan.alerts}),
        one_sign=picture.one_sign,
    )  # fmt: skip


def _is_behind(one: plan_look.StepLook, event: Event) -> bool:
    """Whether a station stands behind the finish."""
    finish = picture.Course(event.date, event.zone, clock.now(), []).finish
    return one.at is not None and one.at > finish
