"""One series from file to file: read, prompt, sweep, measure, write, report."""
