"""What gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from campaigns import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
logs.speak()
