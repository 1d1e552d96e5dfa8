"""FILES: the only room, beside the runner's, that knows a file system."""
