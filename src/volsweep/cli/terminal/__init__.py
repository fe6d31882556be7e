"""What the command line says: results, notes, progress, and what is wrong with a call."""
