"""Write replies, cards and forms as Slack shows them; everything here is pure."""
