"""Django's own commands, for those who develop Aid Station; `aidstation` is the command for everyone else."""

import os
import sys

from django.core.management import execute_from_command_line

from campaigns.cli.ready import connect

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    connect()
    execute_from_command_line(sys.argv)
