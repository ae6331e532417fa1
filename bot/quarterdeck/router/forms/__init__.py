"""Ask for what a command lacks: forms, questions, and numbers in place of buttons."""
