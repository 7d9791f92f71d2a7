"""Backup and restore, and what a restored station must find out before it goes on."""
