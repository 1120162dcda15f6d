"""This machine as the core sees it: clock, environment, processes that live or are gone."""
