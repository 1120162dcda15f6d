"""Attempts on a Dask cluster: the only package that imports `distributed`, which is an extra."""
