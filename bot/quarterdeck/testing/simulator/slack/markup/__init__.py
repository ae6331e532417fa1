"""Read and check what messages are made of: blocks, mrkdwn, Markdown, emoji."""
