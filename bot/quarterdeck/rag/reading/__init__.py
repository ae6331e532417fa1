"""Turn files into chunks: find them, read them in a process of their own, cut them on their structure."""
