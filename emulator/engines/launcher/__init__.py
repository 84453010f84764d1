"""The program that stands before a function's, and its door to this server: docs/launcher.md."""
