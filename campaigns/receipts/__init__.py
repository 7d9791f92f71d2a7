"""What comes back: reports on what was sent, and texts that people write. It stores, then interprets."""
