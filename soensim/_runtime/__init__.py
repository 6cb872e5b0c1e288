"""What the package needs from Python, the C library and the file system; nothing of a chip."""
