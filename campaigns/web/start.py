"""The first page: what this server is, for whoever finds it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from campaigns.web.organiser import door


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """`/`: says what Aid Station is and where organisers and runners go; for a stranger it asks the database nothing.

    Whoever is signed in goes on to their events.
    """
    if door.is_in(request):
        return redirect("events")
    return render(request, "start.html")
