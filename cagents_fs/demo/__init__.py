"""The demo: 50 agents at once format 50 real files, three of them misbehave, every result is verified."""
