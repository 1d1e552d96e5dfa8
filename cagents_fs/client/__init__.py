"""THE VERBS of an agent or a person. They meet the daemon in the tree and nowhere else."""
