"""The state behind the screens: what the feed delivers, and queries on the recorded data."""
