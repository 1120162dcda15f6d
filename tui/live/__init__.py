"""The live state behind the screens."""
