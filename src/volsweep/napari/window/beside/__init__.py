"""What goes on beside a worklist while a case is worked on."""
