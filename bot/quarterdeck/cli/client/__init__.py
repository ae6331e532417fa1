"""Be the terminal's side of the console: say what is typed, show what is answered.

A package, so that the list of verbs does not import what draws on a terminal.
"""
