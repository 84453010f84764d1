"""The pages of functions: the list, one function, and its tries."""
