"""HANDS: agents and checks as processes. Knows nothing of queues; siblings of the store, below the rules."""
