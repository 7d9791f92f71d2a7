"""Django's settings, urls and wsgi entry point."""
