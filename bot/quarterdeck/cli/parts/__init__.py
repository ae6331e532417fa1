"""Hold the verbs of `quarterdeck knowledge` and `quarterdeck workflow`, which are too many for one file each."""
