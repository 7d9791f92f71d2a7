"""No hook is left out of what every webhook must withstand."""

import test_esp_hooks
import test_twilio_inbound
import test_twilio_status
from webhook_cases import WebhookCases

from config.urls import urlpatterns

MODULES = (test_esp_hooks, test_twilio_inbound, test_twilio_status)


def test_every_route_of_a_hook_has_its_cases():
    routes = {route.name for route in urlpatterns if str(route.pattern).startswith("hooks/")}
    classes = [found for module in MODULES for found in vars(module).values() if isinstance(found, type)]
    proven = {found.hook for found in classes if issubclass(found, WebhookCases) and found.hook}
    assert routes == proven
