"""For those who test with taskdock: parts that stand in for the real ones."""
