"""Views docked beside the canvas, and the room that they take."""
