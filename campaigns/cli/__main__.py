"""`python -m campaigns.cli`: the `aidstation` command where it is not on the path."""

from campaigns.cli import main

main(prog_name="aidstation")
