"""What safety and policies say of what a person asks for, before and after it happens."""
