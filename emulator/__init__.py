"""taskdock: the Task Service and an AWS Lambda emulator, on one machine and offline.

PYTEST_DONT_REWRITE: a program may import this package before it starts pytest, which warns of that.
"""

__version__ = "0.1.0"
