"""Hold the vocabulary that every part of Quarterdeck shares: values and ports, no input or output.

Standard library only. Whatever lives here may be imported from anywhere; it imports nothing of ours.
"""
