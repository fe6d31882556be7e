"""The thread that owns the session: tasks in, events out."""
