"""THE LOOP: events are hints, looks are truth, a turn makes of it what the rules say."""
