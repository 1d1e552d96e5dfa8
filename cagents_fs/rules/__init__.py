"""DECISIONS: one question per file, `decide(index, policy, now) -> Iterator[Action]`. Nothing else happens here."""
