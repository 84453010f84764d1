"""taskdock: the Task Service and an AWS Lambda emulator, on one machine and offline."""

__version__ = "0.1.0"
