"""What a session learns: trainings, their maps and their history."""
