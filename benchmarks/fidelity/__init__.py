"""What AWS Lambda does and what taskdock, SAM CLI and the RIE do, found by running them."""
