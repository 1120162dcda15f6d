"""The parts of the application: each is a base class of it that holds one idea."""
