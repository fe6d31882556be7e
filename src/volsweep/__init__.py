"""Prompt one slice, sweep the volume."""
