"""Comparison of AWS Lambda with taskdock, SAM CLI, the RIE and MiniStack, by running them."""
