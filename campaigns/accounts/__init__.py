"""Who may sign in and what they may do; it must not know what a page looks like."""
