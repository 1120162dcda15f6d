"""What decides by the files of operators, and the secrets of this user."""
