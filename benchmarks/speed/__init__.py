"""How fast taskdock and its peers are, measured in turn in one run."""
