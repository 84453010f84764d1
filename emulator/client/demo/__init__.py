"""The demo: sample functions on a server of its own, in the terminal or on the dashboard."""
