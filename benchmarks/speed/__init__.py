"""The speed of taskdock and its peers, measured in turn in one run."""
