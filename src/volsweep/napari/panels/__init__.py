"""The sections of the dock widget: each shows and asks, none decides."""
