"""What is kept outside the database to prove that the log was not rewritten."""
