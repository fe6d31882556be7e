"""A server: the page for a browser, and the network for laptops that have none. Every session is the one `Session`."""
