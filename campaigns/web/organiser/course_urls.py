"""The addresses of the course room, under `/e/<slug>/`."""

from django.urls import URLPattern, path

from campaigns.web.organiser import approving, course, move, plan_page, rehearsing, steps

urlpatterns: list[URLPattern] = [
    path("", course.course, name="course"),
    path("plan", plan_page.plan, name="plan"),
    path("plan/library", plan_page.library, name="plan-library"),
    path("plan/own", plan_page.own, name="plan-own"),
    path("plan.toml", plan_page.as_file, name="plan-as-file"),
    path("steps/new", steps.new, name="step-new"),
    path("steps/<slug:name>/", steps.step, name="step"),
    path("steps/<slug:name>/switch", steps.switch, name="step-switch"),
    path("steps/<slug:name>/delete", steps.delete, name="step-delete"),
    path("approve", approving.approve, name="approve"),
    path("approve/<slug:token>", approving.approve_look, name="approve-look"),
    path("approve/<slug:token>/progress", approving.approve_progress, name="approve-progress"),
    path("move", move.move, name="move"),
    path("move/preview", move.move_preview, name="move-preview"),
    path("rehearse", rehearsing.rehearse, name="rehearse"),
    path("rehearse/<slug:token>", rehearsing.rehearsal, name="rehearsal"),
    path("rehearse/<slug:token>/progress", rehearsing.rehearsal_progress, name="rehearsal-progress"),
    path("rehearse/<slug:token>/report", rehearsing.rehearsal_report, name="rehearsal-report"),
    path("audience", steps.audience_look, name="audience"),
]
