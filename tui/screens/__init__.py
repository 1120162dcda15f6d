"""The screens: they arrange widgets and decide nothing."""
