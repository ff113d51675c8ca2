"""Learning of a session: trainings, their maps and their history."""
