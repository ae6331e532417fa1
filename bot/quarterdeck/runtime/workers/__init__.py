"""Run heavy native work in processes of its own: a crash or a hang there costs its request, never the bot."""
