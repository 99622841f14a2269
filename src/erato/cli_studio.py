"""The `erato studio` command: options in, a server running; knows nothing of what it serves."""
