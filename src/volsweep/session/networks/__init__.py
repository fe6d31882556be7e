"""What makes a session's masks, as the session asks it."""
