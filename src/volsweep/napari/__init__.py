"""Volsweep in napari: prompt a slice, see the mask at once, sweep, review, correct, save.

One worker thread owns the session and its network (`worker/session_worker`); the controller translates between
it and napari's layers, and knows nothing of Qt; the widgets only show and ask.
"""
