"""The window as a whole: how it closes, who has the keys and the mouse, what is seen on a small screen."""
