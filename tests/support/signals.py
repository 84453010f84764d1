"""Signals as a shell in the foreground hands them to a program, for programs that tests start."""

AS_IN_THE_FOREGROUND = ("env", "--default-signal=INT,QUIT,HUP")
"""Before a command. What runs in the background ignores Ctrl-C, and with nohup a hangup, too. Who
is started by it inherits that, and a shell cannot trap what was ignored at its start."""
