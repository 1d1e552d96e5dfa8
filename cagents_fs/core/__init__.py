"""MEMORY: what the journal says (history), where all is (index), how tasks hang together (graph), their order."""
